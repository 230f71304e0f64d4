"""Builds the timeline of an incident. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS
from firstcause.incidents.view import ContextLog, Evidence, IncidentView, TimelineEntry

# A minute with so many times the errors of the first is growth worth a line.
GROWTH: Final = 10


def timeline(view: IncidentView) -> tuple[TimelineEntry, ...]:
    """First changes, the first error of each service, growth, escalations and quiet, by time."""
    entries = [
        *(view.context.timeline if view.context else ()),
        *_first_errors(view),
        *_growth(view),
        *(
            TimelineEntry(
                one.first_alert_ms,
                one.service_name,
                f"escalated after {one.alert_count:,} alerts",
            )
            for one in view.escalations
        ),
    ]
    if view.status == "resolved":
        text = f"last of {view.error_count:,} errors; quiet since, resolved"
        entries.append(TimelineEntry(view.last_ms, view.service_name, text))
    return tuple(sorted(entries, key=lambda one: (one.timestamp_ms, one.service_name, one.text)))


def _first_errors(view: IncidentView) -> Iterator[TimelineEntry]:
    """The first error of each service, with its log line where that is kept."""
    first: dict[str, TimelineEntry] = {}

    def offer(entry: TimelineEntry) -> None:
        known = first.get(entry.service_name)
        # Of two entries of the same moment, the one that shows its log line says more.
        if known is None or (entry.timestamp_ms, entry.log_id is None) < (
            known.timestamp_ms,
            known.log_id is None,
        ):
            first[entry.service_name] = entry

    for group in view.groups:
        text = f"first error: {group.template}"
        offer(TimelineEntry(group.first_ms, group.service_name, text))
    logs: list[Evidence | ContextLog] = [*view.evidence]
    logs += view.context.trace_logs if view.context else ()
    for log in logs:
        if log.level in ERROR_LEVELS:
            text = f"first error: {log.message[:200]}"
            offer(TimelineEntry(log.timestamp_ms, log.service_name, text, log.log_id))
    yield from first.values()


def _growth(view: IncidentView) -> Iterator[TimelineEntry]:
    """The first minute with ten times the errors of the first minute, and the worst minute."""
    totals: Counter[int] = Counter()
    services: dict[int, Counter[str]] = {}
    for one in view.error_minutes:
        totals[one.minute_ms] += one.errors
        services.setdefault(one.minute_ms, Counter())[one.service_name] += one.errors
    if not totals:
        return
    first = min(totals)
    grown = min((at for at in totals if totals[at] >= GROWTH * totals[first]), default=None)
    worst = min(totals, key=lambda at: (-totals[at], at))
    for at, text in ((grown, "grows"), (worst, "worst minute")):
        if at is not None and at > first and not (text == "worst minute" and at == grown):
            name = min(services[at], key=lambda one: (-services[at][one], one))
            figures = f"{totals[at]:,} errors a minute, {totals[first]:,} in the first"
            yield TimelineEntry(at, name, f"{text}: {figures}")
