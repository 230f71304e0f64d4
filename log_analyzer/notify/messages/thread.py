"""Builds the replies in an incident's thread, and decides which fixed ones are due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from firstcause.incidents.view import Analysis, Evidence, IncidentView
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.incidents.severity import Recent, is_worse, recent
from log_analyzer.notify.messages.content import (
    Code,
    Line,
    Moment,
    Note,
    Part,
    Quoted,
    Span,
    Strong,
    paragraph,
)
from log_analyzer.notify.messages.culprit import author, blamed_service, convincing_line
from log_analyzer.notify.messages.incident_parts import evidence_line, services, step
from log_analyzer.notify.messages.wording import duration, named_as, plural, rate
from log_analyzer.redaction.redactor import neutral
from log_analyzer.report.causal_path import HOP_CHARS, TITLE, path_lines
from log_analyzer.report.sections import suspects
from log_analyzer.report.timeline import timeline

PICTURE: Final = "picture"
DETAIL: Final = "detail"

TIMELINE_SHOWN: Final = 20
EVIDENCE_SHOWN: Final = 8
REASONS_SHOWN: Final = 3
SUSPECTS_SHOWN: Final = 3
ACTIONS_SHOWN: Final = 6
ENTRY_CHARS: Final = 200
REASON_CHARS: Final = 300
ROOT_CAUSE_CHARS: Final = 900
ID_CHARS: Final = 40

Facts = Mapping[str, Any]


def due_parts(view: IncidentView, age_ms: int, detail_after_ms: int) -> list[str]:
    """The replies of a fixed name that a thread should have: picture and details.

    Args:
        view: the incident.
        age_ms: how long the message has stood there.
        detail_after_ms: age at which they follow, if it does not resolve before.
    """
    if view.merged_into is not None:
        return []
    if view.status != "resolved" and age_ms < detail_after_ms:
        return []
    due = [PICTURE] if view.error_minutes else []
    return due + ([DETAIL] if view.evidence or view.context else [])


def render_reply(reply: str, view: IncidentView, analysis: Analysis, facts: Facts) -> Note:
    """The reply with a name, such as `burst-3`. A picture has no text and is not made here.

    Args:
        reply: its name; what stands before the number is its kind.
        view: the incident as it is now.
        analysis: the current analysis.
        facts: what was true when the reply was decided; what it tells does not change since.

    Raises:
        ValueError: no reply has such a name.
    """
    kind = reply.split("-", 1)[0]
    if kind == DETAIL:
        return _detail(view, analysis)
    known = {
        "errors": view.error_count,
        "severity": view.severity,
        "severity_before": "low",
        "onset_ms": view.first_ms,
        "last_ms": view.last_ms,
    } | dict(facts)
    renderers = {
        "resolved": _resolved,
        "back": _back,
        "burst": _burst,
        "worse": _worse,
        "suspect": _suspect_changed,
        "analysis": _answered,
    }
    if kind not in renderers:
        raise ValueError(f"no reply is named {reply}")
    return renderers[kind](view, analysis, known)


def _resolved(view: IncidentView, analysis: Analysis, facts: Facts) -> Note:
    lasted = duration(facts["last_ms"] - facts["onset_ms"])
    head: list[Span] = [f"✅ Resolved. It lasted {lasted}: {facts['errors']:,} errors in all, the "]
    head += ["last at ", Moment(facts["last_ms"]), "."]
    if view.handling.resolved_by and view.handling.resolved_ms == view.resolved_ms:
        head += [" Resolved by hand by ", named_as(view.handling.resolved_by), "."]
    blamed: Line = (Strong("Suspect:"), " ", named_as(blamed_service(view, analysis)))
    blamed += (" (", Quoted(analysis.confidence), ")")
    where: Line = (Strong("Where:"), " ", *services(view))
    lines: list[Iterable[Span]] = [head, where, blamed]
    if view.status != "resolved":
        # Sent late: it came back before this was told.
        lines.append(["It is open again since."])
    return Note(f"✅ Resolved after {lasted}: {view.title}", (paragraph(*lines),))


def _back(view: IncidentView, _: Analysis, facts: Facts) -> Note:
    head: list[Span] = ["🔄 It is back since ", Moment(facts["onset_ms"]), ": "]
    head += [f"{_now(view)} now, {facts['errors']:,} errors in all."]
    return Note(f"🔄 It is back: {view.title}", (paragraph(head, *_since_then(view)),))


def _burst(view: IncidentView, _: Analysis, facts: Facts) -> Note:
    onset = int(facts["onset_ms"])
    first = onset - onset % MINUTE_MS
    minutes: dict[int, int] = {}
    for one in view.error_minutes:
        minutes[one.minute_ms] = minutes.get(one.minute_ms, 0) + one.errors
    worst = max((errors for at, errors in minutes.items() if at >= first), default=0)
    before = sum(errors for at, errors in minutes.items() if at < first)
    oldest = min(minutes, default=first)
    usual = rate(Recent(before, 1, max(MINUTE_MS, first - oldest)))
    head: list[Span] = ["📈 Errors burst at ", Moment(onset), f": up to {worst:,} a minute, "]
    head += [f"{usual} before." if before else "hardly any before."]
    lines: list[Iterable[Span]] = [head]
    if is_worse(facts["severity"], facts["severity_before"]):
        lines.append([f"Severity: {facts['severity_before']} → {facts['severity']}."])
    text = f"📈 Errors burst, {worst:,} a minute: {view.title}"
    return Note(text, (paragraph(*lines, *_since_then(view)),))


def _worse(view: IncidentView, _: Analysis, facts: Facts) -> Note:
    change = f"{facts['severity_before']} → {facts['severity']}"
    head: list[Span] = [f"🔺 It is worse: {change}. {_now(view)} now, {facts['errors']:,} errors "]
    head += ["in all."]
    where: Line = (Strong("Where:"), " ", *services(view))
    lines: list[Iterable[Span]] = [head, where]
    if facts.get("also_in"):
        lines.append(["↪️ Now also in ", Quoted(str(facts["also_in"])), "."])
    return Note(f"🔺 {change}: {view.title}", (paragraph(*lines, *_since_then(view)),))


def _suspect_changed(view: IncidentView, analysis: Analysis, facts: Facts) -> Note:
    now, before = str(facts["suspect"]), str(facts["before"])
    head: list[Span] = ["🔎 The suspect is now ", Strong(now), ", changed from ", named_as(before)]
    lines: list[Iterable[Span]] = [[*head, f" ({author(analysis)})."], *_reasons(view, now)]
    return Note(f"🔎 Suspect changed to {now}: {view.title}", (paragraph(*lines),))


def _answered(view: IncidentView, analysis: Analysis, _: Facts) -> Note:
    return Note(
        f"💬 Mistral on {view.title}", (paragraph(*_said(view, analysis)), *_steps(analysis))
    )


def _detail(view: IncidentView, analysis: Analysis) -> Note:
    """Reasons, steps, timeline, evidence; each cut by whole lines."""
    events: list[Iterable[Span]] = [
        [
            Moment(one.timestamp_ms, with_day=False),
            " ",
            Strong(one.service_name),
            " ",
            Quoted(one.text, ENTRY_CHARS),
        ]
        for one in timeline(view)[:TIMELINE_SHOWN]
    ]
    known = suspects(view)[:SUSPECTS_SHOWN]
    why = [line for one in known for line in (_named(one.service_name), *_reasons_of(one.reasons))]
    parts: list[Part] = [paragraph(*_said(view, analysis))]
    parts += [paragraph([Strong("Suspects, and why")], *why)] if why else []
    parts += _steps(analysis)
    spread: list[Iterable[Span]] = [[Quoted(one, HOP_CHARS)] for one in path_lines(view)]
    for title, lines in (
        (TITLE, spread),
        ("Timeline", events),
        ("Log lines and their ids", _evidence_lines(view, analysis)),
    ):
        parts += [paragraph([Strong(title)], *lines)] if lines else []
    if view.earlier:
        last = max(view.earlier, key=lambda one: one.last_ms)
        was = neutral(last.root_cause) or "not explained"
        parts.append(paragraph(["Last time it was: ", Quoted(was, REASON_CHARS)], small=True))
    more = Code(f"firstcause incidents {view.incident_id}")
    parts.append(paragraph(["All of it: ", more], small=True))
    return Note(f"Details of {view.title}", tuple(parts))


def _said(view: IncidentView, analysis: Analysis) -> list[Line]:
    blamed = blamed_service(view, analysis)
    lines: list[Line] = [
        (Strong(f"Suspect: {blamed}"), " (", Quoted(analysis.confidence), f", {author(analysis)})")
    ]
    # That of the rules is made of the suspects' reasons, which stand below.
    if analysis.source == "mistral" and analysis.root_cause.strip():
        lines.append((Quoted(analysis.root_cause, ROOT_CAUSE_CHARS),))
    line = convincing_line(view, analysis, blamed)
    if line is not None:
        lines.append(("It logs ", Code(line.message), " (", Code(line.log_id, ID_CHARS), ")"))
    if analysis.struck_out:
        struck = len(analysis.struck_out)
        what = plural(struck, "cited log id")
        lines.append((f"{struck:,} {what} struck out: not in the evidence",))
    return lines


def _steps(analysis: Analysis) -> list[Part]:
    steps = [one for one in analysis.actions if one.strip()]
    title = "What Mistral suggests" if analysis.source == "mistral" else "What to do"
    lines: list[Iterable[Span]] = [
        [f"{place}. ", *step(one)] for place, one in enumerate(steps[:ACTIONS_SHOWN], start=1)
    ]
    return [paragraph([Strong(title)], *lines)] if lines else []


def _evidence_lines(view: IncidentView, analysis: Analysis) -> list[Iterable[Span]]:
    cited = [one for one in view.evidence if one.log_id in analysis.evidence]
    shown: list[Evidence] = list(dict.fromkeys((*cited, *view.evidence)))[:EVIDENCE_SHOWN]
    return [[*evidence_line(one), " ", Code(one.log_id, ID_CHARS)] for one in shown]


def _named(service: str) -> Line:
    return (Strong(service),)


def _reasons_of(reasons: Sequence[str]) -> list[Line]:
    return [("• ", Quoted(why, REASON_CHARS)) for why in reasons[:REASONS_SHOWN] if why.strip()]


def _reasons(view: IncidentView, service: str) -> list[Line]:
    known = view.context.suspects if view.context else ()
    return [
        line for one in known if one.service_name == service for line in _reasons_of(one.reasons)
    ]


def _since_then(view: IncidentView) -> list[Line]:
    """A reply may be sent late: what has changed since stands with it."""
    return [("It has resolved since.",)] if view.status == "resolved" else []


def _now(view: IncidentView) -> str:
    return rate(recent(view.error_minutes, view.last_ms, view.first_ms))
