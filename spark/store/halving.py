"""Finds the records of a batch that cannot be stored, by binary search. Pure.

One record makes its whole batch fail. If the cause is in the data, halves without that record can
be stored. So a binary search ends with that record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from spark.store.failure import is_of_data

# Where nothing of a batch could be stored, the data may not be the reason: a missing table fails
# each record alike. After so many records that failed alone, the probe decides.
UNWITNESSED_MAX: Final = 3


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
    """The time ended before the search did; it can continue where it stopped."""


@dataclass(slots=True)
class HalvingSearch:
    """The search in one batch; it keeps what it has stored and found if a run fails.

    Attributes:
        parts: what is left to store, the next one last; each in order and of records that are next
            to each other in the batch. At first all of the batch, which failed as a whole.
        found: records that failed alone.
    """

    parts: list[Sequence[Position]]
    found: list[Poison] = field(default_factory=list)
    _unwitnessed: list[Poison] = field(default_factory=list, init=False)
    _is_witnessed: bool = field(default=False, init=False)

    @classmethod
    def of(cls, positions: Sequence[Position]) -> HalvingSearch:
        """Of a batch that failed as a whole; its positions in order."""
        return cls(parts=_halves(positions))

    def run(
        self,
        store: Callable[[Sequence[Position]], object],
        probe: Callable[[], object],
        seconds_left: Callable[[], float],
    ) -> None:
        """Stores all that is left but the records that end up in `found`.

        Args:
            store: stores the records of a part; raises when any of them fails. Storing again
                what is stored must change nothing.
            probe: stores a harmless record from outside of the batch in the same way; raises when
                it fails. Asked only where nothing of the batch could be stored.
            seconds_left: how much time there is, asked before each part.

        Raises:
            SearchTimeout: no time is left.
            Exception: that of `store`, if the data did not cause it, or if the probe fails too
                (the probe's error is then its cause). No record is at fault.
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
                self._unwitnessed.append(Poison(part[0], error))
                self.parts.pop()
                is_due = len(self._unwitnessed) > UNWITNESSED_MAX or not self.parts
                if is_due and not self._is_witnessed:
                    self._ask(probe, error)
            if self._is_witnessed:
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
        self._is_witnessed = True
        return None

    def _ask(self, probe: Callable[[], object], error: Exception) -> None:
        try:
            probe()
        except Exception as failed:
            # They may be stored once what is broken is mended.
            self.parts += [[poison.position] for poison in reversed(self._unwitnessed)]
            self._unwitnessed = []
            raise error from failed
        self._is_witnessed = True


def run_and_give_up(run: Callable[[], None], give_up: Callable[[], None]) -> None:
    """Runs a search, then gives up the records found, even if the search ended with an error.

    Raises:
        Exception: that of the search, caused by that of giving up if this failed too.
    """
    try:
        run()
    except Exception as error:
        try:
            give_up()
        except Exception as refused:
            raise error from refused
        raise
    give_up()


def _halves(positions: Sequence[Position]) -> list[Sequence[Position]]:
    """Both halves, the first one last."""
    middle = len(positions) // 2
    return [half for half in (positions[middle:], positions[:middle]) if half]
