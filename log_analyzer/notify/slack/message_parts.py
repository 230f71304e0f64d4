"""The parts of an incident's message, in the order in which a reader needs them. Pure.

The first screen says what is broken, since when, how bad, who is to blame with the one reason that
convinces, and what to do first. All else is in the thread (`thread_notice`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.handling.human_actions import (
    ACKNOWLEDGE,
    FEEDBACK_RIGHT,
    FEEDBACK_WRONG,
    RESOLVE,
    SILENCE_1H,
    SILENCE_24H,
    SILENCE_OFF,
    UNACKNOWLEDGE,
    button_value,
)
from log_analyzer.incidents.severity import Recent, recent
from log_analyzer.incidents.view import Analysis, ContextLog, Evidence, IncidentView
from log_analyzer.notify.content import (
    Button,
    Buttons,
    Code,
    Line,
    Link,
    Moment,
    Part,
    Quoted,
    Span,
    Strong,
    paragraph,
)
from log_analyzer.notify.told import Told
from log_analyzer.report.sections import suspect_names, times_seen
from log_analyzer.suspects.onset import is_same_onset, onset_ms

SERVICES_SHOWN: Final = 4
REASON_CHARS: Final = 220
ACTION_CHARS: Final = 250
COMMAND_CHARS: Final = 300
LINE_CHARS: Final = 180
NOTE_CHARS: Final = 160
# So many characters of an incident's id name it among all that people see at a time.
ID_PREFIX_CHARS: Final = 8

_FIRST_SENTENCE: Final = re.compile(r"(?s)^(.*?[.!?])\s+[A-Z“\"'(]")
_COMMAND: Final = "firstcause "


def facts(view: IncidentView) -> list[Part]:
    """How many, since when, how fast now, where; and what was there before a burst or a return."""
    onset = onset_ms(view)
    errors = errors_since(view, onset)
    head: list[Span] = [Strong(f"{errors:,} {_plural(errors, 'error')}"), " since "]
    head += [Moment(onset)]
    if view.status == "resolved":
        head += [f" in {duration(view.last_ms - onset)}, the last at ", Moment(view.last_ms, False)]
    else:
        head += [f", {rate(_now(view))} now"]
    lines: list[Iterable[Span]] = [head, [Strong("Where:"), " ", *services(view)]]
    if not is_same_onset(onset, view.first_ms) and errors < view.error_count:
        before = view.error_count - errors
        span_ms = max(MINUTE_MS, onset - view.first_ms)
        usual = rate(Recent(before, 1, span_ms))
        lines.append(
            [f"Before that {before:,} {_plural(before, 'error')}, {usual}, since ", _day(view)]
        )
    return [paragraph(*lines)]


def errors_since(view: IncidentView, since_ms: int) -> int:
    """The errors since a time, of the minutes that are kept; all of them since the first."""
    if not view.error_minutes or since_ms <= view.first_ms:
        return view.error_count
    first = since_ms - since_ms % MINUTE_MS
    found = sum(one.errors for one in view.error_minutes if one.minute_ms >= first)
    return min(view.error_count, found) or view.error_count


def rate(found: Recent) -> str:
    """A rate for people: `480 a minute`, `6 an hour`."""
    per_minute = found.per_minute
    if per_minute >= 1:
        return f"{round(per_minute):,} a minute"
    return f"{max(1, round(per_minute * 60)):,} an hour"


def services(view: IncidentView) -> Line:
    """The services, those with most errors first, each with its number if that is known."""
    counts = Counter[str]()
    for group in view.groups:
        counts[group.service_name] += group.error_count
    named: list[tuple[str, str]] = [(one, f" {count:,}") for one, count in counts.most_common()]
    named += [(one, "") for one in view.services if one not in counts]
    line: list[Span] = []
    for service, count in named[:SERVICES_SHOWN]:
        line += [" · "] if line else []
        line += [named_as(service), count]
    left = len(named) - SERVICES_SHOWN
    return (*line, f" · {left:,} more" if left > 0 else "")


def suspect(view: IncidentView, analysis: Analysis, told: Told | None) -> list[Part]:
    """Who is to blame, how sure that is, and the one reason that convinces."""
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
    if blamed != by_rules:
        lines.append(["The rules say ", named_as(by_rules), "; reasons in the thread"])
    return [paragraph(*lines)]


def blamed_service(view: IncidentView, analysis: Analysis) -> str:
    """Whom the analysis blames, if the incident knows that service; else the first suspect."""
    names = suspect_names(view)
    known = {view.service_name, *view.services, *names}
    return analysis.culprit_service if analysis.culprit_service in known else names[0]


def author(analysis: Analysis) -> str:
    """Who says so."""
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


def what_to_do(view: IncidentView, analysis: Analysis) -> list[Part]:
    """The first step; a model's is marked as its own."""
    steps = [one for one in analysis.actions if one.strip()]
    if not steps or view.status == "resolved":
        return []
    label = "First, Mistral suggests:" if analysis.source == "mistral" else "First:"
    return [paragraph([Strong(label), " ", *step(steps[0])])]


def step(text: str) -> Line:
    """A step, its command to be copied."""
    words, sign, command = text.partition(_COMMAND)
    if not sign:
        return (Quoted(text, ACTION_CHARS),)
    return (Quoted(words, ACTION_CHARS), " ", Code(sign + command, COMMAND_CHARS))


def earlier(view: IncidentView) -> list[Part]:
    """Whether this was seen before, and who it was then."""
    if not view.earlier:
        return []
    last = max(view.earlier, key=lambda one: one.last_ms)
    line: list[Span] = [f"🔁 Seen {times_seen(view)} before, last on ", Moment(last.last_ms)]
    line += ["; then it was ", named_as(last.culprit_service or view.service_name)]
    line += [" (", Quoted(last.confidence), ")"]
    return [paragraph(line, small=True)]


def escalations(view: IncidentView) -> list[Part]:
    """The latest escalation of the incident's services."""
    latest = max(view.escalations, key=lambda one: one.last_alert_ms, default=None)
    if latest is None:
        return []
    line: list[Span] = ["⬆️ Escalated: ", named_as(latest.service_name)]
    line += [f", {latest.alert_count:,} alerts until ", Moment(latest.last_alert_ms, False)]
    return [paragraph(line, small=True)]


def evidence_line(one: Evidence) -> Line:
    """One log line: when, where, what."""
    at = Moment(one.timestamp_ms, with_day=False)
    return (at, " ", named_as(one.service_name), " ", Code(one.message))


def handling(view: IncidentView, analysis: Analysis) -> list[Part]:
    """What people did with it."""
    told = view.handling
    lines: list[Iterable[Span]] = []
    if told.acknowledged_by:
        at: list[Span] = [" at ", Moment(told.acknowledged_ms)] if told.acknowledged_ms else []
        lines.append(["👀 Acknowledged by ", named_as(told.acknowledged_by), *at])
    if told.silenced_until_ms:
        until = Moment(told.silenced_until_ms)
        lines.append(["🔕 Silenced until ", until, *_by(told.silenced_by)])
    if told.resolved_by and view.status == "resolved" and told.resolved_ms == view.resolved_ms:
        lines.append(["🏁 Resolved by hand", *_by(told.resolved_by)])
    if told.feedback:
        mark = "👍" if told.feedback == "right" else "👎"
        shown = told.judges(analysis.source, analysis.analysed_ms)
        which = "Analysis" if shown else "An earlier analysis"
        lines.append([f"{mark} {which} marked {told.feedback}", *_by(told.feedback_by)])
    return [paragraph(*lines, small=True)] if lines else []


def source(
    view: IncidentView,
    analysis: Analysis,
    told: Told | None,
    *,
    incident_url: str | None,
    buttons: bool,
) -> list[Part]:
    """Why there is no other analysis, where else it stands, and how to ask for more."""
    lines: list[Iterable[Span]] = []
    if analysis.note:
        lines.append([Quoted(analysis.note, NOTE_CHARS)])
    if told and told.first_channel:
        where: Span = Link(told.first_link, "another channel") if told.first_link else "elsewhere"
        lines.append(["↪️ First told in ", where])
    key = id_prefix(view)
    command = Code(f"firstcause incidents {key}")
    last: list[Span] = []
    if incident_url:
        # Ours alone: the setting is checked, the id is a UUID.
        last += [Link(incident_url.replace("{incident_id}", str(view.incident_id)), "Open"), " · "]
    last += [command] if buttons else [command, ", or `ack`, `silence`, `resolve` before the id"]
    return [paragraph(*lines, last, small=True)]


def id_prefix(view: IncidentView) -> str:
    """The beginning of the incident's id, as commands take it."""
    return str(view.incident_id)[:ID_PREFIX_CHARS]


def doors(view: IncidentView, analysis: Analysis) -> list[Part]:
    """Buttons to handle the incident."""
    key = str(view.incident_id)
    row = []
    if view.handling.acknowledged_by:
        row.append(Button(UNACKNOWLEDGE, "Undo acknowledge", key))
    elif view.status == "open":
        row.append(Button(ACKNOWLEDGE, "Acknowledge", key, primary=True))
    if view.handling.silenced_until_ms:
        row.append(Button(SILENCE_OFF, "End silence", key))
    else:
        row += [Button(SILENCE_1H, "Silence 1 h", key), Button(SILENCE_24H, "Silence 24 h", key)]
    if view.status == "open":
        row.append(Button(RESOLVE, "Resolve", key))
    judged = button_value(view.incident_id, analysis.source, analysis.analysed_ms)
    row += [Button(FEEDBACK_RIGHT, "👍 Right", judged), Button(FEEDBACK_WRONG, "👎 Wrong", judged)]
    return [Buttons(tuple(row))]


def named_as(text: str | None) -> Quoted:
    """The name of a service or a person."""
    return Quoted(text or "unnamed")


def first_sentence(text: str) -> str:
    """The first sentence of a text, or all of it."""
    found = _FIRST_SENTENCE.match(text.strip())
    return found[1] if found else text.strip()


def duration(span_ms: int) -> str:
    """A span of time for people: 40 s, 12 min, 3 h 5 min, 2 days 4 h."""
    seconds = max(1, round(span_ms / 1_000))
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 2:  # noqa: PLR2004
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} {_plural(days, 'day')} {hours % 24} h"


def _reason(view: IncidentView, analysis: Analysis, blamed: str) -> list[Span]:
    """The line that convinced; without one the first reason, without its arithmetic."""
    line = convincing_line(view, analysis, blamed)
    if line is not None:
        return ["It logs ", Code(line.message, LINE_CHARS)]
    if analysis.source == "mistral":
        return []
    known = view.context.suspects if view.context else ()
    reasons = [why for one in known if one.service_name == blamed for why in one.reasons]
    why = next((one for one in reasons if one.strip()), analysis.root_cause)
    return [Quoted(_without_brackets(first_sentence(why)), REASON_CHARS)] if why.strip() else []


def _without_brackets(text: str) -> str:
    """A sentence without what stands in brackets: figures and log ids."""
    return re.sub(r"\s*\([^()]*\)", "", text) or text


def _now(view: IncidentView) -> Recent:
    if not view.error_minutes:
        return Recent(view.error_count, 1, max(MINUTE_MS, view.last_ms - view.first_ms))
    return recent(view.error_minutes, view.last_ms, onset_ms(view))


def _day(view: IncidentView) -> Moment:
    return Moment(view.first_ms)


def _by(person: str | None) -> list[Span]:
    return [" by ", named_as(person)] if person else []


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
