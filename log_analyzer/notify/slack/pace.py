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
# A stream of first notices keeps a channel for itself for so long, then all else has its turn.
EXPECTED_RUN_MS: Final = 10_000
EXPECTED_PAUSE_MS: Final = 4_000
# https://docs.slack.dev/apis/web-api/rate-limits: 50 requests a minute of the methods that read.
HISTORY_INTERVAL_MS: Final = 1_200
HISTORY: Final = "history"
# One method of Slack posts both, and it is the method that Retry-After holds back.
_HELD_AS: Final = {"reply": "post"}
# Slack counts posts by channel; all other methods by workspace.
_BY_CHANNEL: Final = frozenset({"post"})
_ALL_CHANNELS: Final = ""


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
        self._run_began_ms = 0

    def ready_in_ms(self, channel: str, request: str) -> int:
        """Time until a request of this kind may be made in a channel; 0 for now."""
        with self._lock:
            held_ms = self._held_ms.get(_held_key(channel, request), 0)
            free = max(self._next_ms.get(channel, 0), held_ms)
            if request != "post":
                free = max(free, self._expected_ms)
        return max(0, free - self._clock_ms())

    def expect_post(self) -> None:
        """A first notice comes soon: for `EXPECTED_MS` only a post is ready.

        After `EXPECTED_RUN_MS` of that without a gap, all else goes first for a time.
        """
        with self._lock:
            now = self._clock_ms()
            if now >= self._expected_ms + EXPECTED_PAUSE_MS or not self._run_began_ms:
                self._run_began_ms = now
            if now - self._run_began_ms < EXPECTED_RUN_MS:
                self._expected_ms = now + EXPECTED_MS

    def take_turn(self, channel: str) -> None:
        """Waits for the channel's next turn and takes it; short, when asked for it before."""
        interval_ms = self._interval_ms
        if channel == HISTORY and interval_ms:
            interval_ms = HISTORY_INTERVAL_MS
        with self._lock:
            now = self._clock_ms()
            turn = max(now, self._next_ms.get(channel, 0))
            self._next_ms[channel] = turn + interval_ms
        if turn > now:
            self._sleep((turn - now) / 1_000)

    def rename(self, name: str, channel_id: str) -> None:
        """A channel that was known by its name goes by its id from now on."""
        with self._lock:
            turn = self._next_ms.pop(name, 0)
            self._next_ms[channel_id] = max(turn, self._next_ms.get(channel_id, 0))

    def hold(self, channel: str, request: str, seconds: float) -> None:
        """Pauses a request for as long as Slack asked: posts in this channel, others everywhere."""
        with self._lock:
            until_ms = self._clock_ms() + int(seconds * 1_000)
            self._held_ms[_held_key(channel, request)] = until_ms


def _held_key(channel: str, request: str) -> tuple[str, str]:
    held_as = _HELD_AS.get(request, request)
    return (channel if held_as in _BY_CHANNEL else _ALL_CHANNELS, held_as)
