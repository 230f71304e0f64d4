"""An incident that proves to have two causes becomes two; the messages of both are updated."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

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
