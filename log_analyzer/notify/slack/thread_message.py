"""The few replies in an incident's thread: which are due, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from log_analyzer.incidents.view import Analysis, IncidentView
from log_analyzer.notify.slack import block_kit
from log_analyzer.notify.slack.block_kit import Block
from log_analyzer.notify.slack.message_parts import (
    blamed_service,
    duration,
    evidence_line,
    name,
    services,
    when,
)
from log_analyzer.notify.slack.text import code, inert, whole_lines
from log_analyzer.report.timeline import timeline

PICTURE: Final = "picture"
DETAIL: Final = "detail"
RESOLVED: Final = "resolved-"
REOPENED: Final = "reopened-"
# How often a thread tells of an end; after that the message itself still does.
RESOLVED_TOLD: Final = 5

TIMELINE_SHOWN: Final = 20
EVIDENCE_SHOWN: Final = 8
ENTRY_CHARS: Final = 200
ID_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class ThreadNote:
    """A reply ready to be sent."""

    text: str
    blocks: tuple[Block, ...]


def due_replies(
    view: IncidentView, known: Collection[str], age_ms: int, detail_after_ms: int
) -> list[str]:
    """The names of the replies that the thread should have and has not.

    Args:
        view: the incident, read after `known`.
        known: names of the replies that were planned so far.
        age_ms: how long the message has stood there.
        detail_after_ms: age at which picture and details follow, if it does not resolve before.

    A name numbers the ends of an incident, so that all instances name the same reply alike.
    """
    if view.merged_into is not None:
        return []
    due = []
    resolved = view.status == "resolved"
    if resolved or age_ms >= detail_after_ms:
        due += [PICTURE] if view.error_minutes else []
        due += [DETAIL] if view.evidence or view.context else []
    ends = sum(one.startswith(RESOLVED) for one in known)
    returns = sum(one.startswith(REOPENED) for one in known)
    if resolved and ends == returns and ends < RESOLVED_TOLD:
        due.append(f"{RESOLVED}{ends + 1}")
    if not resolved and ends > returns:
        due.append(f"{REOPENED}{returns + 1}")
    return [one for one in due if one not in known]


def render_reply(reply: str, view: IncidentView, analysis: Analysis) -> ThreadNote:
    """The reply of a name. A picture is none: it has no text."""
    if reply == DETAIL:
        return _detail(view)
    if reply.startswith(RESOLVED):
        return _resolved(view, analysis)
    if reply.startswith(REOPENED):
        text = f"🔄 It is back: {view.error_count:,} errors by now, last {when(view.last_ms)}"
        return ThreadNote(text, (block_kit.section(text),))
    raise ValueError(f"no reply is named {reply}")


def _resolved(view: IncidentView, analysis: Analysis) -> ThreadNote:
    lasted = duration(view.last_ms - view.first_ms)
    text = (
        f"✅ Resolved. It lasted {lasted}: {view.error_count:,} errors, last {when(view.last_ms)}."
    )
    lines = [text, f"*Where:* {services(view)}"]
    lines.append(f"*Suspect:* {name(blamed_service(view, analysis))} ({name(analysis.confidence)})")
    return ThreadNote(text, (block_kit.section("\n".join(lines)),))


def _detail(view: IncidentView) -> ThreadNote:
    """Timeline, then evidence; each in a section that is cut by whole lines."""
    text = f"Details of {inert(view.title, block_kit.HEADER_CHARS)}"
    events = [
        f"{when(one.timestamp_ms, view.first_ms)} *{name(one.service_name)}* "
        f"{inert(one.text, ENTRY_CHARS)}"
        for one in timeline(view)[:TIMELINE_SHOWN]
    ]
    lines = [
        f"{evidence_line(view, one)}\n`{code(one.log_id, ID_CHARS)}`"
        for one in view.evidence[:EVIDENCE_SHOWN]
    ]
    blocks = [
        block_kit.section(whole_lines([title, *part], block_kit.SECTION_CHARS))
        for title, part in (("*Timeline*", events), ("*Log lines and their ids*", lines))
        if part
    ]
    more = f"All of it: `firstcause incidents {view.incident_id}`"
    return ThreadNote(text, (*blocks, block_kit.context(more)))
