"""Finds the records of a batch that can't be stored, by storing ever smaller parts of it. Pure.

A whole batch fails for one record. Where the reason is in the data, the halves that do not hold the
record can be stored, so that a search by halves ends with that record alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

# Where nothing of a batch could be stored, the data may not be the reason: a missing table fails
# each record alike. So many records are given up without a part that could be stored.
UNWITNESSED_MAX: Final = 3
# Beyond that, so many records all over the batch are tried before the search gives up.
WITNESSES_TRIED: Final = 16

# A service is away or overloaded, or this process is at its end: no record is at fault.
_NOT_OF_DATA: Final = re.compile(
    r"(?i)NoHostAvailable|AllNodesFailed|NoNodeAvailable|timed ?out|TimeoutException"
    r"|UnavailableException|OverloadedException|BootstrappingException|ClosedConnection"
    r"|HeartbeatException|BusyPool|BusyConnection|open native connection|NotEnoughReplicas"
    r"|NotLeaderOrFollower|BrokerNotAvailable|NetworkException|DisconnectException"
    r"|SocketException|ConnectException|OutOfMemoryError|No space left on device"
    r"|InterruptedException|SparkContext was shut down|stopped SparkContext|Py4JNetworkError"
)


class Position(NamedTuple):
    """Where a record lies in the topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that fails whatever part holds it, and the error that it fails with."""

    position: Position
    error: Exception


class SearchTimeout(RuntimeError):
    """The time was over before all was stored or found; the search can go on where it stopped."""


@dataclass(slots=True)
class HalvingSearch:
    """The search in one batch; what it has stored and found stays known when a run of it fails.

    Attributes:
        parts: what is left to store, the next one last; each in order and of records that are next
            to each other in the batch. At first all of the batch, which failed as a whole.
        found: records that failed alone.
    """

    parts: list[Sequence[Position]]
    found: list[Poison] = field(default_factory=list)
    _unwitnessed: list[Poison] = field(default_factory=list, init=False)
    _has_stored: bool = field(default=False, init=False)

    @classmethod
    def of(cls, positions: Sequence[Position]) -> HalvingSearch:
        """Of a batch that failed as a whole; its positions in order."""
        return cls(parts=_halves(positions))

    def run(
        self,
        store: Callable[[Sequence[Position]], object],
        seconds_left: Callable[[], float],
    ) -> None:
        """Stores all that is left but the records that end up in `found`.

        Args:
            store: stores the records of a part; raises when any of them fails. Storing again
                what is stored must change nothing.
            seconds_left: how much time there is, asked before each part.

        Raises:
            SearchTimeout: no time is left.
            Exception: that of `store`, when it does not speak of the data: a service is away, or
                nothing of the batch can be stored.
        """
        while self.parts:
            if seconds_left() <= 0:
                raise SearchTimeout(f"no time left after {len(self.found)} records were found")
            part = self.parts[-1]
            error = self._try(store, part)
            if error is None:
                self.parts.pop()
            elif len(part) > 1:
                self.parts[-1:] = _halves(part)
            else:
                if not self._has_stored and len(self._unwitnessed) >= UNWITNESSED_MAX:
                    self._look_for_witness(store, error)
                self._unwitnessed.append(Poison(part[0], error))
                self.parts.pop()
            if self._has_stored or not self.parts:
                self.found += self._unwitnessed
                self._unwitnessed = []

    def _try(
        self, store: Callable[[Sequence[Position]], object], part: Sequence[Position]
    ) -> Exception | None:
        try:
            store(part)
        except Exception as error:
            if not is_of_data(error):
                raise
            return error
        self._has_stored = True
        return None

    def _look_for_witness(
        self, store: Callable[[Sequence[Position]], object], error: Exception
    ) -> None:
        left = [position for part in self.parts for position in part]
        for position in left[:: max(1, len(left) // WITNESSES_TRIED)]:
            if self._try(store, [position]) is None:
                return
        raise error


def is_of_data(error: Exception) -> bool:
    """False when the error says that a service or this process is at fault."""
    return _NOT_OF_DATA.search(f"{type(error).__name__}: {error}") is None


def _halves(positions: Sequence[Position]) -> list[Sequence[Position]]:
    """Both halves, the first one last."""
    middle = len(positions) // 2
    return [half for half in (positions[middle:], positions[:middle]) if half]
