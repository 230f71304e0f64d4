"""The deterministic report in full, as titled lines of plain text. Pure.

Text from logs is unchanged in it: whoever shows it makes it safe for that place.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from firstcause.incidents.view import EARLIER_SHOWN, ContextLog, Evidence, IncidentView, Suspect
from firstcause.text.event_time import clock, iso
from log_analyzer.redaction.redactor import neutral
from log_analyzer.report.causal_path import TITLE, path_lines
from log_analyzer.report.ranking import ranking_lines
from log_analyzer.report.timeline import timeline
from log_analyzer.suspects.onset import onset_ms

SUSPECTS_SHOWN: Final = 5
TIMELINE_SHOWN: Final = 30
LINES_SHOWN: Final = 15
MESSAGE_CHARS: Final = 200
AROUND_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A title and its lines; never without a line."""

    title: str
    lines: tuple[str, ...]


def report_sections(view: IncidentView) -> tuple[ReportSection, ...]:
    """What a person would want to know, in the order of reading; works without context too."""
    context = view.context
    sections = (
        ReportSection("Suspects", tuple(_suspect_lines(view))),
        ReportSection("Against normal", ranking_lines(view)),
        ReportSection(TITLE, path_lines(view)),
        ReportSection(
            "Timeline",
            tuple(
                f"{clock(one.timestamp_ms)} {one.service_name}: {one.text}{_log(one.log_id)}"
                for one in timeline(view)[:TIMELINE_SHOWN]
            ),
        ),
        ReportSection("What changed", tuple(changes(view))),
        ReportSection(
            "Logged just before",
            tuple(
                f"{clock(one.timestamp_ms)} {one.service_name} {one.level} "
                f"{one.message[:MESSAGE_CHARS]}{_log(one.log_id)}"
                for one in (context.logs_before if context else ())[:LINES_SHOWN]
            ),
        ),
        ReportSection("Earlier", tuple(_earlier_lines(view))),
        ReportSection("What to do", next_actions(view)),
    )
    return tuple(one for one in sections if one.lines)


def suspects(view: IncidentView) -> tuple[Suspect, ...]:
    """The suspects, most likely first: those of the context, then what else the incident names."""
    known = view.context.suspects if view.context else ()
    names = {one.service_name for one in known}
    return known + tuple(Suspect(name, ()) for name in view.suspects if name not in names)


def suspect_names(view: IncidentView) -> tuple[str, ...]:
    """The suspects' names, most likely first; at least one."""
    return tuple(one.service_name for one in suspects(view)) or (view.service_name,)


def next_actions(view: IncidentView) -> tuple[str, ...]:
    """What to do, the most useful first; commands are safe to paste into a shell."""
    culprit = suspects(view)[0] if suspects(view) else Suspect(view.service_name, ())
    name = shlex.quote(culprit.service_name)
    onset = onset_ms(view)
    start, end = iso(onset - AROUND_MS), iso(onset + AROUND_MS)
    actions = [
        f"Read its logs around the start: firstcause logs --service {name} --from {start} "
        f"--to {end}"
    ]
    trace = _trace_of(view, culprit)
    if trace:
        actions.append(f"Follow one trace: firstcause logs --trace {shlex.quote(trace)}")
    if view.earlier:
        last = max(view.earlier, key=lambda one: one.first_ms)
        actions.append(f"Compare with the last time: firstcause incidents {last.incident_id}")
    return tuple(actions)


def seen_before(view: IncidentView) -> str | None:
    """`Seen 3 times before, last on …; then it was …`; None the first time."""
    if not view.earlier:
        return None
    last = max(view.earlier, key=lambda one: (one.first_ms, str(one.incident_id)))
    text = f"Seen {times_seen(view)} before, last on {clock(last.first_ms)}"
    if not last.culprit_service:
        return f"{text}."
    cause = f": {neutral(last.root_cause)}" if last.root_cause else ""
    return f"{text}; then it was {last.culprit_service} ({last.confidence}){cause}"


def times_seen(view: IncidentView) -> str:
    """`once`, `3 times`, or `at least 5 times` where no more were looked for."""
    count = len(view.earlier)
    if count == 1:
        return "once"
    return f"at least {count} times" if count >= EARLIER_SHOWN else f"{count} times"


def changes(view: IncidentView) -> list[str]:
    """What the suspects log more or less often than before, a sentence each."""
    return [
        f"{one.service_name} {one.level} “{one.template}”: {one.now_per_minute:g} a minute, "
        f"{one.before_per_minute:g} before (samples of {one.now_seconds:g} s and "
        f"{one.before_seconds:g} s)"
        for one in (view.context.rate_changes if view.context else ())[:LINES_SHOWN]
    ]


def _suspect_lines(view: IncidentView) -> list[str]:
    lines = []
    for place, one in enumerate(suspects(view)[:SUSPECTS_SHOWN], start=1):
        reasons = " ".join(one.reasons) or "fails in this incident; its logs are not looked at yet."
        lines.append(f"{place}. {one.service_name}: {reasons}")
    return lines


def _earlier_lines(view: IncidentView) -> list[str]:
    said = seen_before(view)
    if said is None:
        return []
    newest = sorted(view.earlier, key=lambda one: (-one.first_ms, str(one.incident_id)))
    return [
        said,
        *(
            f"{clock(one.first_ms)} to {clock(one.last_ms)}: {one.culprit_service or 'unknown'}, "
            f"incident {one.incident_id}"
            for one in newest[:LINES_SHOWN]
        ),
    ]


def _trace_of(view: IncidentView, culprit: Suspect) -> str | None:
    """A trace that shows the culprit, else the first that the incident has."""
    logs: list[Evidence | ContextLog] = [*(view.context.trace_logs if view.context else ())]
    logs += view.evidence
    told = [one.trace_id for one in logs if one.log_id in culprit.log_ids and one.trace_id]
    own = [one.trace_id for one in logs if one.service_name == culprit.service_name]
    return next(
        (one for one in (*told, *own, *(one.trace_id for one in view.evidence)) if one), None
    )


def _log(log_id: str | None) -> str:
    return f" (log {log_id})" if log_id else ""
