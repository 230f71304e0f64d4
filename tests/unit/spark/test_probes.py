"""The record that a store job stores to see that records can be stored: readable, and unseen."""

from __future__ import annotations

import orjson

from firstcause.events.log_event import read_log_event
from firstcause.events.span_event import read_span_message
from spark import store_logs, store_spans
from spark.store.batch import PROBE_SERVICE


def test_the_probe_of_the_log_job_is_an_old_event_of_no_service() -> None:
    event = read_log_event(orjson.dumps(store_logs.PROBE), 0)
    assert event.service_name == PROBE_SERVICE
    assert event.timestamp_ms == 0


def test_the_probe_of_the_span_job_is_an_old_span_of_no_service() -> None:
    message = read_span_message(orjson.dumps(store_spans.PROBE), 0)
    assert message.reason is None
    [span] = message.spans
    assert (span.service_name, span.start_ns) == (PROBE_SERVICE, 0)
