"""What Slack shows of an incident: Block Kit within Slack's limits, log text made inert. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

import orjson

from log_analyzer.event_time import clock
from log_analyzer.incident_view import Analysis, IncidentView

# https://docs.slack.dev/reference/block-kit/blocks
HEADER_CHARS: Final = 150
SECTION_CHARS: Final = 3_000
BLOCKS: Final = 50
TEXT_CHARS: Final = 500
EVIDENCE_SHOWN: Final = 3
EVIDENCE_CHARS: Final = 300

SEVERITY_MARKS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "⚪"}

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Notice:
    """A message ready to be sent.

    `shape` changes with what a reader must learn soon (status, severity, suspects, analysis),
    `digest` with anything, counts included.
    """

    text: str
    blocks: tuple[dict[str, Any], ...]
    shape: str
    digest: str


def inert(text: str, limit: int = SECTION_CHARS) -> str:
    """Text from logs or a model, made safe for Slack: no links, mentions, control characters.

    `&`, `<` and `>` are escaped as Slack asks; an `@` gets an invisible joiner after it, so
    that no client turns it into a mention; formatting marks lose their meaning. Cut to at most
    `limit` characters after escaping.
    """
    plain = _ANSI.sub("", text)
    kept = "".join(
        char if char in "\n\t" or unicodedata.category(char)[0] != "C" else " " for char in plain
    )
    kept = kept.replace("@", "@\u2060").replace("`", "'")
    cut = kept[:limit]
    while len(escaped := _escape(cut)) > limit:
        cut = cut[: len(cut) - max(1, (len(escaped) - limit) // 5)]
    return escaped if len(cut) == len(kept) else escaped[: limit - 1] + "…"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render_notice(view: IncidentView, analysis: Analysis) -> Notice:
    """The incident's message, the same for equal input: nothing in it depends on the clock."""
    mark = SEVERITY_MARKS[view.severity]
    done = " (resolved)" if view.status == "resolved" else ""
    headline = _plain(f"{mark} {view.severity.upper()}{done} · {view.title}", HEADER_CHARS)
    suspects = ", ".join(f"*{_name(name)}*" for name in view.suspects[:3])
    facts = (
        f"*Errors:* {view.error_count:,}   *Status:* {view.status}\n"
        f"*First:* {clock(view.first_ms)}   *Last:* {clock(view.last_ms)}\n"
        f"*Suspect:* {suspects}\n"
        f"*Services:* {', '.join(map(_name, view.services[:10]))}"
    )
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": headline}},
        _section(facts),
        _section(
            f"*Root cause* ({_source(analysis)}, {analysis.confidence})\n"
            + inert(analysis.root_cause, 1_500)
        ),
    ]
    if analysis.actions:
        actions = "\n".join(f"• {inert(action, 280)}" for action in analysis.actions[:8])
        blocks.append(_section(f"*What to do*\n{actions}"))
    shown = [one for one in view.evidence if one.log_id in analysis.evidence]
    for one in (shown or list(view.evidence))[:EVIDENCE_SHOWN]:
        line = inert(" ".join(one.message.split()), EVIDENCE_CHARS)
        where = f"{clock(one.timestamp_ms)} {_name(one.service_name)} {one.level} `{one.log_id}`"
        blocks.append(_section(f"{where}\n```{line}```"))
    notes = [f"Incident {view.incident_id}"]
    if analysis.note:
        notes.append(inert(analysis.note, 300))
    if analysis.struck_out:
        notes.append(f"{len(analysis.struck_out)} cited log ids were not in the evidence")
    blocks.append({"type": "context", "elements": [_mrkdwn(" · ".join(notes))]})
    shape = "|".join(
        (
            view.status,
            view.severity,
            ",".join(view.suspects),
            analysis.source,
            analysis.note,
            str(analysis.analysed_ms),
        )
    )
    text = inert(f"{view.severity}{done}: {view.title} ({view.error_count} errors)", TEXT_CHARS)
    return Notice(
        text=text,
        blocks=tuple(blocks[:BLOCKS]),
        shape=_digest(shape.encode()),
        digest=_digest(orjson.dumps([text, blocks])),
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _source(analysis: Analysis) -> str:
    return "Mistral" if analysis.source == "mistral" else "deterministic"


def _name(name: str) -> str:
    return inert(name, 80).replace("*", "\u2217").replace("\n", " ")


def _plain(text: str, limit: int) -> str:
    # A plain_text object is shown as it is: nothing in it is markup.
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in _ANSI.sub("", text))
    kept = kept.replace("@", "@\u2060")
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: Slack looks for no channel names, user names or addresses in the text.
    return {"type": "mrkdwn", "text": text[:SECTION_CHARS], "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}
