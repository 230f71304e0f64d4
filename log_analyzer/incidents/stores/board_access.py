"""The protocol of a store for the board."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol
from uuid import UUID

from log_analyzer.incidents.grouping.placement import Board, BoardRow

# Trace rows are read from so long ago at the most; they live for ten minutes.
TRACES_BACK_MS: Final = 540_000

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
        """Writes the rows derived from these to the tables that people read. Idempotent."""

    def publish_traces(self, traces: Mapping[UUID, bytes]) -> None:
        """Publishes the traces of a batch to all instances: packed spans by episode."""

    def traces_since(self, since_ms: int) -> tuple[int, list[ToldTraces]]:
        """The traces published since a time (ms, wall clock), and the time to ask for next."""
