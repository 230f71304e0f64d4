"""What placing needs of where the board is kept, and a board in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol
from uuid import UUID

from log_analyzer.incidents.grouping import Board, BoardRow

# A row told: its id, the episode, packed spans.
ToldTraces = tuple[UUID, UUID, bytes]


class Calls(Protocol):
    """Which service calls which."""

    @property
    def calls(self) -> Collection[tuple[str, str]]:
        """Pairs of caller and callee."""


class BoardAccess(Protocol):
    """The board as all instances share it: `BoardStore` in Cassandra, or `BoardInMemory`."""

    def revision(self) -> int:
        """The board's revision; 0 before the first."""

    def read(self) -> Board:
        """The whole board."""

    def apply(self, board: Board, put: Iterable[BoardRow], remove: Iterable[UUID] = ()) -> bool:
        """Changes the board, unless it has changed since `board` was read; False then."""

    def publish(self, rows: Iterable[BoardRow]) -> None:
        """Writes what follows from these rows to the tables that people read. Idempotent."""

    def tell_traces(self, traces: Mapping[UUID, bytes]) -> None:
        """Tells all instances which traces a batch has brought: packed spans by episode."""

    def traces_since(self, since_ms: int) -> tuple[int, list[ToldTraces]]:
        """What was told since a time (ms, wall clock), and the time to ask for next."""


class BoardInMemory:
    """The board of one process that shares it with nobody."""

    def __init__(self) -> None:
        self._board = Board()

    def revision(self) -> int:
        """The board's revision; 0 before the first."""
        return self._board.revision

    def read(self) -> Board:
        """The whole board."""
        return self._board

    def apply(self, board: Board, put: Iterable[BoardRow], remove: Iterable[UUID] = ()) -> bool:
        """Changes the board, unless it has changed since `board` was read; False then."""
        if board.revision != self._board.revision:
            return False
        rows = dict(self._board.rows) | {row.episode_id: row for row in put}
        for episode in remove:
            rows.pop(episode, None)
        self._board = Board(board.revision + 1, rows)
        return True

    def publish(self, rows: Iterable[BoardRow]) -> None:
        """Nobody else reads it."""

    def tell_traces(self, traces: Mapping[UUID, bytes]) -> None:
        """Nobody else listens."""

    def traces_since(self, since_ms: int) -> tuple[int, list[ToldTraces]]:
        """Nobody else tells anything."""
        return since_ms, []
