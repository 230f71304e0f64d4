"""A circuit breaker for the model: open after repeated failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from log_analyzer import metrics

State = Literal["closed", "open", "half_open"]

FAILURES: Final = 3
OPEN_SECONDS: Final = 30.0
OPEN_MAX_SECONDS: Final = 600.0


class CircuitBreaker:
    """Opens after a number of failed calls in a row; after a pause one probe decides.

    While it is open no call is made. After the pause it is half open: one call may probe. If the
    probe fails, the pause doubles, up to `open_max_seconds`. Safe to use from several threads;
    every `allow` that said yes has to be followed by `succeeded` or `failed`.

    Args:
        clock: seconds that only grow; the tests' own.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        open_seconds: float = OPEN_SECONDS,
        open_max_seconds: float = OPEN_MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_allowed = failures
        self._first_pause = self._pause = open_seconds
        self._max_pause = open_max_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until = 0.0
        self._enter("closed")

    def _enter(self, state: State) -> None:
        self.state: State = state
        metrics.MODEL_BREAKER.state(state)

    def allow(self) -> bool:
        """True if a call may be made now."""
        with self._lock:
            if self.state == "closed":
                return True
            if self.state == "open" and self._clock() >= self._open_until:
                self._enter("half_open")
                return True
            return False

    def wait_seconds(self) -> float:
        """How long the open breaker still refuses calls; 0 if it refuses none."""
        with self._lock:
            return 0.0 if self.state == "closed" else max(0.0, self._open_until - self._clock())

    def succeeded(self) -> None:
        """A call was answered."""
        with self._lock:
            self._failed = 0
            self._pause = self._first_pause
            if self.state != "closed":
                self._enter("closed")

    def failed(self, asked_seconds: float | None = None) -> None:
        """A call was not answered. `asked_seconds`: how long the server wants no further call."""
        with self._lock:
            if self.state == "open":
                return  # A call of before; the pause has begun.
            self._failed += 1
            probing = self.state == "half_open"
            if not (probing or asked_seconds or self._failed >= self._failures_allowed):
                return
            if probing:
                self._pause = min(self._max_pause, self._pause * 2)
            pause = max(self._pause, min(asked_seconds or 0.0, self._max_pause))
            self._open_until = self._clock() + pause
            self._enter("open")
