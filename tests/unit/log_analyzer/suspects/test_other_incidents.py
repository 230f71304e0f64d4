"""What a trace complains of, and what other incidents explain."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.error_names import names_of
from log_analyzer.suspects.other_incidents import without_others
from log_analyzer.suspects.trace_complaint import complaint_of
from log_analyzer.suspects.window_logs import LogReading

SERVICES = {"edge", "order", "payment", "mail"}


def line(service: str, message: str, at_ms: int, level: str = "ERROR", **fields) -> LogEvent:
    key = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{service}{message}{at_ms}"))
    return LogEvent(key, at_ms, service, level, message, **fields)


def test_a_trace_complains_of_the_service_that_its_first_failing_line_names() -> None:
    logs = [
        line("edge", "GET /orders", 0, "INFO"),
        line("order", "Timeout while calling payment", 5),
        line("edge", "order failed", 6),
    ]
    assert complaint_of(logs[::-1], SERVICES) == "payment"


def test_a_trace_whose_errors_name_nobody_complains_of_whom_it_heard_last() -> None:
    logs = [
        line("edge", "GET /orders", 0, "INFO"),
        line("payment", "done", 4, "INFO"),
        line("order", "unexpected end of input", 5),
    ]
    assert complaint_of(logs, SERVICES) == "payment"
    assert complaint_of([line("edge", "bad header", 1)], SERVICES) == "edge"
    assert complaint_of([line("edge", "fine", 1, "INFO")], SERVICES) is None


@given(st.permutations(range(7)))
def test_whom_it_heard_last_is_whom_it_called_and_not_whom_that_one_called(order) -> None:
    """Lines of one millisecond come in any order."""
    logs = [
        line("edge", "GET /orders", 0, "INFO", span_id="a"),
        line("order", "placing", 1, "INFO", span_id="b"),
        line("payment", "begins", 4, "INFO", span_id="c"),
        line("mail", "begins", 5, "INFO", span_id="d"),
        line("mail", "done", 9, "INFO", span_id="d"),
        line("payment", "done", 9, "INFO", span_id="c"),
        line("order", "unexpected end of input", 9, span_id="b"),
    ]
    assert complaint_of([logs[place] for place in order], SERVICES) == "payment"


def test_a_call_that_was_over_before_the_last_one_is_not_blamed() -> None:
    logs = [
        line("edge", "GET /orders", 0, "INFO", span_id="a"),
        line("order", "placing", 1, "INFO", span_id="b"),
        line("payment", "begins", 2, "INFO", span_id="c"),
        line("payment", "done", 5, "INFO", span_id="c"),
        line("order", "payment is made", 6, "INFO", span_id="b"),
        line("mail", "begins", 7, "INFO", span_id="d"),
        line("mail", "done", 8, "INFO", span_id="d"),
        line("order", "unexpected end of input", 9, span_id="b"),
    ]
    assert complaint_of(logs, SERVICES) == "mail"


def test_the_warning_that_a_failure_begins_with_is_no_step_of_its_own() -> None:
    logs = [
        line("edge", "GET /orders", 0, "INFO", span_id="a"),
        line("order", "placing", 1, "INFO", span_id="b"),
        line("payment", "done", 5, "INFO", span_id="c"),
        line("order", "answers 500", 6, "WARN", span_id="b"),
        line("order", "unexpected end of input", 7, span_id="b"),
    ]
    assert complaint_of(logs, SERVICES) == "payment"
    # What it logs of its own work is one: then it fails by itself.
    own = [*logs[:3], line("order", "adding up", 6, "INFO", span_id="b"), logs[-1]]
    assert complaint_of(own, SERVICES) == "order"


def test_names_are_services_hosts_and_resources_but_no_ids_and_not_its_own() -> None:
    def named(text: str, **fields: object) -> set[str]:
        return set(names_of(line("order", text, 0, **fields), SERVICES))

    assert named("order: payment did not answer within 300 ms") == {"payment"}
    assert named("cannot reach shared-db number 7") == {"shared-db"}
    assert named("connect to db-1.prod.internal:5432 failed") == {"db-1.prod.internal"}
    assert named("dial tcp 10.0.3.7:6379: connection refused") == {"10.0.3.7"}
    assert named("https://partner.example/v2 answered 503") == {"partner.example"}
    assert named("failed", attributes={"server.address": "orders-db"}) == {"orders-db"}
    assert not named("java.net.UnknownHostException at localhost:80, order 4711-8812-9921")


def test_a_pod_does_not_name_its_own_service() -> None:
    pod = line("order-556455c97c-k8tdx", "order could not place 7: payment is away", 0)
    assert names_of(pod, SERVICES) == {"payment"}


def test_the_traces_that_other_incidents_explain_are_left_out_and_shared_ones_stay() -> None:
    mine = line("order", "boom", 1, trace_id="a")
    theirs = line("mail", "gone", 2, trace_id="b")
    shared = [line("order", "boom", 3, trace_id="c"), line("mail", "gone", 4, trace_id="c")]
    passing = [line("mail", "sent", 5, "INFO", trace_id="b"), line("mail", "sent", 6, "INFO")]
    others = {bytes.fromhex(one.log_id.replace("-", "")) for one in (theirs, shared[1])}
    reading = LogReading((mine, theirs, *shared, *passing), whole=True)
    kept = without_others(reading, others).events
    assert kept == (mine, *shared, passing[1])
    assert without_others(reading, set()) is reading
