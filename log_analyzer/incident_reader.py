"""Reads an incident whole from Cassandra, for all doors alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from log_analyzer.context_store import ContextStore
from log_analyzer.handling_store import HandlingStore
from log_analyzer.incident import severity
from log_analyzer.incident_store import milliseconds, prepare_all
from log_analyzer.incident_view import Analysis, Evidence, IncidentView, SentMessage

_CQL: Final = {
    "incident": "SELECT * FROM incidents WHERE incident_id = ?",
    "tallies": "SELECT * FROM incident_tallies WHERE incident_id = ?",
    "evidence": "SELECT * FROM incident_evidence WHERE incident_id = ?",
    "analyses": "SELECT * FROM incident_analyses WHERE incident_id = ?",
    "message": "SELECT * FROM incident_messages WHERE incident_id = ?",
    "days": "SELECT day FROM incident_days WHERE scope = 'all' AND day >= ?",
    "of_day": "SELECT incident_id FROM incidents_by_day WHERE day = ? AND opened_at >= ?",
}


class IncidentReader:
    """Reads incidents; every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)
        self._contexts = ContextStore(session)
        self._handling = HandlingStore(session)

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def read(self, incident: UUID) -> IncidentView | None:
        """One incident whole, or None when there is none of this id."""
        rows = self._rows("incident", incident)
        if not rows or rows[0].opened_at is None:
            return None
        row = rows[0]
        tallies = self._rows("tallies", incident)
        count = sum((one.remembered or 0) + (one.overflow or 0) for one in tallies)
        opened = milliseconds(row.opened_at) or 0
        firsts = [ms for one in tallies if (ms := milliseconds(one.first_seen)) is not None]
        lasts = [ms for one in tallies if (ms := milliseconds(one.last_seen)) is not None]
        messages = self._rows("message", incident)
        return IncidentView(
            incident_id=incident,
            status=row.status,
            service_name=row.service_name,
            template=row.template,
            title=row.title,
            severity=severity(count, any(one.fatal for one in tallies)),
            suspects=tuple(row.suspects or (row.service_name,)),
            services=tuple(row.services or (row.service_name,)),
            error_count=count,
            first_ms=min([opened, *firsts]),
            last_ms=max([opened, *lasts]),
            evidence=tuple(map(_evidence, self._rows("evidence", incident))),
            analyses=tuple(map(_analysis, self._rows("analyses", incident))),
            message=SentMessage(
                messages[0].state,
                messages[0].channel,
                messages[0].ts,
                messages[0].sends or 0,
                messages[0].last_error,
            )
            if messages
            else None,
            context=self._contexts.read(incident),
            reopened=row.status == "open" and row.resolved_at is not None,
            handling=self._handling.of(incident, row.fingerprint),
        )

    def since(self, start: datetime) -> Iterator[IncidentView]:
        """Incidents opened at or after `start` (event time), newest first."""
        start = start.astimezone(UTC)
        for day in self._rows("days", start.date()):
            for row in self._rows("of_day", day.day, start):
                view = self.read(row.incident_id)
                if view is not None:
                    yield view


def _evidence(row: Any) -> Evidence:
    return Evidence(
        str(row.log_id),
        milliseconds(row.timestamp) or 0,
        row.service_name,
        row.level,
        row.message or "",
        row.error_code,
        row.trace_id,
        row.span_id,
        row.parent_span_id,
    )


def _analysis(row: Any) -> Analysis:
    return Analysis(
        source=row.source,
        root_cause=row.root_cause or "",
        culprit_service=row.culprit_service or "",
        confidence=row.confidence or "inconclusive",
        evidence=tuple(row.evidence or ()),
        actions=tuple(row.actions or ()),
        struck_out=tuple(row.struck_out or ()),
        note=row.note or "",
        model=row.model or "",
        llm_calls=row.llm_calls or 0,
        llm_tokens=row.llm_tokens or 0,
        analysed_ms=milliseconds(row.analysed_at) or 0,
        state=row.state or "",
        originals=dict(row.originals or {}),
    )
