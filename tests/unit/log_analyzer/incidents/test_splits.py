"""An incident that proves to have two causes becomes two; the messages of both are updated."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.grouping.parting import LEAST_TRACES
from log_analyzer.incidents.stores.board_in_memory import BoardInMemory
from log_analyzer.incidents.stores.episodes_in_memory import EpisodesInMemory
from log_analyzer.incidents.stores.incident_rows import Bounds
from log_analyzer.incidents.tracker import IncidentTracker
from tests.integration.log_analyzer.analyzer_parts import DAY_MS, an_event, consumed
from tests.unit.log_analyzer.incidents.test_tracker import Stored


class Outbox:
    def __init__(self) -> None:
        self.ensured: list[uuid.UUID] = []

    def ensure(self, incident: uuid.UUID, not_before_ms: int = 0) -> None:
        self.ensured.append(incident)

    def ensure_all(self, happened: dict[uuid.UUID, int | None], not_before_ms: int = 0) -> None:
        self.ensured += happened


def errors(numbers: Iterator[int], *services: str) -> list[ConsumedError]:
    """One error of each service, all in one new trace."""
    trace = uuid.uuid4().hex
    return [one for service in services for one in error(service, next(numbers), trace)]


def error(service: str, number: int, trace: str) -> list[ConsumedError]:
    at_ms = DAY_MS + number * 300
    message = f"{service} broke"
    return consumed([an_event(service, number, at_ms, message=message, trace_id=trace)])


def a_tracker(
    store: EpisodesInMemory,
    board: BoardInMemory,
    outbox: Outbox,
    clock_ms: Callable[[], int] = lambda: DAY_MS + 60_000,
) -> IncidentTracker:
    parts: dict[str, Any] = {"store": store, "board": board, "escalations": None, "outbox": outbox}
    seconds = itertools.count()
    return IncidentTracker(
        **parts,
        load_graph=CallGraph,
        quiet_ms=900_000,
        reopen_ms=600_000,
        gather_ms=0,
        clock_ms=clock_ms,
        monotonic=lambda: float(next(seconds)),
    )


def test_requests_of_their_own_show_two_faults_that_one_request_had_met() -> None:
    store, board, outbox = EpisodesInMemory(), BoardInMemory(), Outbox()
    tracker = a_tracker(store, board, outbox)
    numbers = itertools.count()
    tracker.record(errors(numbers, "payment", "search"))
    tracker.merge()
    assert len({row.incident_id for row in board.read().rows.values()}) == 1
    for service in ["payment", "search"] * LEAST_TRACES:
        tracker.record(errors(numbers, service))
    outbox.ensured.clear()
    tracker.merge()
    found = {row.service_name: row.incident_id for row in board.read().rows.values()}
    assert found["payment"] != found["search"]
    assert set(outbox.ensured) == set(found.values())
    # What follows stays where it is now.
    tracker.record(errors(numbers, "payment", "search"))
    tracker.merge()
    assert {row.service_name: row.incident_id for row in board.read().rows.values()} == found


@pytest.mark.parametrize(("age_ms", "count"), [(60_000, 2), (3_600_000, 1), (-3_600_000, 1)])
def test_a_new_process_splits_only_incidents_whose_first_traces_it_still_hears(
    age_ms: int, count: int
) -> None:
    store, board, outbox = EpisodesInMemory(), BoardInMemory(), Outbox()
    numbers = itertools.count()
    before = a_tracker(store, board, outbox)
    before.record(errors(numbers, "payment", "search"))
    after = a_tracker(store, board, outbox, lambda: DAY_MS + age_ms)
    after.merge()
    for service in ["payment", "search"] * LEAST_TRACES:
        before.record(errors(numbers, service))
        after.record(errors(numbers, service))
    after.merge()
    assert len({row.incident_id for row in board.read().rows.values()}) == count
    before.merge()
    assert len({row.incident_id for row in board.read().rows.values()}) == 2


STORM = [f"client-{number}" for number in range(250)]


class RacingBoard(BoardInMemory):
    """Somebody else changes it just before the applications of these numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.applied, self.lost, self.killed = 0, frozenset(), frozenset()

    def apply(self, board, put, remove=()):
        self.applied += 1
        if self.applied in self.killed:
            raise TimeoutError
        if self.applied in self.lost:
            super().apply(self.read(), ())
        return super().apply(board, put, remove)


def a_storm(board: BoardInMemory) -> IncidentTracker:
    """A tracker that knows by now that two faults are one incident, one of 250 episodes."""
    tracker = a_tracker(EpisodesInMemory(), board, Outbox())
    numbers = itertools.count()
    tracker.record(errors(numbers, "payment", *STORM))
    tracker.merge()
    assert len({row.incident_id for row in board.read().rows.values()}) == 1
    for _ in range(LEAST_TRACES):
        tracker.record(errors(numbers, "payment"))
        tracker.record(errors(numbers, *STORM))
    return tracker


def sizes(board: BoardInMemory) -> list[int]:
    return sorted(Counter(row.incident_id for row in board.read().rows.values()).values())


@pytest.mark.parametrize("lost", [(), (1,), (2,), (1, 3), (2, 3, 4)])
def test_of_a_large_part_all_episodes_leave(lost) -> None:
    board = RacingBoard()
    tracker = a_storm(board)
    board.applied, board.lost = 0, frozenset(lost)
    tracker.merge()
    assert board.applied == 3 + len(lost)
    assert sizes(board) == [1, 250]
    assert sum(row.founds for row in board.read().rows.values()) == 2


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_a_large_part_that_was_cut_short_is_completed(killed) -> None:
    board = RacingBoard()
    tracker = a_storm(board)
    board.applied, board.killed = 0, frozenset({killed})
    with pytest.raises(TimeoutError):
        tracker.merge()
    assert sizes(board) != [1, 250]
    tracker.merge()
    tracker.merge()
    assert sizes(board) == [1, 250]


class StoredOnBoard(Stored):
    """An incident's errors go with its episodes, as they stand on the board."""

    def __init__(self, board: BoardInMemory) -> None:
        super().__init__()
        self.board = board
        self.spans: dict[uuid.UUID, Bounds] = {}

    def tally_statements(self, episode):
        spans = (episode.first_ms, episode.last_ms, episode.last_arrival_ms)
        self.spans[episode.episode_id] = Bounds(*spans)
        return []

    def bounds(self, incident):
        rows = self.board.read().rows.values()
        own = [self.spans[row.episode_id] for row in rows if row.incident_id == incident]
        return max(own, key=lambda one: one.last_arrival_ms) if own else None


class Shop:
    """Payment and search, one incident on one board, that by now prove to be two."""

    def __init__(self) -> None:
        self.board, self.outbox = BoardInMemory(), Outbox()
        self.store = StoredOnBoard(self.board)
        self.now_ms = DAY_MS + 60_000
        self.tracker = self.a_tracker()
        numbers = itertools.count()
        self.tracker.record(errors(numbers, "payment", "search"))
        self.tracker.merge()
        [self.whole] = {row.incident_id for row in self.board.read().rows.values()}
        for service in ["payment", "search"] * LEAST_TRACES:
            self.tracker.record(errors(numbers, service))
        self.outbox.ensured.clear()

    def a_tracker(self) -> IncidentTracker:
        return a_tracker(self.store, self.board, self.outbox, lambda: self.now_ms)

    def part(self) -> uuid.UUID:
        [part] = {row.incident_id for row in self.board.read().rows.values()} - {self.whole}
        return part

    def statuses(self) -> list[str]:
        return [self.store.incident(one).status for one in (self.whole, self.part())]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("owner", "method"),
    [
        ("board", "publish"),
        ("store", "incident"),
        ("store", "open_statements"),
        ("outbox", "ensure"),
    ],
)
def test_a_split_that_fails_half_way_is_told_all_the_same(owner, method, restarted) -> None:
    shop = Shop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(getattr(shop, owner), method, Mock(side_effect=TimeoutError))
        with pytest.raises(TimeoutError):
            shop.tracker.merge()
    after = shop.a_tracker() if restarted else shop.tracker
    after.merge()
    assert shop.statuses() == ["open", "open"]
    assert set(shop.outbox.ensured) == {shop.whole, shop.part()}
    # Once is enough.
    shop.outbox.ensured.clear()
    after.merge()
    assert shop.outbox.ensured == []


def test_both_parts_are_resolved_when_they_are_quiet_however_late_the_split_was_found() -> None:
    shop = Shop()
    shop.now_ms += 800_000
    shop.tracker.merge()
    assert shop.statuses() == ["open", "open"]
    shop.now_ms += 100_000
    shop.tracker.resolve_quiet()
    assert shop.statuses() == ["resolved", "resolved"]


def test_what_leaves_a_resolved_incident_is_resolved_until_its_next_error() -> None:
    shop = Shop()
    shop.now_ms += 1_000
    shop.store.resolve(shop.whole, shop.now_ms)
    shop.tracker.merge()
    assert shop.statuses() == ["resolved", "resolved"]
    shop.now_ms += 1_000
    shop.tracker.record(error("search", 500, uuid.uuid4().hex))
    assert shop.statuses() == ["resolved", "open"]


def test_a_merge_is_told_even_if_the_split_of_the_same_look_fails() -> None:
    board, outbox = RacingBoard(), Outbox()
    tracker = a_tracker(EpisodesInMemory(), board, outbox)
    numbers = itertools.count()
    tracker.record(errors(numbers, "payment", "search"))
    tracker.record(errors(numbers, "mail"))
    tracker.record(errors(numbers, "order"))
    tracker.merge()
    for service in ["payment", "search"] * LEAST_TRACES:
        tracker.record(errors(numbers, service))
    found = {row.service_name: row.incident_id for row in board.read().rows.values()}
    assert found["mail"] != found["order"]
    # Another instance merges two, and the split fails.
    changed = [
        replace(row, incident_id=found["mail"])
        for row in board.read().rows.values()
        if row.service_name == "order"
    ]
    assert board.apply(board.read(), changed)
    board.applied, board.killed = 0, frozenset({1})
    outbox.ensured.clear()
    with pytest.raises(TimeoutError):
        tracker.merge()
    tracker.merge()
    assert found["mail"] in outbox.ensured
