"""The table `objective_status`: how each objective of each service stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from alerting.objectives.burn_rate import ObjectiveStatus
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime

_COLUMNS: Final = (
    "objective",
    "service_name",
    "title",
    "target",
    "window_ms",
    "at",
    "bad",
    "total",
    "burn_rates",
)
# Names of columns are constants.
_CQL: Final = {
    "write": f"INSERT INTO objective_status ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_COLUMNS))})",
    "all": "SELECT * FROM objective_status",
    "of_objective": "SELECT * FROM objective_status WHERE objective = ?",
    "names": "SELECT DISTINCT objective FROM objective_status",
    "remove": "DELETE FROM objective_status WHERE objective = ?",
}
_AT_ONCE: Final = 32


class ObjectiveStatusStore:
    """Statuses in Cassandra. Methods block, raise the driver's errors, and may be repeated."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def latest(self, objective: str | None = None) -> list[ObjectiveStatus]:
        """How objectives stand, by name and service; `at_ms` tells how old each is.

        The analyzer writes them once a minute of event time. What it has not written for three
        days is gone.

        Args:
            objective: only the one of this name.
        """
        if objective is None:
            rows = self._session.execute(self._statements["all"])
        else:
            rows = self._session.execute(self._statements["of_objective"], (objective,))
        return sorted(map(_read, rows), key=lambda one: (one.objective, one.service_name))

    def write(self, statuses: Iterable[ObjectiveStatus]) -> None:
        """Writes statuses in the place of those of before."""
        values = [_values(one) for one in statuses]
        if values:
            execute_concurrent_with_args(
                self._session, self._statements["write"], values, concurrency=_AT_ONCE
            )

    def keep_only(self, objectives: Iterable[str]) -> None:
        """Removes the statuses of objectives that are none any more."""
        stored = {row.objective for row in self._session.execute(self._statements["names"])}
        for name in sorted(stored - set(objectives)):
            self._session.execute(self._statements["remove"], (name,))


def _values(status: ObjectiveStatus) -> tuple[object, ...]:
    return (
        status.objective,
        status.service_name,
        status.title,
        status.target,
        status.window_ms,
        datetime_from_ms(status.at_ms),
        status.bad,
        status.total,
        dict(status.burn_rates),
    )


def _read(row: Any) -> ObjectiveStatus:
    return ObjectiveStatus(
        objective=row.objective,
        service_name=row.service_name,
        title=row.title,
        target=row.target,
        window_ms=row.window_ms,
        at_ms=ms_from_datetime(row.at),
        bad=row.bad,
        total=row.total,
        burn_rates=dict(row.burn_rates or {}),
    )
