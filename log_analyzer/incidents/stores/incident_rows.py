"""The data classes of an incident's row and of the times of its errors. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from firstcause.incidents.states import Status


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """What the row of an incident says. Absent parts are None: the row may be half written."""

    fingerprint: UUID | None
    status: Status | None
    merged_into: UUID | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """When an incident's errors happened (event time) and arrived (wall clock), ms."""

    first_ms: int
    last_ms: int
    last_arrival_ms: int
