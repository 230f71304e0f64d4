"""Groups become incidents: one for a cause, whichever instances see which part of it."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
import uuid
import zlib
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from cassandra.cluster import Session

from firstcause.events.log_event import ERROR_LEVELS
from firstcause.incidents.view import EARLIER_SHOWN, Analysis, IncidentView
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.episodes import tally as tally_module
from log_analyzer.incident_history.earlier_incidents import KEPT_SECONDS
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.escalations import ConsumedEscalation
from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.model.analysis_store import AnalysisStore
from log_analyzer.notify.outbox import MessageOutbox
from tests.integration.log_analyzer.analyzer_parts import (
    APART_MS,
    DAY_MS,
    QUIET_MS,
    a_tracker,
    an_event,
    consumed,
    eventually,
    incidents_of,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def shop() -> dict[str, str]:
    """Three services of the test's own: a gateway calls order, which calls payment."""
    mark = uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))[:10]
    return {name: f"{name}-{mark}" for name in ("gateway", "order", "payment")}


def a_storm(shop: dict[str, str], start_ms: int, requests: int = 30, run: str = "a") -> dict:
    """By service, the errors of requests that fail in payment and surface above it."""
    errors: dict[str, list] = {name: [] for name in shop}
    for n in range(requests):
        trace = {"trace_id": uuid.uuid5(uuid.NAMESPACE_OID, f"{shop}/{start_ms}/{run}/{n}").hex}
        at_ms = start_ms + n * 10
        spans = {"payment": ("c", "b"), "order": ("b", "a"), "gateway": ("a", None)}
        for later, (name, (span, parent)) in enumerate(spans.items()):
            fields = trace | {"span_id": f"{span}{n:04x}"}
            if parent:
                fields["parent_span_id"] = f"{parent}{n:04x}"
            number = start_ms + n
            errors[name].append(an_event(shop[name], number, at_ms + later, **fields))
    return errors


def incidents_in(session: Session, shop: dict[str, str]) -> list[IncidentView]:
    found = [view for name in shop.values() for view in incidents_of(session, name)]
    return sorted(found, key=lambda view: view.first_ms)


def test_a_storm_split_by_service_over_racing_instances_is_one_incident(session, shop) -> None:
    storm = a_storm(shop, DAY_MS)
    trackers = [a_tracker(session) for _ in shop]
    start = threading.Barrier(len(trackers))
    failures: list[Exception] = []

    def run(number: int, events: list) -> None:
        start.wait(30)
        try:
            for at in range(0, 30, 10):
                errors = consumed(events[at : at + 10], partition=number, offset=at)
                trackers[number].record(errors)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [
        threading.Thread(target=run, args=(number, events))
        for number, events in enumerate(storm.values())
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    for tracker in trackers:
        tracker.merge()
    [incident] = incidents_in(session, shop)
    assert incident.error_count == 90
    assert incident.suspects == (shop["payment"], shop["order"], shop["gateway"])
    assert incident.services == tuple(sorted(shop.values()))
    assert {(one.service_name, one.error_count) for one in incident.groups} == {
        (name, 30) for name in shop.values()
    }
    assert {(one.service_name, one.errors) for one in incident.error_minutes} == {
        (name, 30) for name in shop.values()
    }
    assert incident.severity == "high"


@pytest.mark.parametrize(
    "names", [["gateway", "order", "payment"], ["payment", "gateway", "order"]]
)
def test_the_order_in_which_services_are_seen_changes_nothing(session, shop, names) -> None:
    storm = a_storm(shop, DAY_MS)
    for partition, name in enumerate(names):
        a_tracker(session).record(consumed(storm[name], partition=partition))
    [incident] = incidents_in(session, shop)
    assert (incident.error_count, incident.suspects[0]) == (90, shop["payment"])


def test_two_causes_at_the_same_time_stay_two_incidents(session, shop) -> None:
    other = {name: f"other-{value}" for name, value in shop.items()}
    tracker = a_tracker(session)
    for services in (shop, other):
        storm = a_storm(services, DAY_MS)
        tracker.record(consumed([event for events in storm.values() for event in events]))
    assert len(incidents_in(session, shop)) == len(incidents_in(session, other)) == 1


def test_without_traces_the_call_graph_and_time_tell(session, shop) -> None:
    graph = CallGraph([(shop["order"], shop["payment"])])
    tracker = a_tracker(session, load_graph=lambda: graph)
    for name, at_ms in (("order", 0), ("payment", 2_000), ("gateway", 4_000)):
        tracker.record(consumed([an_event(shop[name], 1, DAY_MS + at_ms)]))
    assert sorted(len(one.services) for one in incidents_in(session, shop)) == [1, 2]


def test_incidents_that_share_traces_later_merge_and_all_is_read_through_the_older(
    session, shop
) -> None:
    poked: list[uuid.UUID] = []
    storm = a_storm(shop, DAY_MS)
    tracker = a_tracker(session, changed=poked.append)
    for name in ("order", "payment"):
        # The first errors carry no trace, so nothing ties the two services yet.
        tracker.record(consumed([an_event(shop[name], 1, DAY_MS)]))
    older, younger = incidents_in(session, shop)
    if older.service_name != shop["order"]:
        older, younger = younger, older
    for partition, name in enumerate(("order", "payment")):
        # Other instances bring the rest.
        a_tracker(session).record(consumed(storm[name], partition=partition, offset=10))
    poked.clear()
    tracker.merge()
    [incident] = incidents_in(session, shop)
    assert incident.incident_id == older.incident_id
    assert (incident.error_count, len(incident.evidence)) == (62, 62)
    assert incident.suspects[0] == shop["payment"]
    gone = IncidentReader(session).read(younger.incident_id)
    assert gone is not None
    assert (gone.merged_into, gone.status) == (older.incident_id, "resolved")
    # An instance that has not heard of the merge goes on counting: nothing is lost by it.
    tracker.record(consumed([an_event(shop["payment"], 5, DAY_MS + 500)], partition=7))
    [incident] = incidents_in(session, shop)
    assert incident.error_count == 63
    assert incident.status == "open"


def test_a_killed_merge_is_completed_by_whoever_looks(session, shop) -> None:
    class Killed(Exception):
        pass

    storm = a_storm(shop, DAY_MS)
    tracker = a_tracker(session)
    for name in ("order", "payment"):
        tracker.record(consumed([an_event(shop[name], 1, DAY_MS)]))
    board = BoardStore(session)
    victim = a_tracker(session, board=board)
    victim.merge()
    for partition, name in enumerate(("order", "payment")):
        victim.record(consumed(storm[name], partition=partition, offset=10))
    assert len(incidents_in(session, shop)) == 2

    def killed(_: object) -> None:
        raise Killed

    board.publish = killed
    # Ties are looked for at a bounded share of the time, so not at each call.
    with pytest.raises(Killed):
        eventually(victim.merge, bool)
    # The board has it: the message of the younger one is not sent any more.
    [incident] = incidents_in(session, shop)
    a_tracker(session).merge()
    [incident] = incidents_in(session, shop)
    assert incident.error_count == 62


def test_what_returns_in_time_reopens_its_incident_with_all_that_surfaces(session, shop) -> None:
    tracker = a_tracker(session)
    again_ms = DAY_MS + QUIET_MS + 400_000
    storm = a_storm(shop, DAY_MS)
    tracker.record(consumed(storm["payment"], partition=2))
    tracker.record(consumed(storm["gateway"], partition=1))
    [first] = incidents_in(session, shop)
    storm = a_storm(shop, again_ms)
    # What surfaces is seen before the cause this time, by another instance.
    a_tracker(session).record(consumed(storm["gateway"], partition=1, offset=100))
    assert len(incidents_in(session, shop)) == 2
    tracker.record(consumed(storm["payment"], partition=2, offset=100))
    [incident] = incidents_in(session, shop)
    assert incident.incident_id == first.incident_id
    assert incident.error_count == 120
    assert incident.status == "open"
    assert [one.error_count for one in incident.groups] == [60, 60]


def test_a_recurrence_links_the_earlier_incident_and_what_it_was(session, shop) -> None:
    tracker = a_tracker(session)
    for number in range(3):
        storm = a_storm(shop, DAY_MS + number * 2 * APART_MS)
        tracker.record(consumed([event for events in storm.values() for event in events]))
    first, second, third = incidents_in(session, shop)
    assert (first.status, second.status, third.status) == ("resolved", "resolved", "open")
    assert first.earlier == ()
    assert [one.incident_id for one in third.earlier] == [second.incident_id, first.incident_id]
    assert third.earlier[0].culprit_service == shop["payment"]
    assert third.earlier[0].first_ms == second.first_ms


def test_of_many_earlier_incidents_the_newest_are_told(session, shop) -> None:
    tracker = a_tracker(session)
    for number in range(EARLIER_SHOWN + 2):
        event = an_event(shop["payment"], number, DAY_MS + number * 2 * APART_MS)
        tracker.record(consumed([event], offset=number))
    *before, last = incidents_in(session, shop)
    newest = [one.incident_id for one in before[::-1]]
    assert [one.incident_id for one in last.earlier] == newest[:EARLIER_SHOWN]


def test_what_an_earlier_incident_was_is_at_most_half_a_minute_old(session, shop) -> None:
    tracker = a_tracker(session)
    for number in range(2):
        event = an_event(shop["payment"], number, DAY_MS + number * 2 * APART_MS)
        tracker.record(consumed([event], offset=number))
    first, last = incidents_in(session, shop)
    now = [0.0]
    reader = IncidentReader(session, monotonic=lambda: now[0])

    def told() -> str:
        view = reader.read(last.incident_id)
        assert view is not None
        return view.earlier[0].root_cause

    assert told() == ""
    answer = Analysis("mistral", "The pool leaks.", shop["payment"], "likely", (), (), state="s")
    AnalysisStore(session).write(first.incident_id, answer)
    now[0] = KEPT_SECONDS
    assert told() == "The pool leaks."


SCENARIOS = failing_scenario_names()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_fault_of_the_shop_is_one_incident_with_its_culprit_first(session, scenario) -> None:
    # Days apart, so that no scenario touches another.
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=10 * SCENARIOS.index(scenario))
    stream = EventStream(
        GeneratorParameters(
            rate_per_second=400,
            duration_seconds=40,
            scenario=scenario,
            seed=5,
            start=start,
            fault_start_seconds=2,
            fault_duration_seconds=40,
        )
    )
    values = [value for batch in stream.batches() for value in batch.values]
    errors = [event for event in map(orjson.loads, values) if event["level"] in ERROR_LEVELS]
    trackers = [a_tracker(session) for _ in range(2)]
    for at in range(0, len(errors), 50):
        for partition, tracker in enumerate(trackers):
            own = [
                event
                for event in errors[at : at + 50]
                if zlib.crc32(event["service_name"].encode()) % 2 == partition
            ]
            tracker.record(consumed(own, partition=partition, offset=at))
    for tracker in trackers:
        tracker.merge()
    found = [
        view
        for view in IncidentReader(session).since(start)
        if view.first_ms < (start + timedelta(days=1)).timestamp() * 1_000
    ]
    [incident] = found
    assert incident.error_count == len(errors)
    if stream.scenario.culprit_logs_errors:
        assert incident.suspects[0] == stream.scenario.culprit


def an_escalation(service: str, first_ms: int, **changes: object) -> ConsumedEscalation:
    fields = {"alert_count": 3, "last_alert_ms": first_ms + 1_000} | changes
    key = uuid.uuid5(uuid.NAMESPACE_OID, f"{service}/{first_ms}")
    return ConsumedEscalation(key, service, first_alert_ms=first_ms, **fields)


@pytest.mark.parametrize("escalated_first", [True, False])
def test_an_escalation_raises_the_severity_whenever_it_comes(
    session, shop, escalated_first
) -> None:
    tracker = a_tracker(session)
    escalation = an_escalation(shop["payment"], DAY_MS - 200_000, last_alert_ms=DAY_MS - 100_000)
    if escalated_first:
        tracker.escalate([escalation])
    tracker.record(consumed(a_storm(shop, DAY_MS, requests=3)["payment"]))
    if not escalated_first:
        [before] = incidents_in(session, shop)
        assert before.severity == "low"
        outbox = MessageOutbox(session)
        row = outbox.read(before.incident_id)
        assert outbox.move(dataclasses.replace(row, state="settled", channel="C1", ts="1.2"))
        tracker.escalate([escalation])
        assert outbox.read(before.incident_id).state == "live"
    # Again, and an older version of it: nothing changes.
    older = an_escalation(shop["payment"], DAY_MS - 200_000, alert_count=2)
    tracker.escalate([escalation, older])
    [incident] = incidents_in(session, shop)
    assert incident.severity == "high"
    [shown] = incident.escalations
    assert (shown.escalation_id, shown.alert_count) == (escalation.escalation_id, 3)


def test_escalations_of_other_services_and_times_change_nothing(session, shop) -> None:
    tracker = a_tracker(session)
    tracker.record(consumed([an_event(shop["payment"], 1)]))
    tracker.escalate(
        [
            an_escalation(shop["order"], DAY_MS),
            an_escalation(shop["payment"], DAY_MS - 400_000),
            an_escalation(shop["payment"], DAY_MS + 400_000),
        ]
    )
    [incident] = incidents_in(session, shop)
    assert (incident.severity, incident.escalations) == ("low", ())


def test_quiet_incidents_leave_the_board_and_come_back_when_they_reopen(session, shop) -> None:
    now = [time.time_ns() // 1_000_000]
    tracker = a_tracker(session, clock_ms=lambda: now[0])
    tracker.record(consumed(a_storm(shop, DAY_MS)["payment"]))
    [opened] = incidents_in(session, shop)
    for _ in range(2):
        now[0] += QUIET_MS
        tracker.resolve_quiet()
    assert opened.incident_id not in tracker._placer.live()
    late = a_tracker(session, clock_ms=lambda: now[0])
    late.record(consumed([an_event(shop["payment"], 77, DAY_MS + 9)], offset=99))
    [incident] = incidents_in(session, shop)
    assert (incident.incident_id, incident.status) == (opened.incident_id, "open")
    assert incident.error_count == 31
    assert opened.incident_id in late._placer.live()


@pytest.mark.parametrize("seed", range(3))
def test_beyond_the_remembered_ids_errors_count_once_in_any_order(
    session, shop, seed, monkeypatch
) -> None:
    monkeypatch.setattr(tally_module, "REMEMBERED_LOG_IDS", 3)
    chance = random.Random(seed)
    moments = chance.sample(range(12), 12)
    errors = consumed(an_event(shop["payment"], n, DAY_MS + n) for n in moments)
    tracker = a_tracker(session)
    first = chance.randint(1, 11)
    # Offsets rise, event times do not; the second batch brings the first again.
    for batch in (errors[:first], errors, errors[first:]):
        tracker.record(batch)
        if chance.random() < 0.5:
            tracker = a_tracker(session)
    [incident] = incidents_in(session, shop)
    assert incident.error_count == 12
    assert sum(one.errors for one in incident.error_minutes) == 12
