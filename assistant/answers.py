"""What each tool answers, from what it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from alerting.objectives.burn_rate import ObjectiveStatus
from assistant.bounds import Answer
from assistant.sources import Sources
from firstcause.errors import FirstcauseError
from firstcause.events.span import Span
from firstcause.incidents.view import IncidentView
from firstcause.storage.log_history import LogRow
from firstcause.storage.stored_time import datetime_from_ms
from firstcause.text.log_lines import plain
from search.query.parser import parse

# Incidents that one question looks at.
LOOKED_AT: Final = 100
EVIDENCE: Final = 20


def incidents(
    sources: Sources,
    times: tuple[int, int],
    *,
    status: str | None,
    service: str | None,
    limit: int,
    is_late: Callable[[], bool],
) -> Answer:
    """Incidents that opened in a time, newest first, without those that were merged away.

    Once it is late it tells those that are read, and that there may be more.
    """
    found: list[dict[str, Any]] = []
    looked_at = 0
    more = False
    for one in sources.incidents.opened(*times):
        more = len(found) == limit or looked_at == LOOKED_AT or is_late()
        if more:
            break
        looked_at += 1
        view = sources.incidents.listed(one.incident_id)
        if view is None or view.merged_into is not None:
            continue
        if status in (None, view.status) and (service is None or service in view.services):
            found.append(_listed(view))
    return Answer({"from": _time(times[0]), "to": _time(times[1]), "more": more}, found)


def incident(sources: Sources, incident_id: UUID) -> Answer:
    """One incident: what is said of it, its path, its sections, then lines that show it.

    Raises:
        FirstcauseError: there is no such incident.
    """
    view = sources.incidents.read(incident_id)
    if view is None:
        raise FirstcauseError(f"There is no incident {incident_id}: ask for the list of incidents.")
    headline, report = sources.incidents.headline(view), sources.incidents.report(view)
    ranking = view.context.ranking if view.context else None
    analysis = headline.analysis
    head = {
        **_listed(view),
        "analysis": {
            "source": analysis.source,
            "root_cause": analysis.root_cause,
            "culprit": analysis.culprit_service,
            "confidence": analysis.confidence,
            "note": analysis.note,
        },
        "path": list(ranking.path) if ranking else [],
    }
    hops = [{"path_step": hop} for hop in (ranking.hops if ranking else ())]
    actions = [{"action": action} for action in analysis.actions]
    suspects = [
        {"suspect": one.service_name, "reasons": list(one.reasons[:5])} for one in headline.suspects
    ]
    evidence = [
        {
            "log_id": one.log_id,
            "time": _time(one.timestamp_ms),
            "service": one.service_name,
            "level": one.level,
            "message": one.message,
            "trace_id": one.trace_id,
        }
        for one in view.evidence[:EVIDENCE]
    ]
    sections = [
        {"section": title, "lines": list(lines)} for title, lines in report.sections if lines
    ]
    return Answer(head, [*hops, *actions, *suspects, *evidence, *sections])


def logs(sources: Sources, query: str, times: tuple[int, int], limit: int) -> Answer:
    """Logs that a query finds, newest first.

    Raises:
        QueryError: a mistake in the query, with its position.
        IndexAwayError: there is no index.
    """
    found = sources.logs(parse(query), *times, limit)
    head = {"from": _time(times[0]), "to": _time(times[1]), "more": found.more}
    if found.missing:
        head["not_stored_yet_or_too_old"] = found.missing
    return Answer(head, [_log(row) for row in found.rows])


def pattern_changes(
    sources: Sources, times: tuple[int, int], before_ms: int, service: str | None, limit: int
) -> Answer:
    """Patterns that are new, gone or shifted, the strongest change first."""
    found = sources.pattern_changes(service, before_ms, *times)
    items = [
        {
            "change": change.change.value,
            "before": change.before,
            "after": change.after,
            "service": change.name[0],
            "template_id": str(change.name[1]),
            "level": pattern.level if pattern else None,
            "text": pattern.text if pattern else None,
        }
        for change, pattern in found[:limit]
    ]
    compared = {"before": _time(before_ms), "from": _time(times[0]), "to": _time(times[1])}
    return Answer({**compared, "changes": len(found)}, items)


def trace(sources: Sources, trace_id: str) -> Answer:
    """A trace: its spans as a tree, then its logs in time."""
    spans, rows = sources.trace(trace_id)
    items = [*(_span(depth, span) for depth, span in spans), *map(_log, rows)]
    return Answer({"spans": len(spans), "logs": len(rows)}, items)


def services(sources: Sources) -> Answer:
    """Services and when each was last heard, those first that were heard last."""
    found = sorted(sources.services().items(), key=lambda one: (-one[1].timestamp(), one[0]))
    items = [{"service": name, "last_heard": plain(heard)} for name, heard in found]
    return Answer({"services": len(items), "now": plain(datetime.now(UTC))}, items)


def normal(sources: Sources, service: str) -> Answer:
    """What a service does when nothing is wrong.

    Raises:
        FirstcauseError: nothing is learned of it.
        StillReadingError: it is being read.
    """
    summary = sources.normal(service)
    if summary is None:
        raise FirstcauseError(
            "Nothing is learned as normal of this service. The tool services lists the names; the "
            "DAG learn_normal learns each hour."
        )
    parts: dict[str, tuple[Any, ...]] = {
        "usual_error": summary.errors,
        "time": summary.times,
        "follows": summary.followings,
        "rate": summary.rates,
    }
    # A row of each part in turn, so that a cut leaves something of all.
    items = [
        {"kind": kind, **asdict(rows[at])}
        for at in range(max(map(len, parts.values())))
        for kind, rows in parts.items()
        if at < len(rows)
    ]
    return Answer({"service": service}, items)


def objectives(sources: Sources, service: str | None) -> Answer:
    """How objectives stand, those first that have the least of their budget left."""
    found = [one for one in sources.objectives() if service in (None, one.service_name)]
    return Answer({"objectives": len(found)}, [_objective(one) for one in sorted(found, key=_left)])


def _left(status: ObjectiveStatus) -> float:
    good = status.good_share
    return (good if good is not None else 1.0) - status.target


def _objective(status: ObjectiveStatus) -> dict[str, Any]:
    return {
        "objective": status.objective,
        "service": status.service_name,
        "title": status.title,
        "target": status.target,
        "window_ms": status.window_ms,
        "at": _time(status.at_ms),
        "bad": status.bad,
        "total": status.total,
        "good_share": status.good_share,
        "burn_rates": dict(status.burn_rates),
    }


def _listed(view: IncidentView) -> dict[str, Any]:
    return {
        "incident_id": str(view.incident_id),
        "status": view.status,
        "severity": view.severity,
        "title": view.title,
        "suspects": list(view.suspects[:5]),
        "services": list(view.services[:20]),
        "errors": view.error_count,
        "first_seen": _time(view.first_ms),
        "last_seen": _time(view.last_ms),
    }


def _log(row: LogRow) -> dict[str, Any]:
    told = {
        "log_id": str(row["log_id"]),
        "time": plain(row["timestamp"]),
        "service": row["service_name"],
        "level": row["level"],
        "message": row["message"],
    }
    # Attributes stay away: a secret's name would be apart from its value there, and hide it.
    for name in ("error_code", "exception", "trace_id", "status_code", "latency_ms"):
        if row.get(name) is not None:
            told[name] = row[name]
    return told


def _span(depth: int, span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "depth": depth,
        "service": span.service_name,
        "operation": span.operation,
        "start": _time(span.start_ns // 1_000_000),
        "duration_ms": round(span.duration_us / 1_000, 3),
    }


def _time(at_ms: int) -> str:
    return str(plain(datetime_from_ms(at_ms).replace(tzinfo=UTC)))
