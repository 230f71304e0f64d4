"""Keeps a board in memory, for a single process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from log_analyzer.incidents.grouping.placement import Board, BoardRow
from log_analyzer.incidents.stores.board_access import ToldTraces


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

    def publish_traces(self, traces: Mapping[UUID, bytes]) -> None:
        """Nobody else listens."""

    def traces_since(self, since_ms: int) -> tuple[int, list[ToldTraces]]:
        """Nobody else tells anything."""
        return since_ms, []
