"""Reads the window metrics of services within what one request may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol

from alerting.windows import ALL_SERVICES, WindowKind, WindowMetrics, added_up
from api.guard.problems import Problem
from firstcause.storage.stored_time import ms_from_datetime

# A partition is a day of a service; so many windows come back at the most.
PARTITIONS_MAX: Final = 1_500
WINDOWS_MAX: Final = 20_000
# Of more time the windows of five minutes are added up.
_FINE: Final = timedelta(hours=2)


class Windows(Protocol):
    """Where windows are read."""

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterable[WindowMetrics]:
        """The windows of a service that start in [start_ms, end_ms), oldest first."""


@dataclass(frozen=True, slots=True)
class WindowTime:
    """The windows of a kind that begin in [start, end)."""

    kind: WindowKind
    start: datetime
    end: datetime

    @property
    def start_ms(self) -> int:
        """Its beginning."""
        return ms_from_datetime(self.start)

    @property
    def end_ms(self) -> int:
        """Its end, no part of it."""
        return ms_from_datetime(self.end)


def kind_for(start: datetime, end: datetime) -> WindowKind:
    """The windows that show a time of this length."""
    return WindowKind.MINUTE if end - start <= _FINE else WindowKind.FIVE_MINUTES


def sums(
    history: Windows, services: Sequence[str], asked: WindowTime, step: Callable[[], None]
) -> tuple[WindowMetrics | None, list[WindowMetrics]]:
    """What was measured in a time: of all services together, and of each that logged in it.

    Blocks; raises the driver's errors.

    Raises:
        Problem: 400, too much is asked for.
    """
    _check(len(services) + 1, asked)
    total = _sum(history, ALL_SERVICES, asked, step)
    each = (_sum(history, one, asked, step) for one in services)
    return total, [one for one in each if one is not None]


def series(
    history: Windows, services: Sequence[str], asked: WindowTime, step: Callable[[], None]
) -> dict[str, list[WindowMetrics]]:
    """The windows of services, oldest first. Blocks, raises as the other."""
    _check(len(services), asked)
    windows = len(services) * (asked.end_ms - asked.start_ms) // asked.kind.step_ms
    if windows > WINDOWS_MAX:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"from: {windows:,} windows are more than {WINDOWS_MAX:,}: ask for a shorter time, "
            "fewer services, or window=5m.",
        )
    return {one: _windows(history, one, asked, step) for one in services}


def _sum(
    history: Windows, service: str, asked: WindowTime, step: Callable[[], None]
) -> WindowMetrics | None:
    rows = _windows(history, service, asked, step)
    if not rows:
        return None
    return added_up(rows, kind=asked.kind, start_ms=asked.start_ms, end_ms=asked.end_ms)


def _windows(
    history: Windows, service: str, asked: WindowTime, step: Callable[[], None]
) -> list[WindowMetrics]:
    step()
    return list(history.between(service, asked.kind, asked.start_ms, asked.end_ms))


def _check(services: int, asked: WindowTime) -> None:
    days = (asked.end - asked.start).days + 2
    if services * days > PARTITIONS_MAX:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"from: {days} days of {services} services are more than {PARTITIONS_MAX:,}: ask for "
            "a shorter time, or one service.",
        )
