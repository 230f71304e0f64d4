"""Places episodes on the board and merges incidents there, consistently across instances.

All instances share the traces that tie episodes: each publishes those of its batches and reads
those of the others. It publishes before it reads. So if two instances open episodes at the same
time, at least one of them sees the tie. An instance that loses the race for the board's next
revision reads the board again and decides again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.episodes.trace_links import TraceSpan
from log_analyzer.incidents.board_log import tell_of, tell_of_split
from log_analyzer.incidents.grouping.parting import carried_on, parted, split_out
from log_analyzer.incidents.grouping.placement import (
    PLACED_AT_ONCE,
    Board,
    BoardRow,
    Newcomer,
    place,
)
from log_analyzer.incidents.known_links import KnownLinks
from log_analyzer.incidents.stores.board_access import TRACES_BACK_MS, BoardAccess, Calls
from log_analyzer.incidents.stores.writes import LostRaceError

# A younger incident and the older one that it has become a part of.
Merge = tuple[UUID, UUID]

BOARD_ATTEMPTS: Final = 50
# Looking for new ties takes at most this share of the time.
TIES_SHARE: Final = 0.1


class BoardWriter:
    """The board as this process knows it. Owned by one thread; all that reads or writes blocks.

    Args:
        store: the board in Cassandra.
        load_graph: reads which services call which; asked again each half minute.
        load_services: reads which services there are; asked as often.
        new_complaints: of which service the stored logs of a trace (by its id) complain, as far as
            that was told since it was asked last.
        monotonic: seconds of a clock that never goes back.
        clock_ms: the wall clock.
    """

    def __init__(
        self,
        store: BoardAccess,
        load_graph: Callable[[], Calls],
        load_services: Callable[[], Collection[str]] = tuple,
        new_complaints: Callable[[], Mapping[str, str]] = dict,
        monotonic: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._links = KnownLinks(store, load_graph, load_services, new_complaints, monotonic)
        self._monotonic = monotonic
        self._board = Board()
        self._published: dict[UUID, UUID] = {}
        self._ties_due = float("-inf")
        # Merges that `refresh` has found and not returned, because it raised.
        self._untold: set[Merge] = set()
        # Incidents from long before this process: what tied their episodes is forgotten by now.
        self._inherited: frozenset[UUID] | None = None

    def incident_of(self, episode: UUID) -> UUID | None:
        """The incident of an episode on the board as last read; None when it is not there."""
        return self._board.incident_of(episode)

    def incidents_of(self, service_name: str) -> set[UUID]:
        """The incidents on the board in which a service fails."""
        rows = self._board.rows.values()
        return {row.incident_id for row in rows if row.service_name == service_name}

    def services(self) -> set[str]:
        """The known services: from recent logs, from errors, and from calls."""
        return self._links.services().union(row.service_name for row in self._board.rows.values())

    def publish_traces(self, traces: Mapping[UUID, tuple[str, Collection[TraceSpan]]]) -> None:
        """Publishes the traces of a batch to all instances; see `KnownLinks.publish_traces`."""
        self._links.publish_traces(traces)

    def place(self, newcomers: Sequence[Newcomer]) -> set[Merge]:
        """Places episodes; `incident_of` knows them after. Returns merges that this brought.

        Raises:
            LostRaceError: the board kept changing.
        """
        self._listen()
        return self._settle(newcomers) if newcomers else set()

    def refresh(self) -> tuple[set[Merge], set[UUID]]:
        """Reads what other instances did; merges incidents of one cause, splits those of two.

        Returns the merges, and the incidents that a split has made or left.

        Raises:
            LostRaceError: the board kept changing.
        """
        self._listen()
        parts: set[UUID] = set()
        if self._store.revision() != self._board.revision:
            self._untold |= self._take(self._store.read())
        if self._links.have_changed and self._monotonic() >= self._ties_due:
            began_s = time.thread_time()
            links = self._links.all()
            # Nearly always the tied episodes are together already, and the board stays as it is.
            changes = place((), self._board, links)
            splits = parted(self._board, links, self._inherited or ())
            took_s = time.thread_time() - began_s
            self._ties_due = self._monotonic() + took_s / TIES_SHARE
            if changes:
                self._untold |= self._settle(())
            if splits:
                inherited = self._inherited or ()
                parts = self._split(lambda board: parted(board, links, inherited))
            # Only now: what was raised above leaves it to the next time. One split at a time: there
            # may be another.
            self._links.have_changed = bool(splits)
        merges, self._untold = self._untold, set()
        return merges, parts

    def _listen(self) -> None:
        if self._inherited is None:
            now_ms = self._clock_ms()
            self._inherited = frozenset(
                row.incident_id
                for row in self._store.read().rows.values()
                # Clocks differ a little. What claims to be of the future may have any age.
                if not 0 <= now_ms + MINUTE_MS - row.opened_ms < TRACES_BACK_MS
            )
        self._links.listen(self._board)

    def split(self, incident: UUID, service_name: str) -> set[UUID]:
        """Parts a service's episodes from the rest of an incident, for good.

        Returns the incidents that it is two of now; empty when there is nothing to part.

        Raises:
            LostRaceError: the board kept changing.
        """
        return self._split(lambda board: split_out(board, incident, service_name))

    def _split(self, decide: Callable[[Board], list[BoardRow]]) -> set[UUID]:
        """Applies a split, decided anew by each board that another instance has changed."""
        for _ in range(BOARD_ATTEMPTS):
            before = self._store.read()
            # What makes an incident comes first: the rest finds it, whatever happens between.
            rows = sorted(decide(before), key=lambda row: not row.founds)
            if not rows:
                return set()
            first, rest = rows[:PLACED_AT_ONCE], rows[PLACED_AT_ONCE:]
            if self._store.apply(before, first):
                board = before.with_rows(first)
                for start in range(0, len(rest), PLACED_AT_ONCE):
                    board = self._carry_on(board, rest[start : start + PLACED_AT_ONCE])
                self._take(board)
                return tell_of_split(rows, before)
        raise LostRaceError("the board of incidents kept changing")

    def _carry_on(self, board: Board, rows: list[BoardRow]) -> Board:
        """Applies more rows of a split that has begun, whatever others have changed since."""
        for _ in range(BOARD_ATTEMPTS):
            if self._store.apply(board, rows):
                return board.with_rows(rows)
            board = self._store.read()
            rows = carried_on(rows, board)
        raise LostRaceError("the board of incidents kept changing")

    def retire(self, incidents: Iterable[UUID]) -> None:
        """Takes incidents that are long over off the board; somebody else may do it as well."""
        gone = set(incidents)
        episodes = [row.episode_id for row in self._board.rows.values() if row.incident_id in gone]
        if episodes and self._store.apply(self._board, (), episodes):
            rows = {key: row for key, row in self._board.rows.items() if key not in episodes}
            self._take(Board(self._board.revision + 1, rows))

    def left(self) -> dict[UUID, UUID]:
        """The incidents on the board that left another when that was split, with what that is."""
        standing = self._board.standing()
        return {
            row.placed_in: standing.get(row.split_from, row.split_from)
            for row in self._board.rows.values()
            if row.split_from is not None
        }

    def live(self) -> set[UUID]:
        """The incidents on the board."""
        return {row.incident_id for row in self._board.rows.values()}

    def _settle(self, newcomers: Sequence[Newcomer]) -> set[Merge]:
        """Decides once for all, and writes as many rows at a time as a transaction takes.

        What a lost race leaves over is decided anew, by the board as it is then.
        """
        merges: set[Merge] = set()
        for _ in range(BOARD_ATTEMPTS):
            board = self._board
            if self._store.revision() != board.revision:
                board = self._store.read()
            rows = place(newcomers, board, self._links.all())
            for start in range(0, len(rows), PLACED_AT_ONCE):
                part = rows[start : start + PLACED_AT_ONCE]
                if not self._store.apply(board, part):
                    break
                tell_of(part, board)
                board = board.with_rows(part)
            else:
                return merges | self._take(board)
            merges |= self._take(self._store.read())
        raise LostRaceError("the board of incidents kept changing")

    def _take(self, board: Board) -> set[Merge]:
        """Publishes what is new on a board, then works with it."""
        before = {
            row.episode_id: self._published.get(row.episode_id, row.placed_in)
            for row in board.rows.values()
        }
        fresh = [
            row
            for row in board.rows.values()
            if self._published.get(row.episode_id) != row.incident_id
        ]
        self._store.publish(fresh)
        self._board = board
        self._published = {key: row.incident_id for key, row in board.rows.items()}
        return {
            (before[row.episode_id], row.incident_id)
            for row in fresh
            if before[row.episode_id] != row.incident_id
        }
