"""The data class of an error that is counted, with the group that it belongs to. Pure."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import LogEvent
from firstcause.events.workload import workload_of

# Clocks of hosts that are kept in step differ by less.
CLOCKS_APART_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ConsumedError:
    """An error to be counted: the event, its place in Kafka, its template.

    `arrived_ms` is Kafka's own timestamp of the message, None where it has none.
    """

    event: LogEvent
    partition: int
    offset: int
    template: str
    template_id: UUID
    arrived_ms: int | None = None

    @property
    def moment_ms(self) -> int:
        """The time that grouping uses: the event time, but not later than the arrival.

        What is stamped ahead of its arrival (local time as UTC, a clock that jumped) happened when
        it came. Otherwise one such error would begin a later session, and end the running one.
        """
        stamped_ms = self.event.timestamp_ms
        if self.arrived_ms is None or stamped_ms <= self.arrived_ms + CLOCKS_APART_MS:
            return stamped_ms
        return self.arrived_ms

    @property
    def fingerprint(self) -> UUID:
        """The group that the error belongs to."""
        return group_fingerprint(self.service_name, self.template_id)

    @property
    def service_name(self) -> str:
        """The service that it counts for: that of the event, without a replica's suffix."""
        return workload_of(self.event.service_name)

    @property
    def log_key(self) -> bytes:
        """The 16 bytes of its log id."""
        return bytes.fromhex(self.event.log_id.replace("-", ""))


@functools.lru_cache(maxsize=10_000)
def group_fingerprint(service_name: str, template_id: UUID) -> UUID:
    """The identity of a group: the service and the message template."""
    return derived_id("group", service_name, str(template_id))
