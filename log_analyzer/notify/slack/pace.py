"""Limits the rate of requests to Slack: one message a second a channel, and Retry-After."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

# https://docs.slack.dev/apis/web-api/rate-limits: one message a second a channel.
MESSAGE_INTERVAL_MS: Final = 1_000
# So long is kept free for a first notice that was announced: some passes over the outbox.
EXPECTED_MS: Final = 2_000
# One method of Slack posts both, and it is the method that Retry-After holds back.
_HELD_AS: Final = {"reply": "post"}


class SlackPace:
    """The pace of one process; safe to share among threads.

    Args:
        interval_ms: between two messages, or updates of them, in one channel.
        clock_ms: a clock that never goes back.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        interval_ms: int = MESSAGE_INTERVAL_MS,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval_ms = interval_ms
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_ms: dict[str, int] = {}
        self._held_ms: dict[tuple[str, str], int] = {}
        self._expected_ms = 0

    def ready_in_ms(self, channel: str, request: str) -> int:
        """Time until a request of this kind may be made in a channel; 0 for now."""
        held_as = _HELD_AS.get(request, request)
        with self._lock:
            free = max(self._next_ms.get(channel, 0), self._held_ms.get((channel, held_as), 0))
            if request != "post":
                free = max(free, self._expected_ms)
        return max(0, free - self._clock_ms())

    def expect_post(self) -> None:
        """A first notice comes soon: for `EXPECTED_MS` only a post is ready."""
        with self._lock:
            self._expected_ms = self._clock_ms() + EXPECTED_MS

    def take_turn(self, channel: str) -> None:
        """Waits for the channel's next turn and takes it; short, when asked for it before."""
        with self._lock:
            now = self._clock_ms()
            turn = max(now, self._next_ms.get(channel, 0))
            self._next_ms[channel] = turn + self._interval_ms
        if turn > now:
            self._sleep((turn - now) / 1_000)

    def rename(self, name: str, channel_id: str) -> None:
        """A channel that was known by its name goes by its id from now on."""
        with self._lock:
            turn = self._next_ms.pop(name, 0)
            self._next_ms[channel_id] = max(turn, self._next_ms.get(channel_id, 0))

    def hold(self, channel: str, request: str, seconds: float) -> None:
        """No request of this kind in the channel for so long, as Slack asked."""
        with self._lock:
            held_as = _HELD_AS.get(request, request)
            self._held_ms[channel, held_as] = self._clock_ms() + int(seconds * 1_000)
