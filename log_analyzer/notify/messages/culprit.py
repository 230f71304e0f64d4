"""Chooses the service to blame in a message, and the reason to show. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from firstcause.incidents.view import Analysis, ContextLog, Evidence, IncidentView, Suspect
from log_analyzer.notify.messages.content import (
    Code,
    Part,
    Quoted,
    Span,
    Strong,
    paragraph,
)
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.messages.wording import first_sentence, named_as
from log_analyzer.report.sections import suspect_names
from log_analyzer.suspects.onset import onset_ms

REASON_CHARS: Final = 220
LINE_CHARS: Final = 180
PATH_SHOWN: Final = 6


def suspect(view: IncidentView, analysis: Analysis, told: Told | None) -> list[Part]:
    """The suspect, the confidence, and the reason to show."""
    by_rules, blamed = suspect_names(view)[0], blamed_service(view, analysis)
    head: list[Span] = [Strong(f"Suspect: {blamed or 'unnamed'}", REASON_CHARS)]
    head += [" (", Quoted(analysis.confidence), f", {author(analysis)})"]
    if view.context is None and view.status == "open" and analysis.source != "mistral":
        head += [" at a first look: its logs are being compared"]
    if told and told.suspect_before and told.suspect == blamed:
        head += [", changed from ", named_as(told.suspect_before)]
    lines: list[Iterable[Span]] = [head]
    if analysis.source == "mistral" and analysis.root_cause.strip():
        lines.append([Quoted(first_sentence(analysis.root_cause), REASON_CHARS)])
    lines += [one for one in [_reason(view, analysis, blamed)] if one]
    lines += [one for one in [_path(view, blamed)] if one]
    if blamed != by_rules:
        lines.append(["The rules say ", named_as(by_rules), "; reasons in the thread"])
    return [paragraph(*lines)]


def blamed_service(view: IncidentView, analysis: Analysis) -> str:
    """The service that the analysis blames, if the incident knows it; else the first suspect."""
    names = suspect_names(view)
    known = {view.service_name, *view.services, *names}
    return analysis.culprit_service if analysis.culprit_service in known else names[0]


def author(analysis: Analysis) -> str:
    """The source of the blame."""
    return "says Mistral" if analysis.source == "mistral" else "by the rules"


def convincing_line(
    view: IncidentView, analysis: Analysis, service: str
) -> Evidence | ContextLog | None:
    """The log line that shows the service's part best; None when no line of its own is known.

    First what the ranking and the traces cite for it, then what the analysis cites, then its first
    error of the present onset.
    """
    known: dict[str, Evidence | ContextLog] = {}
    known |= {one.log_id: one for one in (view.context.trace_logs if view.context else ())}
    known |= {one.log_id: one for one in view.evidence}
    cited = [
        log_id
        for one in (view.context.suspects if view.context else ())
        if one.service_name == service
        for log_id in one.log_ids
    ]
    own = [
        one
        for one in view.evidence
        if one.service_name == service and one.timestamp_ms >= onset_ms(view)
    ]
    found = [known[one] for one in (*cited, *analysis.evidence) if one in known]
    errors = ("ERROR", "FATAL")
    candidates = [one for one in found if one.service_name == service and one.message.strip()]
    loud = [one for one in candidates if one.level in errors]
    return next(iter((*loud, *candidates, *own)), None)


def _reason(view: IncidentView, analysis: Analysis, blamed: str) -> list[Span]:
    """The line that convinced; where the headline has it, the first reason without its figures."""
    line = convincing_line(view, analysis, blamed)
    if line is not None and not _is_told(view, line):
        return ["It logs ", Code(line.message, LINE_CHARS)]
    if analysis.source == "mistral":
        return []
    known = view.context.suspects if view.context else ()
    suspected = next((one for one in known if one.service_name == blamed), Suspect(blamed, ()))
    why = suspected.in_short or next((one for one in suspected.reasons if one.strip()), "")
    if line is not None and not why:
        return ["That line is its own"]
    why = first_sentence(why or analysis.root_cause).replace("<*>", "…")
    return [Quoted(_without_brackets(why), REASON_CHARS)] if why.strip() else []


def _is_told(view: IncidentView, line: Evidence | ContextLog) -> bool:
    """Whether the headline tells the line already: it is of the incident's own template."""
    if line.service_name != view.service_name:
        return False
    place = 0
    for part in view.template.split("<*>"):
        words = part.strip()
        found = line.message.find(words, place)
        if found < 0:
            return False
        place = found + len(words)
    return bool(view.template.strip("<*> "))


def _path(view: IncidentView, blamed: str) -> list[Span]:
    """How it spread from the one who is blamed, in a line; hops and figures are in the thread."""
    ranking = view.context.ranking if view.context else None
    path = ranking.path if ranking is not None else ()
    if len(path) < 2 or path[0] != blamed:  # noqa: PLR2004
        return []
    line: list[Span] = [Strong("Spreads:"), " ", named_as(path[0])]
    for one in path[1:PATH_SHOWN]:
        line += [" → ", named_as(one)]
    return [*line, " → …" if len(path) > PATH_SHOWN else ""]


def _without_brackets(text: str) -> str:
    """A sentence without the text in brackets: figures and log ids."""
    return re.sub(r"\s*\([^()]*\)", "", text) or text
