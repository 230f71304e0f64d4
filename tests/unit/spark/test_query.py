"""When a driver gives up, how long it waits, and what it says of a failure."""

from __future__ import annotations

import pytest

from spark.streaming.query import RESTART_DELAYS_SECONDS, Outage, shortest_reason

PYTHON_TRACE = """[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: \
An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):
  File "clientserver.py", line 617, in _call_proxy
    return_value = getattr(self.pool[obj_id], method)(*params)
py4j.protocol.Py4JJavaError: An error occurred while calling o1191.save.
: java.io.IOException: Failed to open native connection to Cassandra
\tat com.datastax.spark.connector.cql.CassandraConnector$.createSession(CassandraConnector.scala)
Caused by: java.net.ConnectException: Connection refused
\t... 13 more
"""


def test_the_root_cause_of_a_trace_is_told_in_one_line() -> None:
    assert shortest_reason(PYTHON_TRACE) == "java.net.ConnectException: Connection refused"


@pytest.mark.parametrize(("text", "reason"), [("", "unknown"), ("Kafka\naway", "Kafka")])
def test_a_text_without_a_cause_is_told_by_its_first_line(text: str, reason: str) -> None:
    assert shortest_reason(text) == reason


def test_failures_in_a_row_wait_longer_and_longer_within_a_bound() -> None:
    outage = Outage()
    waits = [outage.failed(now) for now in range(100, 110)]
    assert waits[:4] == list(RESTART_DELAYS_SECONDS)
    assert set(waits[4:]) == {max(RESTART_DELAYS_SECONDS)}
    assert outage.seconds(160) == 60


def test_a_query_that_works_ends_the_outage_however_quiet_the_topic_is() -> None:
    outage = Outage()
    outage.failed(0)
    outage.over()
    assert outage.seconds(10_000) == 0
    assert outage.failed(10_000) == RESTART_DELAYS_SECONDS[0]
    assert outage.seconds(10_001) == 1
