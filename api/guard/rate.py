"""How many requests a caller may make: a token bucket each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

# A caller may save up the requests of so many seconds.
BURST_SECONDS: Final = 4.0
# Callers that are remembered; the one that was quiet for longest is forgotten first.
CALLERS: Final = 10_000


class RateLimit:
    """Token buckets by caller; for one event loop."""

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = max(1.0, per_second * BURST_SECONDS)
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, caller: str) -> float:
        """0 and one request taken, or how long the caller has to wait for one."""
        now = self._monotonic()
        tokens, at = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        taken = tokens >= 1.0
        self._buckets[caller] = (tokens - 1.0 if taken else tokens, now)
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - tokens) / self._per_second
