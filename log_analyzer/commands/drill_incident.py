"""Finds the incident of a fault drill and checks its suspects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.errors import FirstcauseError
from firstcause.incidents.view import IncidentView
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.report.sections import suspect_names

POLL_SECONDS: Final = 1.0
SUSPECTS_LOOKED_AT: Final = 3
# A drill that is repeated reopens its incident, which began so much earlier at the most.
REOPENED: Final = timedelta(hours=2)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class DrillExpectation:
    """What a drill should lead to.

    Attributes:
        started_at: event time of its beginning.
        error_ids: log ids of its errors, so that no other incident is taken for its own.
        culprit: the service where the fault truly is; it may have logged no error.
    """

    started_at: datetime
    error_ids: frozenset[str]
    culprit: str


@dataclass(frozen=True, slots=True)
class DrillFinding:
    """An incident of the drill; the culprit counts as named among the first three suspects."""

    incident: IncidentView
    names_culprit: bool


def drill_finding(
    incidents: Iterable[IncidentView], expected: DrillExpectation
) -> DrillFinding | None:
    """The incident of the drill that fits best: first one that names the culprit. Pure.

    One fault is one incident as a rule; several while they have not merged yet.
    """
    own = [
        incident
        for incident in incidents
        if any(evidence.log_id in expected.error_ids for evidence in incident.evidence)
    ]
    findings = [DrillFinding(one, expected.culprit in first_suspects(one)) for one in own]
    # The earliest incident is the one that a person saw first.
    findings.sort(key=lambda one: (not one.names_culprit, one.incident.first_ms))
    return findings[0] if findings else None


def await_finding(
    session: Session,
    expected: DrillExpectation,
    timeout_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DrillFinding:
    """Waits until Cassandra holds an incident of the drill that names the culprit.

    Blocks for `timeout_seconds` at the most, looking once a second.

    Raises:
        FirstcauseError: there was none in time, or none that names the culprit.
    """
    deadline = clock() + timeout_seconds
    while True:
        finding = find_now(session, expected)
        if finding and finding.names_culprit:
            return finding
        if clock() >= deadline:
            return _judged(finding, expected, timeout_seconds)
        sleep(POLL_SECONDS)


def find_now(session: Session, expected: DrillExpectation) -> DrillFinding | None:
    """The incident of the drill that Cassandra holds now; see `drill_finding`."""
    return drill_finding(IncidentReader(session).since(expected.started_at - REOPENED), expected)


def judged_finding(
    session: Session, expected: DrillExpectation, waited_seconds: float
) -> DrillFinding:
    """The incident of the drill after somebody has waited for it, if it names the culprit.

    Raises:
        FirstcauseError: there is none, or none that names the culprit.
    """
    return _judged(find_now(session, expected), expected, waited_seconds)


def _judged(
    finding: DrillFinding | None, expected: DrillExpectation, waited_seconds: float
) -> DrillFinding:
    if finding is not None and finding.names_culprit:
        return finding
    if finding is None:
        raise FirstcauseError(
            f"No incident was opened within {waited_seconds:.0f} s. Look whether the analyzer "
            "runs (`firstcause status`). Errors like those of an incident that is open already "
            "join it: see `firstcause incidents`, and drill again when it is resolved."
        )
    raise FirstcauseError(
        f"Incident {finding.incident.incident_id} does not suspect {expected.culprit}, the true "
        f"culprit; its first suspects are {', '.join(first_suspects(finding.incident))}."
        + _other_fault(finding.incident, expected)
        + _without_normal(finding.incident)
    )


def first_suspects(incident: IncidentView) -> tuple[str, ...]:
    """The suspects that a person would look at."""
    return suspect_names(incident)[:SUSPECTS_LOOKED_AT]


def _other_fault(incident: IncidentView, expected: DrillExpectation) -> str:
    if incident.first_ms >= expected.started_at.timestamp() * 1000:
        return ""
    began = datetime.fromtimestamp(incident.first_ms / 1000, UTC)
    return (
        f" It began at {began:%H:%M:%S} UTC, before this drill, so that there is another fault in "
        "it: see `firstcause incidents`, and drill again when it is resolved."
    )


def _without_normal(incident: IncidentView) -> str:
    if incident.context is not None and incident.context.ranking is not None:
        return ""
    return (
        " It was not compared with normal: trigger the DAG `learn_normal` once there was some "
        "healthy traffic."
    )


def stored_at_ms(session: Session, incident_id: UUID, since: datetime | None = None) -> int | None:
    """When the first evidence of an incident was stored, ms since the epoch; None without any.

    Cassandra's own write time; it does not depend on how often anybody looks. `since` (event time)
    leaves out what an incident that reopened had before.
    """
    members = session.execute(
        "SELECT episode_id FROM incident_episodes WHERE incident_id = %s", (incident_id,)
    )
    written_us = [
        found
        for member in members
        for (found,) in session.execute(
            "SELECT min(writetime(message)) FROM episode_evidence "
            "WHERE episode_id = %s AND timestamp >= %s",
            (member.episode_id, since or _EPOCH),
        )
        if found is not None
    ]
    return min(written_us) // 1000 if written_us else None
