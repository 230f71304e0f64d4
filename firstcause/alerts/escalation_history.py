"""Reads stored escalations of services."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.records import Escalation
from firstcause.storage.cassandra import rows_of_each
from firstcause.storage.stored_time import FIRST_MS, datetime_from_ms, optional_ms

# No escalation lasts longer: so far back a reader looks for its beginning.
LONGEST_MS: Final = 86_400_000


class EscalationHistory:
    """Reads `service_escalations`. Blocks, and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read = session.prepare(
            "SELECT * FROM service_escalations WHERE service_name = ? "
            "AND first_alert_at >= ? AND first_alert_at <= ?"
        )

    def overlapping(
        self, services: Iterable[str], start_ms: int, end_ms: int
    ) -> tuple[Escalation, ...]:
        """The escalations of these services that overlap a time, each once, oldest first."""
        first_ms = max(FIRST_MS, start_ms - LONGEST_MS)
        times = datetime_from_ms(first_ms), datetime_from_ms(end_ms)
        asked = [(service, *times) for service in services]
        found: dict[UUID, Escalation] = {}
        for rows in rows_of_each(self._session, self._read, asked):
            for row in rows:
                one = Escalation(
                    row.escalation_id,
                    row.service_name,
                    row.alert_count or 0,
                    optional_ms(row.first_alert_at) or 0,
                    optional_ms(row.last_alert_at) or 0,
                )
                known = found.get(one.escalation_id)
                if one.last_alert_ms >= start_ms and (
                    known is None or one.last_alert_ms > known.last_alert_ms
                ):
                    found[one.escalation_id] = one
        return tuple(sorted(found.values(), key=lambda one: (one.first_alert_ms, one.service_name)))
