"""Bytes as spans: every kind of rubbish has a reason, and nothing is ever raised."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstcause.events.span import Span
from firstcause.events.span_event import BIGINT_MAX, UnreadableSpanReason, read_span_message
from generators.stream.event_stream import EventStream, GeneratorParameters
from tests.hostile_spans import GOOD_SPAN, HOSTILE_SPANS, encoded, flat, otlp, request

RECEIVED_MS = int(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 24 * 3600 * 1000


@pytest.mark.parametrize("name", HOSTILE_SPANS)
def test_each_message_gives_its_spans_and_its_reason(name: str) -> None:
    value, count, reason = HOSTILE_SPANS[name]
    found = read_span_message(value, RECEIVED_MS)
    assert (len(found.spans), found.reason) == (count, reason)


def test_every_reason_has_a_hostile_message() -> None:
    assert {reason for _, _, reason in HOSTILE_SPANS.values()} - {None} == set(UnreadableSpanReason)


def test_what_the_generator_sends_is_read_as_it_is() -> None:
    start = datetime(2026, 3, 1, 11, 0, 0, tzinfo=UTC)
    stream = EventStream(GeneratorParameters(50, 5, None, 3, start), with_spans=True)
    values = list(
        itertools.chain.from_iterable(batch.spans_alone().values for batch in stream.batches())
    )
    assert values
    for value in values:
        assert read_span_message(value, RECEIVED_MS).spans == (Span(**orjson.loads(value)),)


def test_both_forms_of_a_span_are_the_same_span() -> None:
    [one] = read_span_message(flat(parent_span_id=None, duration_us=12_500), RECEIVED_MS).spans
    [other] = read_span_message(otlp(), RECEIVED_MS).spans
    assert one == other
    assert (one.start_ns, one.duration_us) == (1_772_366_399_123_456_789, 12_500)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)
OTLP_KEYS = st.sampled_from(
    ["resource", "attributes", "key", "value", "scopeSpans", "spans", "traceId", "spanId"]
)
OTLP_JSON = st.recursive(
    st.one_of(st.none(), st.integers(), st.text("0aF-", max_size=4), st.just("service.name")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(OTLP_KEYS, inner, max_size=4)
    ),
    max_leaves=20,
)


def check(value: bytes | None) -> None:
    found = read_span_message(value, RECEIVED_MS)
    for span in found.spans:
        assert span.trace_id.strip("0")
        assert span.span_id.strip("0")
        assert span.service_name == span.service_name.strip()
        assert span.service_name
        assert 0 <= span.start_ns <= BIGINT_MAX
        assert span.start_ns // 1_000_000 <= RECEIVED_MS + DAY_MS
        assert span.duration_us >= 0
        # What is stored is text that any store takes.
        f"{span.service_name}{span.operation}".encode()


@given(st.one_of(st.none(), st.binary()))
@example(b"[" * 100_000)
@example(b'{"resourceSpans":' * 100_000)
def test_any_bytes_raise_nothing(value: bytes | None) -> None:
    found = read_span_message(value, RECEIVED_MS)
    assert found.spans == ()
    assert found.reason is not None


@given(st.dictionaries(st.sampled_from(sorted(GOOD_SPAN)), JSON))
@example({"start_ns": 10**30})
@example({"duration_us": float("inf")})
def test_any_fields_raise_nothing(fields: dict[str, Any]) -> None:
    check(flat(**fields))


@given(OTLP_JSON)
def test_anything_in_a_request_raises_nothing(inside: Any) -> None:
    check(encoded({"resourceSpans": inside}))
    check(encoded({"resourceSpans": [inside, *request()["resourceSpans"]]}))


@given(st.integers(0, 10**18), st.integers(0, 10**12))
def test_times_keep_every_digit(start_ns: int, duration_us: int) -> None:
    end_ns = start_ns + duration_us * 1_000 + 999
    [one] = read_span_message(
        otlp(startTimeUnixNano=str(start_ns), endTimeUnixNano=end_ns), RECEIVED_MS
    ).spans
    assert (one.start_ns, one.duration_us) == (start_ns, duration_us)
