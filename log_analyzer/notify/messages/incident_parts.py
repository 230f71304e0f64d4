"""Builds the parts of an incident's message, the most urgent first. Pure.

The first screen says what is broken, since when, how bad, who is to blame with the one reason that
convinces, and what to do first. All else is in the thread (`messages.thread`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from firstcause.incidents.human_actions import (
    ACKNOWLEDGE,
    FEEDBACK_RIGHT,
    FEEDBACK_WRONG,
    RESOLVE,
    SILENCE_1H,
    SILENCE_24H,
    SILENCE_OFF,
    SPLIT,
    UNACKNOWLEDGE,
    button_value,
)
from firstcause.incidents.view import Analysis, Evidence, IncidentView
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.incidents.severity import Recent, recent
from log_analyzer.notify.messages.content import (
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
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.messages.wording import duration, named_as, plural, rate
from log_analyzer.report.sections import times_seen
from log_analyzer.suspects.onset import is_same_onset, onset_ms

SERVICES_SHOWN: Final = 4
ACTION_CHARS: Final = 250
COMMAND_CHARS: Final = 300
NOTE_CHARS: Final = 160
# So many characters of an incident's id name it among all that people see at a time.
ID_PREFIX_CHARS: Final = 8

_COMMAND: Final = "firstcause "


def facts(view: IncidentView) -> list[Part]:
    """The counts, the start, the rate now, the services; and the state before a burst or return."""
    onset = onset_ms(view)
    errors = errors_since(view, onset)
    head: list[Span] = [Strong(f"{errors:,} {plural(errors, 'error')}"), " since "]
    head += [Moment(onset)]
    if view.status == "resolved":
        head += [f" in {duration(view.last_ms - onset)}, the last at ", Moment(view.last_ms, False)]
    else:
        head += [f", {rate(_now(view))} now"]
    lines: list[Iterable[Span]] = [head, [Strong("Where:"), " ", *services(view, onset)]]
    if not is_same_onset(onset, view.first_ms) and errors < view.error_count:
        before = view.error_count - errors
        span_ms = max(MINUTE_MS, onset - view.first_ms)
        usual = rate(Recent(before, 1, span_ms))
        lines.append(
            [f"Before that {before:,} {plural(before, 'error')}, {usual}, since ", _day(view)]
        )
    return [paragraph(*lines)]


def errors_since(view: IncidentView, since_ms: int) -> int:
    """The errors since a time, of the minutes that are kept; all of them since the first."""
    if not view.error_minutes or since_ms <= view.first_ms:
        return view.error_count
    first = since_ms - since_ms % MINUTE_MS
    found = sum(one.errors for one in view.error_minutes if one.minute_ms >= first)
    return min(view.error_count, found) or view.error_count


def services(view: IncidentView, since_ms: int = 0) -> Line:
    """The services, most errors first, with their numbers if known; since a time if it is kept."""
    counts = Counter[str]()
    if since_ms > view.first_ms:
        for one in view.error_minutes:
            if one.minute_ms >= since_ms - since_ms % MINUTE_MS:
                counts[one.service_name] += one.errors
    others = () if counts else view.services
    for group in () if counts else view.groups:
        counts[group.service_name] += group.error_count
    named: list[tuple[str, str]] = [(one, f" {count:,}") for one, count in counts.most_common()]
    named += [(one, "") for one in others if one not in counts]
    line: list[Span] = []
    for service, count in named[:SERVICES_SHOWN]:
        line += [" · "] if line else []
        line += [named_as(service), count]
    left = len(named) - SERVICES_SHOWN
    return (*line, f" · {left:,} more" if left > 0 else "")


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
    """Why there is no other analysis, where else the incident was posted, and how to see more."""
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
    last.append(command)
    if not buttons:
        last += [
            "; before the id also ",
            Code("ack"),
            ", ",
            Code("silence"),
            " or ",
            Code("resolve"),
        ]
    return [paragraph(*lines, last, small=True)]


def id_prefix(view: IncidentView) -> str:
    """The beginning of the incident's id, as commands take it."""
    return str(view.incident_id)[:ID_PREFIX_CHARS]


def split_buttons(view: IncidentView) -> list[Part]:
    """A button a service that may have a cause of its own; none for an incident of one service."""
    if len(view.services) < 2:  # noqa: PLR2004
        return []
    row = [
        Button(f"{SPLIT}_{place}", f"Split out {one[:40]}", f"{view.incident_id} {one}")
        for place, one in enumerate(view.services[:SERVICES_SHOWN])
    ]
    return [Buttons(tuple(row))]


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


def _now(view: IncidentView) -> Recent:
    if not view.error_minutes:
        return Recent(view.error_count, 1, max(MINUTE_MS, view.last_ms - view.first_ms))
    return recent(view.error_minutes, view.last_ms, onset_ms(view))


def _day(view: IncidentView) -> Moment:
    return Moment(view.first_ms)


def _by(person: str | None) -> list[Span]:
    return [" by ", named_as(person)] if person else []
