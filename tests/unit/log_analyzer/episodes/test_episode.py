from __future__ import annotations

import uuid
from collections import Counter

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes import tally as tally_module
from log_analyzer.episodes.consumed_error import ConsumedError, group_fingerprint
from log_analyzer.episodes.episode import Episode, covering, episode_id, is_quiet
from log_analyzer.episodes.tally import MINUTE_MS, MINUTES_KEPT, Tally
from log_analyzer.incident_history.failing_services import FailingSpan, failing_services
from log_analyzer.intake.uncommitted_batch import (
    BACKLOG_BYTES,
    BACKLOG_SECONDS,
    ReadError,
    ReadEscalation,
    SourceMessage,
    UncommittedBatch,
)

QUIET_MS = 900_000
TEMPLATE_ID = uuid.uuid5(uuid.NAMESPACE_OID, "boom")


def error(log_id: str | None = None, at_ms: int = 0, offset: int = 0, level="ERROR", **fields):
    event = LogEvent(
        log_id or str(uuid.uuid4()),
        at_ms,
        fields.pop("service", "payment"),
        level,
        "boom",
        **fields,
    )
    return ConsumedError(event, 0, offset, "boom", TEMPLATE_ID)


def an_episode(opened_ms: int, last_ms: int | None = None) -> Episode:
    fingerprint = group_fingerprint("payment", TEMPLATE_ID)
    key = episode_id(fingerprint, str(opened_ms))
    tallies = {0: Tally(first_ms=opened_ms, last_ms=last_ms or opened_ms)}
    return Episode(key, fingerprint, "payment", "boom", opened_ms, tallies=tallies)


def test_an_error_within_the_quiet_time_belongs_to_the_episode_before_and_after() -> None:
    one = an_episode(1_000_000, 2_000_000)
    for inside in (1_000_000 - QUIET_MS, 1_500_000, 2_000_000 + QUIET_MS):
        assert covering([one], inside, QUIET_MS) is one
    for outside in (1_000_000 - QUIET_MS - 1, 2_000_000 + QUIET_MS + 1):
        assert covering([one], outside, QUIET_MS) is None


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=5, unique=True), st.integers(0, 10**8))
def test_the_choice_does_not_depend_on_the_order(openings: list[int], moment: int) -> None:
    episodes = [an_episode(opened) for opened in openings]
    there, back = (covering(order, moment, QUIET_MS) for order in (episodes, episodes[::-1]))
    assert there is back


@given(st.lists(st.integers(0, 30), max_size=100), st.integers(1, 20))
def test_each_log_id_counts_once_however_often_it_comes(numbers: list[int], limit: int) -> None:
    tally = Tally(loaded=True)
    ids = [str(uuid.UUID(int=number)) for number in numbers]
    added = [tally.add(error(log_id, at_ms=5), arrival_ms=1) for log_id in ids]
    assert sum(added) == tally.count == len(set(ids))


def test_beyond_the_remembered_ids_a_redelivered_offset_counts_once(monkeypatch) -> None:
    monkeypatch.setattr(tally_module, "REMEMBERED_LOG_IDS", 3)
    tally = Tally(loaded=True)
    errors = [error(offset=offset) for offset in range(10)]
    for batch in (errors, errors[5:]):
        for one in batch:
            tally.add(one, arrival_ms=1)
        tally.end_batch()
    assert (len(tally.seen), tally.count) == (3, 10)


@given(st.lists(st.integers(0, 10**9), max_size=400), st.randoms())
def test_minutes_are_the_same_in_any_order_and_after_reading_them_back(times, chance) -> None:
    errors = [error(at_ms=at_ms, offset=offset) for offset, at_ms in enumerate(times)]
    there, back = Tally(loaded=True), Tally()
    for one in errors:
        there.add(one, arrival_ms=1)
    there.end_batch()
    chance.shuffle(errors)
    back.load({one.log_key: one.event.timestamp_ms // MINUTE_MS for one in errors})
    assert there.minutes == back.minutes
    counted = Counter(at_ms // MINUTE_MS for at_ms in times)
    assert there.minutes == {key: counted[key] for key in sorted(counted)[-MINUTES_KEPT:]}


def test_an_incident_is_quiet_after_the_quiet_time() -> None:
    assert is_quiet(0, QUIET_MS, QUIET_MS)
    assert not is_quiet(1, QUIET_MS, QUIET_MS)


def read_error(partition: int = 0) -> ReadError:
    return ReadError(error().event, a_message(partition), 2)


def a_message(partition: int = 0) -> Message:
    return Message(topic="logs", partition=partition, offset=0, value=b"{}")


def test_a_batch_is_due_when_full_or_old_and_a_quiet_topic_holds_nothing_back() -> None:
    batch = UncommittedBatch(size=2, wait_seconds=2.0)
    assert not batch.is_due(100.0)
    batch.add(read_error(), 100.0)
    assert not batch.is_due(101.9)
    assert batch.is_due(102.0)
    batch.add(read_error(), 100.5)
    assert batch.is_due(100.5)


def test_while_more_waits_to_be_fetched_the_errors_of_several_fetches_are_stored_together() -> None:
    batch = UncommittedBatch(size=2, wait_seconds=2.0)
    for _ in range(3):
        batch.add(read_error(), 0.0)
    assert not batch.is_due(0.0, more_waits=True)
    assert batch.is_due(0.0 + BACKLOG_SECONDS, more_waits=True)
    assert batch.is_due(0.0)
    huge = ReadError(error().event, a_message(), BACKLOG_BYTES)
    batch.add(huge, 0.0)
    assert batch.is_due(0.0, more_waits=True)


def test_an_escalation_waits_for_nothing_and_holds_the_offsets_back() -> None:
    batch = UncommittedBatch(size=2, wait_seconds=2.0)
    batch.add_escalation(ReadEscalation(None, SourceMessage("escalations", 0, 0, b"{}")))
    assert batch.is_due(0.0)
    assert not batch.is_empty
    batch.stored()
    assert batch.is_empty


def test_a_revoked_partition_leaves_nothing_behind() -> None:
    batch = UncommittedBatch(size=2, wait_seconds=2.0)
    batch.add(read_error(), 100.0)
    batch.reached("logs", 0, 41)
    batch.reached("escalations", 0, 7)
    batch.drop({("logs", 0)})
    assert (batch.errors, batch.positions) == ([], {("escalations", 0): 8})
    assert not batch.is_due(1e9)


def test_the_deepest_failing_service_of_shared_traces_comes_first() -> None:
    def trace(name: str, start: int) -> list[FailingSpan]:
        return [
            FailingSpan(name, "api-gateway", start + 2, "a", None),
            FailingSpan(name, "order", start + 1, "b", "a"),
            FailingSpan(name, "payment", start, "c", "b"),
        ]

    first_ms = {"api-gateway": 1, "order": 2, "payment": 3}
    spans = [*trace("x", 10), *trace("y", 20)]
    assert failing_services(first_ms, spans) == ("payment", "api-gateway", "order")


def test_without_shared_traces_callees_come_first_and_then_who_failed_first() -> None:
    first_ms = {"api-gateway": 1, "order": 2, "payment": 3, "mail": 4}
    calls = {("api-gateway", "order"), ("order", "payment"), ("payment", "order")}
    assert failing_services(first_ms, [], {("api-gateway", "order"), ("order", "payment")}) == (
        "payment",
        "mail",
        "order",
        "api-gateway",
    )
    # Services that call each other are no trap.
    assert set(failing_services(first_ms, [], calls)) == first_ms.keys()
    assert failing_services({"order": 5}, [FailingSpan("x", "order", 1, None, None)]) == ("order",)
