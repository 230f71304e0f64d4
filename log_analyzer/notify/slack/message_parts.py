"""The parts of an incident's message, in the order in which a reader needs them. Pure.

Each part returns its blocks, or none, and is bounded by itself: all parts together stay below
Slack's limits of a message, so that nothing has to be cut from the whole.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from log_analyzer.handling.human_actions import (
    ACKNOWLEDGE,
    FEEDBACK_RIGHT,
    FEEDBACK_WRONG,
    SILENCE_1H,
    SILENCE_24H,
    button_value,
)
from log_analyzer.incidents.view import Analysis, Evidence, IncidentView
from log_analyzer.notify.slack import block_kit
from log_analyzer.notify.slack.block_kit import Block
from log_analyzer.notify.slack.text import code, inert, whole_lines
from log_analyzer.redaction.redactor import neutral
from log_analyzer.report.sections import suspect_names, times_seen

NAME_CHARS: Final = 60
SERVICES_SHOWN: Final = 6
REASONS_SHOWN: Final = 2
REASON_CHARS: Final = 220
ROOT_CAUSE_CHARS: Final = 900
ACTIONS_SHOWN: Final = 4
ACTION_CHARS: Final = 250
EVIDENCE_SHOWN: Final = 2
EVIDENCE_CHARS: Final = 220
ESCALATIONS_SHOWN: Final = 3
NOTE_CHARS: Final = 300


def facts(view: IncidentView) -> list[Block]:
    """How many, where, since when."""
    lines = [
        f"*{view.error_count:,} {_plural(view.error_count, 'error')}* in {_span(view)}, "
        f"since *{when(view.first_ms)}*",
        f"*Where:* {services(view)}",
    ]
    return [block_kit.section("\n".join(lines))]


def services(view: IncidentView) -> str:
    """The services, those with most errors first, each with its number if that is known."""
    counts = Counter[str]()
    for group in view.groups:
        counts[group.service_name] += group.error_count
    named = [f"{name(one)} {count:,}" for one, count in counts.most_common()]
    named += [name(one) for one in view.services if one not in counts]
    shown = " · ".join(named[:SERVICES_SHOWN])
    left = len(named) - SERVICES_SHOWN
    return f"{shown} · {left:,} more" if left > 0 else shown


def suspect(view: IncidentView, analysis: Analysis) -> list[Block]:
    """Who is to blame, how sure that is, and why."""
    by_rules, blamed = suspect_names(view)[0], blamed_service(view, analysis)
    lines = [f"*Suspect: {name(blamed)}* ({name(analysis.confidence)}, {_author(analysis)})"]
    if analysis.root_cause.strip():
        lines.append(inert(analysis.root_cause, ROOT_CAUSE_CHARS))
    known_suspects = view.context.suspects if view.context else ()
    every = [why for one in known_suspects if one.service_name == blamed for why in one.reasons]
    # The report by the rules is made of them: nothing is said twice.
    reasons = [why for why in every if why not in analysis.root_cause]
    lines += [f"• {inert(reason, REASON_CHARS)}" for reason in reasons[:REASONS_SHOWN]]
    if blamed != by_rules:
        # Both stand there with their reasons; the reader decides.
        own = [why for one in known_suspects if one.service_name == by_rules for why in one.reasons]
        why = f": {inert(own[0], REASON_CHARS)}" if own else "."
        lines.append(f"*The rules say {name(by_rules)}*{why}")
    return [block_kit.section(whole_lines(lines, block_kit.SECTION_CHARS))]


def blamed_service(view: IncidentView, analysis: Analysis) -> str:
    """Whom the analysis blames, if the incident knows that service; else the first suspect."""
    names = suspect_names(view)
    known = {view.service_name, *view.services, *names}
    return analysis.culprit_service if analysis.culprit_service in known else names[0]


def what_to_do(analysis: Analysis) -> list[Block]:
    """The first steps."""
    steps = [one for one in analysis.actions if one.strip()]
    lines = [
        f"{place}. {inert(one, ACTION_CHARS)}"
        for place, one in enumerate(steps[:ACTIONS_SHOWN], start=1)
    ]
    return [block_kit.section("*What to do*\n" + "\n".join(lines))] if lines else []


def earlier(view: IncidentView) -> list[Block]:
    """Whether this was seen before, and what it was then."""
    if not view.earlier:
        return []
    last = max(view.earlier, key=lambda one: one.last_ms)
    was = inert(neutral(last.root_cause), NOTE_CHARS) or "not explained"
    return [
        block_kit.context(
            f"🔁 Seen {times_seen(view)} before, last on {when(last.last_ms)}. Then it was "
            f"{name(last.culprit_service or view.service_name)} ({name(last.confidence)}): {was}"
        )
    ]


def escalations(view: IncidentView) -> list[Block]:
    """The latest escalations of the incident's services."""
    latest = sorted(view.escalations, key=lambda one: -one.last_alert_ms)
    lines = [
        f"⬆️ Escalated: {name(one.service_name)}, {one.alert_count:,} alerts until "
        f"{when(one.last_alert_ms, view.first_ms)}"
        for one in latest[:ESCALATIONS_SHOWN]
    ]
    return [block_kit.context("\n".join(lines))] if lines else []


def evidence(view: IncidentView, analysis: Analysis) -> list[Block]:
    """One or two of the lines that the analysis names; the thread has more, and their ids."""
    cited = [one for one in view.evidence if one.log_id in analysis.evidence]
    lines = [evidence_line(view, one) for one in (cited or list(view.evidence))[:EVIDENCE_SHOWN]]
    return [block_kit.context("\n".join(lines))] if lines else []


def evidence_line(view: IncidentView, one: Evidence) -> str:
    """One log line: when, where, what."""
    at = when(one.timestamp_ms, view.first_ms)
    return f"{at} {name(one.service_name)} `{code(one.message, EVIDENCE_CHARS)}`"


def handling(view: IncidentView, analysis: Analysis) -> list[Block]:
    """What people did with it."""
    told = view.handling
    lines = []
    if told.acknowledged_by:
        at = f" at {when(told.acknowledged_ms)}" if told.acknowledged_ms else ""
        lines.append(f"👀 Acknowledged by {name(told.acknowledged_by)}{at}")
    if told.silenced_until_ms:
        by = f" by {name(told.silenced_by)}" if told.silenced_by else ""
        lines.append(f"🔕 Silenced until {when(told.silenced_until_ms)}{by}")
    if told.feedback:
        by = f" by {name(told.feedback_by)}" if told.feedback_by else ""
        mark = "👍" if told.feedback == "right" else "👎"
        shown = told.judges(analysis.source, analysis.analysed_ms)
        which = "Analysis" if shown else "An earlier analysis"
        lines.append(f"{mark} {which} marked {told.feedback}{by}")
    return [block_kit.context("\n".join(lines))] if lines else []


def source(
    view: IncidentView, analysis: Analysis, *, incident_url: str | None, buttons: bool
) -> list[Block]:
    """Why there is no other analysis, what was wrong with it, and how to ask for more."""
    notes = []
    if analysis.note:
        notes.append(inert(analysis.note, NOTE_CHARS))
    if analysis.struck_out:
        struck = len(analysis.struck_out)
        notes.append(
            f"{struck:,} cited log {_plural(struck, 'id')} struck out: not in the evidence"
        )
    if incident_url:
        # Ours alone: the setting is checked, the id is a UUID.
        address = incident_url.replace("{incident_id}", str(view.incident_id))
        notes.append(f"<{address.replace('&', '&amp;')}|Open>")
    if buttons:
        notes.append(f"Incident `{view.incident_id}`")
    else:
        notes.append(f"`firstcause incidents ack {view.incident_id}` or `silence`, `feedback`")
    return [block_kit.context("\n".join(notes))]


def doors(view: IncidentView, analysis: Analysis) -> list[Block]:
    """Buttons to handle the incident."""
    key = str(view.incident_id)
    row = []
    if not view.handling.acknowledged_by and view.status == "open":
        row.append(block_kit.button(ACKNOWLEDGE, "Acknowledge", key, "primary"))
    row += [
        block_kit.button(SILENCE_1H, "Silence 1 h", key),
        block_kit.button(SILENCE_24H, "Silence 24 h", key),
    ]
    judged = button_value(view.incident_id, analysis.source, analysis.analysed_ms)
    row += [
        block_kit.button(FEEDBACK_RIGHT, "👍 Right", judged),
        block_kit.button(FEEDBACK_WRONG, "👎 Wrong", judged),
    ]
    return [block_kit.actions("firstcause_handling", *row)]


def name(text: str) -> str:
    """The name of a service or a person."""
    return inert(text, NAME_CHARS) or "unnamed"


def _author(analysis: Analysis) -> str:
    return "says Mistral" if analysis.source == "mistral" else "by the rules"


def _span(view: IncidentView) -> str:
    return duration(view.last_ms - view.first_ms)


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


def when(moment_ms: int, day_ms: int | None = None) -> str:
    """A moment in UTC, for people; without the day when it is the day of `day_ms`."""
    moment = datetime.fromtimestamp(moment_ms / 1_000, UTC)
    same = (
        day_ms is not None and datetime.fromtimestamp(day_ms / 1_000, UTC).date() == moment.date()
    )
    return f"{moment:%H:%M:%S} UTC" if same else f"{moment:%H:%M} UTC, {moment.day} {moment:%b %Y}"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
