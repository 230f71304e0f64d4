"""Escalations of their topic: read from a message, and stored once each, by service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.events.log_event import FUTURE_LIMIT_MS
from firstcause.events.service_message import UnreadableServiceMessage, read_service_message
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms
from log_analyzer.incidents.stores.writes import write_all

# An escalation belongs to an incident of its service that it overlaps, give or take so much.
OVERLAP_MS: Final = 300_000

_CQL: Final = {
    # Of two versions of one escalation the one with the later last alert stays, in any order.
    "write": "INSERT INTO service_escalations (service_name, first_alert_at, escalation_id, "
    "alert_count, last_alert_at) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
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
    """Escalations into Cassandra. Methods block and raise the driver's errors."""

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
