from __future__ import annotations

import dataclasses
import uuid
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.log_event import LogEvent
from log_analyzer import incident as incident_module
from log_analyzer.error_batch import ErrorBatch
from log_analyzer.incident import (
    ConsumedError,
    Incident,
    Tally,
    covering,
    group_fingerprint,
    incident_id,
    is_quiet,
    severity,
)
from log_analyzer.incident_tracker import IncidentTracker
from log_analyzer.suspects import FailingSpan, RecentTraces, rank_suspects

QUIET_MS = 900_000


def error(log_id: str | None = None, at_ms: int = 0, offset: int = 0, level="ERROR", **fields):
    event = LogEvent(
        log_id or str(uuid.uuid4()),
        at_ms,
        fields.pop("service", "payment"),
        level,
        "boom",
        **fields,
    )
    return ConsumedError(event, fields.get("partition", 0), offset, b"{}", "boom")


def an_incident(opened_ms: int, last_ms: int | None = None) -> Incident:
    fingerprint = group_fingerprint("payment", "boom")
    key = incident_id(fingerprint, str(opened_ms))
    tallies = {0: Tally(first_ms=opened_ms, last_ms=last_ms or opened_ms)}
    return Incident(key, fingerprint, "payment", "boom", opened_ms, tallies=tallies)


def test_an_error_within_the_quiet_time_belongs_to_the_incident_before_and_after() -> None:
    one = an_incident(1_000_000, 2_000_000)
    for inside in (1_000_000 - QUIET_MS, 1_500_000, 2_000_000 + QUIET_MS):
        assert covering([one], inside, QUIET_MS) is one
    for outside in (1_000_000 - QUIET_MS - 1, 2_000_000 + QUIET_MS + 1):
        assert covering([one], outside, QUIET_MS) is None


def test_resolved_incidents_still_own_their_time() -> None:
    one = an_incident(1_000_000, 2_000_000)
    one.status = "resolved"
    assert covering([one], 1_200_000, QUIET_MS) is one


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=5, unique=True), st.integers(0, 10**8))
def test_the_choice_does_not_depend_on_the_order(openings: list[int], moment: int) -> None:
    incidents = [an_incident(opened) for opened in openings]
    there, back = (covering(order, moment, QUIET_MS) for order in (incidents, incidents[::-1]))
    assert there is back


@given(st.lists(st.integers(0, 30), max_size=100), st.integers(1, 20))
def test_each_log_id_counts_once_however_often_it_comes(numbers: list[int], limit: int) -> None:
    tally = Tally(loaded=True)
    ids = [str(uuid.UUID(int=number)) for number in numbers]
    added = [tally.add(error(log_id, at_ms=5), arrival_ms=1) for log_id in ids]
    assert sum(added) == tally.count == len(set(ids))


def test_beyond_the_remembered_ids_a_redelivered_offset_counts_once(monkeypatch) -> None:
    monkeypatch.setattr(incident_module, "REMEMBERED_LOG_IDS", 3)
    tally = Tally(loaded=True)
    errors = [error(offset=offset) for offset in range(10)]
    for batch in (errors, errors[5:]):
        for one in batch:
            tally.add(one, arrival_ms=1)
        tally.end_batch()
    assert (len(tally.seen), tally.count) == (3, 10)


class MemoryStore:
    """The store of one incident with one tally, read back as it was written."""

    def __init__(self) -> None:
        self.opened: tuple[int, uuid.UUID] | None = None
        self.log_ids: set[bytes] = set()
        self.tally = Tally()

    def revision(self, _) -> None:
        return None

    def near(self, *_):
        return [self.opened] if self.opened else []

    def open(self, first, _) -> uuid.UUID:
        key = incident_id(first.fingerprint, first.event.log_id)
        self.opened = (first.event.timestamp_ms, key)
        return key

    def load(self, blank: Incident) -> Incident:
        blank.tallies[0] = dataclasses.replace(self.tally)
        return blank

    def load_log_ids(self, *_) -> set[bytes]:
        return set(self.log_ids)

    def evidence_statements(self, *_):
        return []

    def error_statements(self, _, __, errors):
        return [uuid.UUID(one.event.log_id).bytes for one in errors]

    def incident_statements(self, incident, **_):
        return list(incident.tallies.values())

    def write(self, writes) -> None:
        for one in writes:
            if isinstance(one, bytes):
                self.log_ids.add(one)
            else:
                stored = len(one.seen)
                self.tally = dataclasses.replace(one, seen=set(), loaded=False, stored_count=stored)


@given(st.permutations(range(12)), st.integers(1, 12), st.booleans())
def test_beyond_the_remembered_ids_errors_count_once_in_any_order(order, first, restarts) -> None:
    store = MemoryStore()
    # Offsets rise, event times do not; the second batch brings the first again.
    errors = [error(at_ms=at_ms, offset=offset) for offset, at_ms in enumerate(order)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incident_module, "REMEMBERED_LOG_IDS", 3)
        tracker = IncidentTracker(store, Mock(), QUIET_MS)
        for batch in (errors[:first], errors, errors[first:]):
            tracker.record(batch)
            if restarts:
                tracker.forget()
    assert (len(store.log_ids), store.tally.stored_count + store.tally.overflow) == (3, 12)
    assert store.tally.high_offset == 11


def test_severity_grows_with_errors_and_fatal_is_critical() -> None:
    assert [severity(count, fatal=False) for count in (1, 10, 100)] == ["low", "medium", "high"]
    assert severity(1, fatal=True) == "critical"
    assert is_quiet(0, QUIET_MS, QUIET_MS)
    assert not is_quiet(1, QUIET_MS, QUIET_MS)


def test_a_batch_is_due_when_full_or_old_and_a_quiet_topic_holds_nothing_back() -> None:
    batch = ErrorBatch(size=2, wait_seconds=2.0)
    assert not batch.is_due(100.0)
    batch.add(error(), 100.0)
    assert not batch.is_due(101.9)
    assert batch.is_due(102.0)
    batch.add(error(), 100.5)
    assert batch.is_due(100.5)


def test_a_revoked_partition_leaves_nothing_behind() -> None:
    batch = ErrorBatch(size=2, wait_seconds=2.0)
    batch.add(error(), 100.0)
    batch.reached(0, 41)
    batch.reached(1, 7)
    batch.drop({0})
    assert (batch.errors, batch.positions, batch.is_due(1e9)) == ([], {1: 8}, False)


def test_the_deepest_failing_service_of_shared_traces_comes_first() -> None:
    def trace(start: int) -> list[FailingSpan]:
        return [
            FailingSpan("api-gateway", start + 2, "a", None),
            FailingSpan("order", start + 1, "b", "a"),
            FailingSpan("payment", start, "c", "b"),
        ]

    assert rank_suspects("api-gateway", [trace(10), trace(20)]) == (
        "payment",
        "order",
        "api-gateway",
    )
    assert rank_suspects("order", []) == ("order",)


def test_traces_are_known_across_incidents_and_repeats_add_nothing() -> None:
    traces = RecentTraces()
    for _ in range(2):
        traces.add(error(trace_id="t1", span_id="1", service="order").event)
        traces.add(error(trace_id="t1", span_id="2", parent_span_id="1").event)
    traces.add(error().event)
    assert [[span.service_name for span in spans] for spans in traces.of(["t1", "t2"])] == [
        ["order", "payment"]
    ]
