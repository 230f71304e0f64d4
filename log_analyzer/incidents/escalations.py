"""Reads escalations from their topic and stores each once, by service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.events.log_event import FUTURE_LIMIT_MS
from firstcause.events.service_message import UnreadableServiceMessage, read_service_message
from firstcause.incidents.records import Escalation
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.incidents.stores.writes import write_all

# An escalation belongs to an incident of its service that it overlaps, give or take so much.
OVERLAP_MS: Final = 300_000
# No escalation lasts longer: so far back a reader looks for its beginning.
LONGEST_MS: Final = 86_400_000

_CQL: Final = {
    # Of two versions of one escalation the one with the later last alert stays, in any order.
    "write": "INSERT INTO service_escalations (service_name, first_alert_at, escalation_id, "
    "alert_count, last_alert_at) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
    "read": "SELECT * FROM service_escalations WHERE service_name = ? "
    "AND first_alert_at >= ? AND first_alert_at <= ?",
}


@dataclass(frozen=True, slots=True)
class ConsumedEscalation:
    """An escalation as it came. Event times in ms since the epoch."""

    escalation_id: UUID
    service_name: str
    alert_count: int
    first_alert_ms: int
    last_alert_ms: int

    def overlaps(self, start_ms: int, end_ms: int) -> bool:
        """True when any of it lies between two times."""
        return self.first_alert_ms <= end_ms and self.last_alert_ms >= start_ms


def read_escalation(value: bytes | None, received_ms: int) -> ConsumedEscalation:
    """Reads one message of the topic of escalations.

    Args:
        value: the message's bytes.
        received_ms: Kafka's own timestamp of it. A time more than a day later is refused: the
            last alert's time decides which of two versions stays, so it would stay for good.

    Raises:
        UnreadableServiceMessage: it is not an escalation. Nothing else is raised, for any bytes.
    """
    message = read_service_message(value, "escalation_id")
    count = message.fields.get("alert_count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count < 2**31:
        raise UnreadableServiceMessage("alert_count is no count")
    first_ms = message.time_ms("first_alert_at")
    last_ms = message.time_ms("last_alert_at")
    if last_ms > received_ms + FUTURE_LIMIT_MS:
        raise UnreadableServiceMessage("last_alert_at is in the future")
    if last_ms < first_ms:
        raise UnreadableServiceMessage("last_alert_at is before first_alert_at")
    return ConsumedEscalation(message.message_id, message.service_name, count, first_ms, last_ms)


class EscalationStore:
    """Escalations in Cassandra. Methods block and raise the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def write(self, escalations: Iterable[ConsumedEscalation]) -> None:
        """Stores escalations; the same again, or an older version of it, changes nothing."""
        write_all(
            self._session,
            [
                (
                    self._statements["write"],
                    (
                        one.service_name,
                        datetime_from_ms(one.first_alert_ms),
                        one.escalation_id,
                        one.alert_count,
                        datetime_from_ms(one.last_alert_ms),
                        max(1, one.last_alert_ms * 1_000),
                    ),
                )
                for one in escalations
            ],
        )

    def overlapping(
        self, services: Iterable[str], start_ms: int, end_ms: int
    ) -> tuple[Escalation, ...]:
        """The escalations of these services that overlap a time, each once, oldest first."""
        found: dict[UUID, Escalation] = {}
        for service in services:
            values = (service, datetime_from_ms(start_ms - LONGEST_MS), datetime_from_ms(end_ms))
            for row in self._session.execute(self._statements["read"], values):
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
