"""What Slack shows of an incident: one message that reads in ten seconds on a phone. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import orjson

from log_analyzer.incidents.view import Analysis, IncidentView
from log_analyzer.notify.slack import block_kit, message_parts
from log_analyzer.notify.slack.block_kit import Block
from log_analyzer.notify.slack.text import inert, plain
from log_analyzer.report.sections import suspect_names

SEVERITY_MARKS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "⚪"}
RESOLVED_MARK: Final = "✅"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message ready to be sent.

    `shape` changes with what a reader must learn soon (status, severity, suspects, analysis),
    `handling` with what people did, `digest` with anything, counts included.
    """

    text: str
    blocks: tuple[Block, ...]
    shape: str
    digest: str
    handling: str = ""


@dataclass(frozen=True, slots=True)
class NoticeOptions:
    """How messages look in this installation.

    `buttons`: somebody listens to them; else the commands are named. `incident_url`: a page of
    our own, with `{incident_id}`; it is the only link in a message.
    """

    buttons: bool = False
    incident_url: str | None = None


DEFAULT_OPTIONS: Final = NoticeOptions()


def render_notice(
    view: IncidentView, analysis: Analysis, options: NoticeOptions = DEFAULT_OPTIONS
) -> Notice:
    """The incident's message, the same for equal input: nothing in it depends on the clock."""
    blocks = _merged(view) if view.merged_into else _whole(view, analysis, options)
    done = " (resolved)" if view.status == "resolved" else ""
    text = inert(
        f"{view.severity}{done}: {view.error_count} errors, {view.title}", block_kit.FALLBACK_CHARS
    )
    return Notice(
        text=text,
        blocks=tuple(blocks),
        shape=_digest(
            view.status,
            view.severity,
            *suspect_names(view),
            "",
            *view.services,
            "",
            analysis.source,
            analysis.note,
            analysis.analysed_ms,
            view.context is not None,
            len(view.earlier),
            len(view.escalations),
            view.merged_into,
        ),
        digest=_digest(text, orjson.dumps(blocks)),
        handling=_digest(view.handling),
    )


def _whole(view: IncidentView, analysis: Analysis, options: NoticeOptions) -> list[Block]:
    parts = (
        [block_kit.header(_headline(view))],
        message_parts.facts(view),
        message_parts.suspect(view, analysis),
        message_parts.what_to_do(analysis),
        message_parts.earlier(view),
        message_parts.escalations(view),
        message_parts.evidence(view, analysis),
        message_parts.handling(view, analysis),
        message_parts.source(
            view, analysis, incident_url=options.incident_url, buttons=options.buttons
        ),
        message_parts.doors(view, analysis) if options.buttons else [],
    )
    return [block for part in parts for block in part]


def _headline(view: IncidentView) -> str:
    severity = view.severity.upper()
    if view.status == "resolved":
        mark, state = RESOLVED_MARK, f"RESOLVED ({severity})"
    else:
        mark, state = SEVERITY_MARKS[view.severity], severity
    # What varies from line to line has no place in a headline.
    title = view.title.replace("<*>", "…")
    return plain(f"{mark} {state} · {title}", block_kit.HEADER_CHARS)


def _merged(view: IncidentView) -> list[Block]:
    return [
        block_kit.header(plain(f"↪️ MERGED · {view.title}", block_kit.HEADER_CHARS)),
        block_kit.section(
            f"This has the same cause as incident `{view.merged_into}`. What follows stands there."
        ),
        block_kit.context(f"Incident `{view.incident_id}`"),
    ]


def _digest(*values: object) -> str:
    text = "\x1f".join(one.decode() if isinstance(one, bytes) else str(one) for one in values)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
