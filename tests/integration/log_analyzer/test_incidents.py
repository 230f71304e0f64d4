"""Incidents in Cassandra: counted once, opened once, whatever crashes or races in between."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
import uuid

import pytest
from cassandra.cluster import NoHostAvailable

from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.notify.digests.store import DigestStore
from log_analyzer.notify.messages.digest import Member
from log_analyzer.notify.outbox import MessageOutbox
from tests.integration.log_analyzer.analyzer_parts import (
    APART_MS,
    DAY_MS,
    QUIET_MS,
    a_tracker,
    an_event,
    consumed,
    incidents_of,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def service() -> str:
    return f"payment-{random.randrange(10**9)}".translate(str.maketrans("0123456789", "abcdefghij"))


class CrashError(Exception):
    """Stands for the process being killed at this point."""


class CrashingAt:
    """A store or outbox whose nth call from now ends the process, before or after its effect."""

    def __init__(self, inner: object, budget: list[int], *, after: bool) -> None:
        self._inner, self._budget, self._after = inner, budget, after

    def __getattr__(self, name: str):
        method = getattr(self._inner, name)

        def call(*arguments: object, **named: object):
            self._budget[0] -= 1
            if self._budget[0] == 0 and not self._after:
                raise CrashError(name)
            if self._budget[0] == 0 and name == "write":
                # Killed in the middle of it: every other write was done.
                method(arguments[0][::2])
                raise CrashError(name)
            result = method(*arguments, **named)
            if self._budget[0] == 0:
                raise CrashError(name)
            return result

        return call


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_call_loses_nothing_and_counts_nothing_twice(
    session, service, after
) -> None:
    crashes = 0
    for call in range(1, 100):
        name = f"{service}-{'abcdefghij'[call // 10]}{'abcdefghij'[call % 10]}"
        # The second batch finds the incident that the first opened.
        batches = [
            consumed([an_event(name, n, DAY_MS + n) for n in range(3)]),
            consumed([an_event(name, n, DAY_MS + n) for n in range(3, 8)], offset=3),
        ]
        budget = [call]
        tracker = a_tracker(
            session,
            store=CrashingAt(EpisodeStore(session), budget, after=after),
            board=CrashingAt(BoardStore(session), budget, after=after),
            outbox=CrashingAt(MessageOutbox(session), budget, after=after),
        )
        crashed = False
        for batch in batches:
            try:
                tracker.record(batch)
            except CrashError:
                crashed = True
                # A new process, the same uncommitted messages again.
                tracker = a_tracker(session)
                tracker.record(batch)
        [incident] = incidents_of(session, name)
        assert incident.error_count == 8
        assert len(incident.evidence) == 8
        assert (incident.first_ms, incident.last_ms) == (DAY_MS, DAY_MS + 7)
        assert incident.message is not None
        if not crashed:
            break
        crashes += 1
    assert crashes >= 10


def test_the_same_errors_again_open_nothing_and_count_nothing(session, service) -> None:
    events = [an_event(service, n, DAY_MS + n * 1_000) for n in range(30)]
    # A second incident of the group, later by more than it may reopen in.
    events += [an_event(service, n, DAY_MS + 2 * APART_MS + n * 1_000) for n in range(30, 40)]
    a_tracker(session).record(consumed(events))
    before = incidents_of(session, service)
    assert [one.error_count for one in before] == [30, 10]
    for seed in range(3):
        random.Random(seed).shuffle(events)
        tracker = a_tracker(session)
        for start in range(0, 40, 10):
            tracker.record(consumed(events[start : start + 10], offset=100 + start))
    assert incidents_of(session, service) == before


def test_after_the_quiet_time_a_new_error_opens_a_new_incident_and_ends_the_old(
    session, service
) -> None:
    tracker = a_tracker(session)
    tracker.record(consumed([an_event(service, 1)]))
    tracker.record(consumed([an_event(service, 2, DAY_MS + QUIET_MS)]))
    tracker.record(consumed([an_event(service, 3, DAY_MS + QUIET_MS + APART_MS)]))
    first, second = incidents_of(session, service)
    assert (first.status, first.error_count) == ("resolved", 2)
    assert (second.status, second.error_count) == ("open", 1)


def test_a_late_error_goes_to_the_incident_of_its_time(session, service) -> None:
    tracker = a_tracker(session)
    tracker.record(consumed([an_event(service, 1)]))
    tracker.record(consumed([an_event(service, 2, DAY_MS + 2 * APART_MS)]))
    tracker = a_tracker(session)
    tracker.record(consumed([an_event(service, 3, DAY_MS + 5)]))
    assert [one.error_count for one in incidents_of(session, service)] == [2, 1]


def test_an_incident_that_was_resolved_by_the_clock_opens_again_for_its_own_errors(
    session, service
) -> None:
    now = [time.time_ns() // 1_000_000]
    tracker = a_tracker(session, clock_ms=lambda: now[0])
    tracker.record(consumed([an_event(service, 1)]))
    now[0] += QUIET_MS
    # Another instance, one that has never seen the incident, resolves it.
    a_tracker(session, clock_ms=lambda: now[0]).resolve_quiet()
    assert [one.status for one in incidents_of(session, service)] == ["resolved"]
    tracker.record(consumed([an_event(service, 2, DAY_MS + 1)]))
    assert [(one.status, one.error_count) for one in incidents_of(session, service)] == [
        ("open", 2)
    ]


def test_instances_that_race_open_one_incident(session, service) -> None:
    start = threading.Barrier(4)
    trackers = [a_tracker(session) for _ in range(4)]
    failures: list[Exception] = []

    def run(number: int) -> None:
        events = [an_event(service, number * 10 + n, DAY_MS + n) for n in range(10)]
        start.wait(30)
        try:
            # A key that is not the service: the group's errors come in several partitions.
            trackers[number].record(consumed(events, partition=number))
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    [incident] = incidents_of(session, service)
    assert incident.error_count == 40


def test_an_error_storm_is_written_by_group_not_by_error(session, service) -> None:
    calls: list[str] = []

    class Counting(CrashingAt):
        def __getattr__(self, name: str):
            calls.append(name)
            return getattr(self._inner, name)

    store = Counting(EpisodeStore(session), [0], after=False)
    events = [an_event(service, n, DAY_MS + n) for n in range(2_000)]
    a_tracker(session, store=store).record(consumed(events))
    assert len(calls) < 12
    assert [one.error_count for one in incidents_of(session, service)] == [2_000]


def test_nothing_stored_while_cassandra_is_away_is_forgotten(session, service) -> None:
    class Away:
        def __getattr__(self, name: str):
            raise NoHostAvailable("away", {})

    batch = consumed([an_event(service, 1)])
    tracker = a_tracker(session)
    store, tracker._store = tracker._store, Away()
    with pytest.raises(NoHostAvailable):
        tracker.record(batch)
    tracker._store = store
    tracker.record(batch)
    assert [one.error_count for one in incidents_of(session, service)] == [1]


def test_a_settled_message_is_revived_and_a_live_one_guarded(session) -> None:
    outbox, incident = MessageOutbox(session), uuid.uuid4()
    outbox.ensure(incident)
    row = outbox.read(incident)
    assert row is not None
    assert row.state == "pending"
    live = outbox.move(dataclasses.replace(row, state="live", channel="C1", ts="1.2"))
    assert live is not None
    assert outbox.move(dataclasses.replace(row, state="live")) is None
    outbox.ensure(incident)
    assert outbox.move(dataclasses.replace(live, state="settled")) is None
    fresh = outbox.read(incident)
    assert fresh is not None
    assert outbox.move(dataclasses.replace(fresh, state="settled")) is not None
    outbox.ensure(incident)
    revived = outbox.read(incident)
    assert revived is not None
    assert revived.state == "live"


def test_a_fatal_error_is_critical_for_ten_minutes_though_forty_errors_of_it_are_kept(
    session, service
) -> None:
    minutes = [an_event(service, n, DAY_MS + n * 60_000) for n in range(120)]
    minutes[50]["level"] = "FATAL"
    batch = consumed(minutes)
    a_tracker(session).record(batch[:55])
    [incident] = incidents_of(session, service)
    assert (incident.severity, incident.worst) == ("critical", "critical")
    # Another process goes on from what is stored.
    a_tracker(session).record(batch[55:])
    [incident] = incidents_of(session, service)
    assert (incident.severity, incident.worst) == ("medium", "critical")
    assert len(incident.evidence) < 50


def test_members_join_a_digest_once_also_when_some_are_named_already(session) -> None:
    store, digest = DigestStore(session), uuid.uuid4()
    members = [
        Member(uuid.uuid4(), DAY_MS, "low", "open", f"title {n}", 1, DAY_MS, DAY_MS)
        for n in range(120)
    ]
    store.join(digest, members[:60])
    # After a crash some come again, and later ones never move those that stand.
    store.join(digest, [dataclasses.replace(one, joined_ms=DAY_MS + 1) for one in members])
    found = {one.incident_id: one for one in store.members(digest)}
    assert found.keys() == {one.incident_id for one in members}
    assert [found[one.incident_id].joined_ms - DAY_MS for one in members] == [0] * 60 + [1] * 60
