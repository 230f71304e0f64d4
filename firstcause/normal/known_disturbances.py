"""Collects the known disturbances of a time: incidents and drills."""

from __future__ import annotations

from cassandra.cluster import Session

from firstcause.normal.drills import drills_between
from firstcause.normal.incident_times import incidents_between
from root_cause.quiet_hours.quiet_stretches import Disturbance


def disturbances_between(session: Session, start_ms: int, end_ms: int) -> list[Disturbance]:
    """The incidents and drills that touch a time, margins included. Blocks for a few reads each.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    return [
        *incidents_between(session, start_ms, end_ms),
        *drills_between(session, start_ms, end_ms),
    ]
