"""An incident that proves to have two causes becomes two; the messages of both are updated."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.grouping.parting import LEAST_TRACES
from log_analyzer.incidents.stores.board_in_memory import BoardInMemory
from log_analyzer.incidents.stores.episodes_in_memory import EpisodesInMemory
from log_analyzer.incidents.tracker import IncidentTracker
from tests.integration.log_analyzer.analyzer_parts import DAY_MS, an_event, consumed


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


def a_tracker(store: EpisodesInMemory, board: BoardInMemory, outbox: Outbox) -> IncidentTracker:
    parts: dict[str, Any] = {"store": store, "board": board, "escalations": None, "outbox": outbox}
    seconds = itertools.count()
    return IncidentTracker(
        **parts,
        load_graph=CallGraph,
        quiet_ms=900_000,
        reopen_ms=600_000,
        gather_ms=0,
        clock_ms=lambda: DAY_MS + 60_000,
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


def test_an_incident_of_which_only_the_end_is_known_is_not_split() -> None:
    store, board, outbox = EpisodesInMemory(), BoardInMemory(), Outbox()
    numbers = itertools.count()
    before = a_tracker(store, board, outbox)
    before.record(errors(numbers, "payment", "search"))
    after = a_tracker(store, board, outbox)
    after.merge()
    for service in ["payment", "search"] * LEAST_TRACES:
        before.record(errors(numbers, service))
        after.record(errors(numbers, service))
    after.merge()
    assert len({row.incident_id for row in board.read().rows.values()}) == 1
    before.merge()
    assert len({row.incident_id for row in board.read().rows.values()}) == 1 + 1


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
