"""Reads alerts and escalations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, Literal

from api.guard.problems import Problem
from api.reading.cursor import Position
from firstcause.alerts.escalation_history import EscalationHistory
from firstcause.alerts.store import AlertStore, StoredAlert
from firstcause.incidents.records import Escalation
from firstcause.incidents.states import Severity
from firstcause.incidents.view import IncidentView
from firstcause.storage.stored_time import FIRST_MS, LAST_MS, ms_from_datetime

# Each day is a question of its own.
DAYS_MAX: Final = 400
# Services whose escalations are read at once; between them the time is looked at.
_SERVICES_AT_ONCE: Final = 50
_DAY_MS: Final = 86_400_000
# An alert belongs to an incident of its service that it overlaps, give or take so much.
_NEAR_MS: Final = 300_000
_INCIDENT_SERVICES: Final = 20
_INCIDENT_ALERTS: Final = 50

AlertState = Literal["open", "resolved"]


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts: with an onset in [start, end], and as far as it is said of a kind."""

    start: datetime
    end: datetime
    service: str | None = None
    severity: Severity | None = None
    rule: str | None = None
    mode: Literal["live", "shadow"] | None = None
    state: AlertState | None = None

    def fits(self, one: StoredAlert) -> bool:
        """Whether an alert is of this kind, whenever it began."""
        alert = one.alert
        is_open = alert.resolved_ms is None
        return (
            self.severity in (None, alert.severity)
            and self.rule in (None, alert.rule)
            and self.mode in (None, alert.mode)
            and self.state in (None, "open" if is_open else "resolved")
        )


@dataclass(frozen=True, slots=True)
class EscalationFilter:
    """Which escalations: of these services, that began in [start, end]."""

    services: Sequence[str]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Alerts, the latest onset first, those of one time by id; `next` where there are more."""

    found: Sequence[StoredAlert]
    next: Position | None


@dataclass(frozen=True, slots=True)
class EscalationPage:
    """Escalations, the latest first; `next` where there are more."""

    found: Sequence[Escalation]
    next: Position | None


def alert_page(
    store: AlertStore,
    wanted: AlertFilter,
    after: Position | None,
    limit: int,
    step: Callable[[], None],
) -> AlertPage:
    """The next `limit` alerts after a position. Blocks; raises the driver's errors.

    Raises:
        Problem: 400, the time is too long.
    """
    start, end = ms_from_datetime(wanted.start), min(ms_from_datetime(wanted.end) + 1, LAST_MS)
    _check_days(start, end)
    if after is not None:
        end = min(end, after.at_ms + 1)
    found: list[StoredAlert] = []
    for one in _newest_first(store, start, end, wanted.service, step):
        if not wanted.fits(one) or (after is not None and not _follows(_place(one), after)):
            continue
        if len(found) == limit:
            return AlertPage(found, _place(found[-1]))
        found.append(one)
    return AlertPage(found, None)


def escalation_page(
    history: EscalationHistory,
    wanted: EscalationFilter,
    after: Position | None,
    limit: int,
    step: Callable[[], None],
) -> EscalationPage:
    """The next `limit` escalations after a position. Blocks; raises the driver's errors.

    Raises:
        Problem: 400, the time is too long.
    """
    start_ms, end_ms = ms_from_datetime(wanted.start), ms_from_datetime(wanted.end)
    _check_days(start_ms, end_ms)
    found = [
        one
        for one in _escalations(history, wanted.services, start_ms, end_ms, step)
        if one.first_alert_ms >= start_ms and (after is None or _follows(_place_of(one), after))
    ]
    found.sort(key=lambda one: (-one.first_alert_ms, str(one.escalation_id)))
    more = len(found) > limit
    return EscalationPage(found[:limit], _place_of(found[limit - 1]) if more else None)


def alerts_touching(store: AlertStore, view: IncidentView) -> tuple[StoredAlert, ...]:
    """The alerts of an incident's services while it lasted, oldest first, a bounded number.

    Blocks; raises the driver's errors. Of a long incident its last two days are looked at.
    """
    last_ms = view.last_ms + _NEAR_MS
    first_ms = max(view.first_ms - _NEAR_MS, last_ms - 2 * _DAY_MS)
    found = [
        one
        for service in view.services[:_INCIDENT_SERVICES]
        for one in store.between(max(first_ms - _DAY_MS, FIRST_MS), last_ms, service)
        if one.alert.last_window_end_ms >= first_ms
    ]
    found.sort(key=lambda one: (one.alert.window_start_ms, one.alert.service_name))
    return tuple(found[:_INCIDENT_ALERTS])


def _newest_first(
    store: AlertStore, start_ms: int, end_ms: int, service: str | None, step: Callable[[], None]
) -> Iterator[StoredAlert]:
    """The alerts of a time, read a day at a time."""
    last = end_ms
    while last > start_ms:
        step()
        first = max(start_ms, (last - 1) // _DAY_MS * _DAY_MS)
        of_day = store.between(first, last, service)
        yield from sorted(
            of_day, key=lambda one: (-one.alert.window_start_ms, str(one.alert.alert_id))
        )
        last = first


def _escalations(
    history: EscalationHistory,
    services: Sequence[str],
    start_ms: int,
    end_ms: int,
    step: Callable[[], None],
) -> Iterator[Escalation]:
    """The escalations of services that overlap a time, read some services at a time."""
    for first in range(0, len(services), _SERVICES_AT_ONCE):
        step()
        some = services[first : first + _SERVICES_AT_ONCE]
        yield from history.overlapping(some, start_ms, end_ms)


def _check_days(start_ms: int, end_ms: int) -> None:
    if end_ms - start_ms > DAYS_MAX * _DAY_MS:
        raise Problem(HTTPStatus.BAD_REQUEST, f"from: ask for {DAYS_MAX} days at the most.")


def _follows(place: Position, after: Position) -> bool:
    return (-place.at_ms, place.last_id) > (-after.at_ms, after.last_id)


def _place(one: StoredAlert) -> Position:
    return Position(one.alert.window_start_ms, str(one.alert.alert_id))


def _place_of(one: Escalation) -> Position:
    return Position(one.first_alert_ms, str(one.escalation_id))
