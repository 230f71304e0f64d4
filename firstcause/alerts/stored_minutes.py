"""Minutes of all services, as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from alerting.windows import ALL_SERVICES, WindowKind, WindowMetrics


class Windows(Protocol):
    """Where the window metrics are."""

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterable[WindowMetrics]:
        """The windows of a service that start in [start_ms, end_ms), oldest first."""


def stored_minutes(
    windows: Windows,
    services: Iterable[str],
    start_ms: int,
    end_ms: int,
    kind: WindowKind = WindowKind.MINUTE,
) -> Iterator[WindowMetrics]:
    """The windows of services that start in [start_ms, end_ms), service by service.

    Blocks, and raises the driver's errors.
    """
    for service in services:
        yield from windows.between(service, kind, start_ms, end_ms)


def newest_minute(windows: Windows, start_ms: int, end_ms: int) -> int | None:
    """The start of the newest minute with events, of those that start in [start_ms, end_ms)."""
    rows = windows.between(ALL_SERVICES, WindowKind.MINUTE, start_ms, end_ms)
    return max((row.start_ms for row in rows), default=None)
