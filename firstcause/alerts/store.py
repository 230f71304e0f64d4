"""The table `alerts`: alerts written and read, each under its id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import UNSET_VALUE

from alerting.alert import Alert, Kind, Mode
from firstcause.incidents.states import Severity
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import (
    datetime_from_ms,
    days_between,
    ms_from_datetime,
    optional_ms,
)

_COLUMNS: Final = (
    "day",
    "service_name",
    "window_start",
    "alert_id",
    "rule",
    "severity",
    "mode",
    "score",
    "observed",
    "expected",
    "band_low",
    "band_high",
    "learned_from",
    "sentence",
    "window_end",
    "last_window_end",
    "resolved_at",
    "told_at",
    "kind",
)
# Names of columns are constants.
_CQL: Final = {
    "write": f"INSERT INTO alerts ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_COLUMNS))})",
    "withdraw": "DELETE FROM alerts WHERE day = ? AND service_name = ? AND window_start = ? "
    "AND alert_id = ?",
    "of_day": "SELECT * FROM alerts WHERE day = ?",
    "of_service": "SELECT * FROM alerts WHERE day = ? AND service_name = ?",
}
_AT_ONCE: Final = 32


class StoredAlert(NamedTuple):
    """An alert as it stands in the table; `told_ms` is when it was sent, None if it never was."""

    alert: Alert
    told_ms: int | None


class AlertStore:
    """Alerts in Cassandra. Methods block, raise the driver's errors, and may be repeated."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def write(self, alerts: Iterable[Alert], told_ms: dict[UUID, int]) -> None:
        """Writes alerts; `told_ms` says when those that were sent were."""
        self._each("write", [_values(one, told_ms.get(one.alert_id)) for one in alerts])

    def withdraw(self, alerts: Iterable[Alert]) -> None:
        """Removes alerts that late events have shown to be none."""
        self._each("withdraw", [_key(one) for one in alerts])

    def between(
        self, start_ms: int, end_ms: int, service_name: str | None = None
    ) -> list[StoredAlert]:
        """The alerts with an onset in [start_ms, end_ms), newest first."""
        asked: list[tuple[object, ...]] = [(day,) for day in days_between(start_ms, end_ms)]
        name = "of_day"
        if service_name is not None:
            name, asked = "of_service", [(*one, service_name) for one in asked]
        found = [
            _read(row)
            for rows in rows_of_each(self._session, self._statements[name], asked)
            for row in rows
        ]
        inside = [one for one in found if start_ms <= one.alert.window_start_ms < end_ms]
        return sorted(inside, key=lambda one: (-one.alert.window_start_ms, one.alert.service_name))

    def _each(self, name: str, values: Sequence[tuple[object, ...]]) -> None:
        if values:
            execute_concurrent_with_args(
                self._session, self._statements[name], values, concurrency=_AT_ONCE
            )


def _key(alert: Alert) -> tuple[object, ...]:
    start = datetime_from_ms(alert.window_start_ms)
    return start.date(), alert.service_name, start, alert.alert_id


def _values(alert: Alert, told_ms: int | None) -> tuple[object, ...]:
    low, high = alert.band
    resolved_ms = alert.resolved_ms
    return (
        *_key(alert),
        alert.rule,
        alert.severity,
        alert.mode,
        alert.score,
        alert.observed,
        alert.expected,
        UNSET_VALUE if low is None else low,
        UNSET_VALUE if high is None else high,
        alert.learned_from,
        alert.sentence,
        datetime_from_ms(alert.window_end_ms),
        datetime_from_ms(alert.last_window_end_ms),
        # Null, not unset: an alert that late events reopen has an end no longer.
        None if resolved_ms is None else datetime_from_ms(resolved_ms),
        UNSET_VALUE if told_ms is None else datetime_from_ms(told_ms),
        alert.kind,
    )


def _read(row: Any) -> StoredAlert:
    alert = Alert(
        alert_id=row.alert_id,
        rule=row.rule,
        service_name=row.service_name,
        severity=cast(Severity, row.severity),
        mode=cast(Mode, row.mode),
        score=row.score,
        observed=row.observed,
        expected=row.expected,
        band=(row.band_low, row.band_high),
        learned_from=row.learned_from,
        sentence=row.sentence,
        window_start_ms=ms_from_datetime(row.window_start),
        window_end_ms=ms_from_datetime(row.window_end),
        last_window_end_ms=ms_from_datetime(row.last_window_end),
        resolved_ms=optional_ms(row.resolved_at),
        kind=cast(Kind | None, row.kind),
    )
    return StoredAlert(alert, optional_ms(row.told_at))
