"""Bounds what is read at a time and how long, and how many live tails are open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, TypeVar

from api import metrics
from api.guard.problems import Problem, busy
from firstcause.storage.reading_threads import AllReadingError, ReadingThreads

Answer = TypeVar("Answer")

BUSY_TEXT: Final = "Too many requests read at the moment: try again."


class Deadline:
    """A moment after which a reading gives up. `check` is called between its steps."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seconds = seconds
        self._ends_at = monotonic() + seconds

    @property
    def left_seconds(self) -> float:
        """What is left; 0 at the least."""
        return max(0.0, self._ends_at - self._monotonic())

    def check(self) -> None:
        """Goes on in time.

        Raises:
            Problem: 504, the time is up.
        """
        if self._monotonic() >= self._ends_at:
            raise too_slow(self._seconds)


def too_slow(seconds: float) -> Problem:
    """The time limit is reached."""
    return Problem(
        HTTPStatus.GATEWAY_TIMEOUT,
        f"Not answered within {seconds:g} s: ask for a shorter time or fewer services.",
    )


class Tails:
    """Counts the live tails of one app; for one event loop."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._open = 0

    def check(self) -> None:
        """Goes on while one more may be open.

        Raises:
            Problem: 503, as many as may be are open.
        """
        if self._open >= self._at_once:
            metrics.REFUSED.labels("tails").inc()
            raise busy("As many live tails as may be are open: close one.")

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Counts one for as long as the block lasts."""
        self._open += 1
        metrics.TAILS.inc()
        try:
            yield
        finally:
            self._open -= 1
            metrics.TAILS.dec()


class Readers:
    """`ReadingThreads` with the API's time limit, its answers and its metrics."""

    def __init__(self, at_once: int, seconds: float) -> None:
        self._threads = ReadingThreads(at_once)
        self._seconds = seconds

    async def run(self, read: Callable[[Deadline], Answer]) -> Answer:
        """What `read` gives, within the time limit.

        Raises:
            Problem: 503 when all threads read already, 504 after the time limit.
        """
        deadline = Deadline(self._seconds)

        def counted() -> Answer:
            with metrics.READING.track_inprogress():
                return read(deadline)

        try:
            return await self._threads.run(counted, self._seconds)
        except AllReadingError:
            metrics.REFUSED.labels("reading").inc()
            raise busy(BUSY_TEXT) from None
        except TimeoutError:
            raise too_slow(self._seconds) from None

    def close(self) -> None:
        """Waits for nobody: what still reads is read only."""
        self._threads.close()
