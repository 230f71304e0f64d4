"""Upserts the services, the time of each one's last event, and the minutes in which it logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent

KNOWN_MINUTES_MAX: Final = 50_000


@dataclass(frozen=True, slots=True)
class Activity:
    """What a batch says of one service: its minutes, and the latest second (all UTC)."""

    service_name: str
    minutes: frozenset[datetime]
    last_heard: datetime


def activity_of(seconds: Iterable[tuple[str, datetime]]) -> list[Activity]:
    """Folds pairs of service and second (UTC, any order, repeats allowed) by service."""
    by_service: dict[str, set[datetime]] = {}
    for service_name, second in seconds:
        by_service.setdefault(service_name, set()).add(second)
    return [
        Activity(
            service_name,
            frozenset(second.replace(second=0, microsecond=0) for second in heard),
            max(heard),
        )
        for service_name, heard in sorted(by_service.items())
    ]


class ServiceActivityTable:
    """Writes activities to `services` and `log_minutes`; every write is an idempotent upsert."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # The event time is the cell's own timestamp: a late event never moves last_heard back.
        self._heard = session.prepare(
            # 30 days, as its logs: otherwise the names of old pods would pile up.
            "INSERT INTO services (service_name, last_heard) VALUES (?, ?) "
            "USING TTL 2592000 AND TIMESTAMP ?"
        )
        self._minute = session.prepare(
            "INSERT INTO log_minutes (service_name, day, minute) VALUES (?, ?, ?)"
        )
        self._known: set[tuple[str, datetime]] = set()

    def hide(self, service_name: str) -> None:
        """Hides the next rows of a service from `services`, if its events are old.

        The cell of an event has the event's time, and a deletion of now hides it. Blocks; raises
        the driver's errors.
        """
        self._session.execute("DELETE FROM services WHERE service_name = %s", (service_name,))
        # So that its next minute is written, whether or not it was before.
        self._known = {known for known in self._known if known[0] != service_name}

    def write(self, activities: Iterable[Activity]) -> None:
        """Writes all; blocks until Cassandra has them.

        Raises:
            Exception: the driver's first error; writing again later is safe.
        """
        statements: list[tuple[object, tuple[object, ...]]] = []
        fresh: set[tuple[str, datetime]] = set()
        for activity in activities:
            name = activity.service_name
            micros = max(1, round(activity.last_heard.timestamp() * 1_000_000))
            statements.append((self._heard, (name, activity.last_heard, micros)))
            for minute in activity.minutes:
                if (name, minute) not in self._known:
                    day: date = minute.astimezone(UTC).date()
                    statements.append((self._minute, (name, day, minute)))
                    fresh.add((name, minute))
        execute_concurrent(self._session, statements, concurrency=32, raise_on_first_error=True)
        # Bounded: forgetting costs a repeated upsert, no more.
        self._known = (self._known if len(self._known) < KNOWN_MINUTES_MAX else set()) | fresh
