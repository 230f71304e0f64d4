"""Chooses the windows of event time to read of a service, and holds their samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent

MINUTE_MS: Final = 60_000
BEFORE_MS: Final = 60_000
AFTER_MS: Final = 60_000
# Whole minutes, each one partition of the logs; a fault may show some minutes before its errors.
MINUTES_BACK: Final = (5, 15, 30, 45, 60)


@dataclass(frozen=True, slots=True)
class Window:
    """Event time from `start_ms` to just before `end_ms`, of one service."""

    service_name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class LogSample:
    """Logs read of a window: all of them from `from_ms` to `end_ms`, none before `from_ms`.

    `complete` is False where a part of the window could not be read: no rate follows from it.
    """

    service_name: str
    from_ms: int
    end_ms: int
    logs: tuple[LogEvent, ...]
    complete: bool = True

    @property
    def seconds(self) -> float:
        """The length of event time that it covers."""
        return max(0, self.end_ms - self.from_ms) / 1000

    def until(self, end_ms: int) -> LogSample:
        """What of it lies before `end_ms`."""
        end_ms = max(self.from_ms, min(self.end_ms, end_ms))
        logs = tuple(log for log in self.logs if log.timestamp_ms < end_ms)
        return LogSample(self.service_name, self.from_ms, end_ms, logs, self.complete)


def window_before(service_name: str, first_ms: int) -> Window:
    """The minute before the first error."""
    return Window(service_name, first_ms - BEFORE_MS, first_ms)


def window_since(service_name: str, first_ms: int, last_ms: int) -> Window:
    """From the first error to the last, a minute at the most."""
    return Window(service_name, first_ms, min(last_ms, first_ms + AFTER_MS) + 1)


def windows_of_the_hour_before(service_name: str, first_ms: int) -> tuple[Window, ...]:
    """Single minutes out of the hour before the first error."""
    minute = first_ms - first_ms % MINUTE_MS
    return tuple(
        Window(service_name, minute - back * MINUTE_MS, minute - (back - 1) * MINUTE_MS)
        for back in MINUTES_BACK
    )


def sampled(window: Window, parts: Sequence[Sequence[LogEvent] | None], limit: int) -> LogSample:
    """What was read of a window, from its parts (partitions), each at most `limit` newest logs.

    A part that was cut at the limit says nothing of the time before its oldest log; so the sample
    begins where all parts are whole. None is a part that could not be read.
    """
    from_ms = window.start_ms
    for part in parts:
        if part is not None and len(part) >= limit:
            # One ms later: its other logs of that ms may be the ones that were cut.
            from_ms = max(from_ms, min(log.timestamp_ms for log in part) + 1)
    logs = sorted(
        (
            log
            for part in parts
            for log in part or ()
            if from_ms <= log.timestamp_ms < window.end_ms
        ),
        key=lambda log: (log.timestamp_ms, log.log_id),
    )
    complete = all(part is not None for part in parts)
    return LogSample(window.service_name, from_ms, window.end_ms, tuple(logs), complete)
