"""Shows messages as a phone would: `python -m tests.slack_page FOLDER` writes a page for each.

A rough likeness of Slack, made to judge our messages by; `make` of nothing depends on it. Take a
picture of a page with a headless browser, 390 pixels wide.
"""

from __future__ import annotations

import base64
import re
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firstcause.incidents.handling import Handling
from firstcause.incidents.records import EarlierIncident, Escalation
from firstcause.incidents.view import (
    Analysis,
    ErrorGroup,
    ErrorMinute,
    Evidence,
    IncidentContext,
    IncidentView,
    Suspect,
    TimelineEntry,
)
from log_analyzer.notify.messages.incident import NoticeOptions, render_notice
from log_analyzer.notify.messages.thread import DETAIL, render_reply
from log_analyzer.notify.picture import draw_picture
from log_analyzer.notify.slack.layout import slack_blocks
from log_analyzer.report.deterministic import deterministic_report

START_MS = 1_780_308_124_000
MINUTE_MS = 60_000

STYLE = """
body { margin: 0; width: 390px; background: #fff; color: #1d1c1d;
  font: 15px/1.42 -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.message { padding: 12px 14px 6px 58px; position: relative; overflow-wrap: anywhere; }
.message:before { content: "FC"; position: absolute; left: 12px; top: 14px; width: 36px;
  height: 36px; border-radius: 8px; background: #14532d; color: #fff; font: bold 14px/36px
  sans-serif; text-align: center; }
.who { font-weight: 800; } .who span { font-weight: 400; color: #616061; font-size: 12px; }
h1 { font-size: 17px; line-height: 1.3; margin: 6px 0; } p { margin: 6px 0; }
.context { color: #616061; font-size: 13px; line-height: 1.35; margin: 6px 0; }
code { font: 12px/1.5 "DejaVu Sans Mono", monospace; color: #c01343; background: #f6f6f6;
  border: 1px solid #ddd; border-radius: 3px; padding: 0 3px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0; }
.actions span { border: 1px solid #bbb; border-radius: 4px; padding: 5px 10px; font-weight: 700;
  font-size: 14px; } .actions .primary { background: #007a5a; color: #fff; border-color: #007a5a; }
img { width: 100%; border: 1px solid #ddd; border-radius: 8px; }
.thread { color: #1264a3; font-size: 13px; font-weight: 700; padding: 6px 14px 0 58px;
  border-top: 1px solid #eee; }
"""


def page(messages: Iterable[str]) -> str:
    """An HTML page of messages, the first in the channel and the others in its thread."""
    root, *replies = messages
    thread = f'<div class="thread">{len(replies)} replies</div>' if replies else ""
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{root}{thread}{''.join(replies)}"
    )


def message(blocks: Iterable[dict[str, Any]]) -> str:
    """One message of Block Kit as HTML."""
    who = '<div class="who">Firstcause <span>APP · 10:03</span></div>'
    return f'<div class="message">{who}{"".join(map(_block, blocks))}</div>'


def picture(png: bytes) -> str:
    """A message that shares a picture."""
    data = base64.b64encode(png).decode()
    who = '<div class="who">Firstcause <span>APP · 10:04</span></div>'
    return f'<div class="message">{who}<img src="data:image/png;base64,{data}"></div>'


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h1>{block['text']['text']}</h1>"
        case "section":
            return f"<p>{_mrkdwn(block['text']['text'])}</p>"
        case "context":
            inner = " ".join(_mrkdwn(one["text"]) for one in block["elements"])
            return f'<div class="context">{inner}</div>'
        case "actions":
            row = "".join(
                f'<span class="{one.get("style", "")}">{one["text"]["text"]}</span>'
                for one in block["elements"]
            )
            return f'<div class="actions">{row}</div>'
        case other:
            raise ValueError(f"no block of ours: {other}")


def _mrkdwn(text: str) -> str:
    """Code first: nothing in it is a mark. Text is escaped as HTML wants it already."""
    parts = re.split(r"`([^`\n]+)`", text)
    for place, part in enumerate(parts):
        if place % 2:
            parts[place] = f"<code>{part}</code>"
            continue
        dated = re.sub(r"<!date\^\d+\^[^|<>]*\|([^<>]*)>", r"\1", part)
        linked = re.sub(r"<(https?://[^|>]+)\|([^>]+)>", r'<a href="\1">\2</a>', dated)
        parts[place] = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", linked).replace("\n", "<br>")
    return "".join(parts)


def _evidence(number: int, after_ms: int, service: str, text: str) -> Evidence:
    log_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{service}{number}"))
    return Evidence(
        log_id, START_MS + after_ms, service, "ERROR", text, "DB_POOL_TIMEOUT", "4f", "a", None
    )


EVIDENCE = (
    _evidence(1, 0, "payment", "HikariPool-1 - Connection is not available, timed out after 30s"),
    _evidence(2, 1_400, "order", "Payment call failed: 503 Service Unavailable"),
    _evidence(3, 1_900, "api-gateway", "POST /checkout failed with 502 in 30012 ms"),
)


def _group(service: str, template: str, errors: int, after_ms: int) -> ErrorGroup:
    key = uuid.uuid5(uuid.NAMESPACE_OID, service + template)
    return ErrorGroup(key, service, template, errors, START_MS + after_ms, START_MS + 300_000)


def storm() -> IncidentView:
    """Ten thousand errors of three services with one cause."""
    minutes = [
        ErrorMinute(service, START_MS // MINUTE_MS * MINUTE_MS + minute * MINUTE_MS, errors)
        for service, counts in {
            "payment": (310, 640, 820, 900, 910, 620),
            "order": (120, 540, 700, 760, 770, 500),
            "api-gateway": (40, 380, 500, 560, 570, 371),
        }.items()
        for minute, errors in enumerate(counts)
    ]
    groups = (
        _group(
            "payment", "HikariPool-1 - Connection is not available, timed out after <*>", 4200, 0
        ),
        _group("order", "Payment call failed: 503 Service Unavailable", 3390, 1_400),
        _group("api-gateway", "POST /checkout failed with 502 in <*> ms", 2421, 1_900),
    )
    suspects = (
        Suspect(
            "payment",
            (
                "In 41 of 43 failed traces its span is the deepest that failed.",
                "It failed first, 1.4 s before order.",
                "“Acquired connection in <*> ms” is 18 times as frequent as in the hour before.",
            ),
        ),
        Suspect("order", ("It calls payment in every failed trace.",)),
    )
    timeline = (
        TimelineEntry(START_MS - 95_000, "payment", "Started version 2.14.0"),
        TimelineEntry(START_MS, "payment", "First error: HikariPool-1 - Connection not available"),
        TimelineEntry(START_MS + 1_400, "order", "First error: Payment call failed: 503"),
        TimelineEntry(START_MS + 1_900, "api-gateway", "First error: POST /checkout failed"),
    )
    return IncidentView(
        incident_id=uuid.UUID("5c1d9a52-0f0e-5d5b-9c55-7a1e7a4d1e11"),
        fingerprint=groups[0].fingerprint,
        status="open",
        service_name="payment",
        template=groups[0].template,
        title=f"payment: {groups[0].template}",
        severity="critical",
        suspects=("payment", "order"),
        services=("api-gateway", "order", "payment"),
        error_count=10_011,
        first_ms=START_MS,
        last_ms=START_MS + 318_000,
        evidence=EVIDENCE,
        analyses=(),
        message=None,
        groups=groups,
        error_minutes=tuple(minutes),
        escalations=(
            Escalation(uuid.UUID(int=1), "payment", 6, START_MS + 60_000, START_MS + 240_000),
        ),
        context=IncidentContext(START_MS + 4_000, suspects, timeline),
    )


ANSWER = Analysis(
    source="mistral",
    root_cause="The connection pool of payment ran empty after version 2.14.0 was started: "
    "requests wait 30 s for a connection and fail, and order and api-gateway fail with them.",
    culprit_service="payment",
    confidence="likely",
    evidence=(EVIDENCE[0].log_id, EVIDENCE[1].log_id),
    actions=(
        "Roll payment back to the version before 2.14.0.",
        "Look for connections that are not given back: compare acquired with released.",
        "Raise the size of HikariPool-1 only if the database has room for it.",
    ),
    struck_out=("1",),
    analysed_ms=START_MS + 9_000,
)


def recurrence() -> IncidentView:
    """One that came back, was taken care of, and ended."""
    view = storm()
    earlier = tuple(
        EarlierIncident(
            uuid.UUID(int=days),
            START_MS - days * 86_400_000,
            START_MS - days * 86_400_000 + 1_500_000,
            "payment",
            "A job left its connections open.",
            "confirmed",
        )
        for days in (3, 9, 21)
    )
    handling = Handling("ann", START_MS + 120_000, None, None, "right", "bob")
    changes: dict[str, Any] = {"status": "resolved", "earlier": earlier, "handling": handling}
    fields = {name: getattr(view, name) for name in IncidentView.__dataclass_fields__}
    return IncidentView(**{**fields, **changes, "severity": "high", "escalations": ()})


def pages() -> dict[str, str]:
    """Three pages by name: a storm with its thread, a report by rules, one resolved."""
    buttons = NoticeOptions(True, "https://firstcause.example/incidents/{incident_id}")
    view, past = storm(), recurrence()
    report = deterministic_report(view, "Deterministic report: the model's answer follows.")
    return {
        "storm": page([message(slack_blocks(render_notice(view, ANSWER, buttons).parts))]),
        "thread": page(
            [
                message(slack_blocks(render_notice(past, ANSWER, buttons).parts)),
                picture(draw_picture(past)),
                message(slack_blocks(render_reply(DETAIL, past, ANSWER, {}).parts)),
                message(slack_blocks(render_reply("resolved-1", past, ANSWER, {}).parts)),
            ]
        ),
        "report": page([message(slack_blocks(render_notice(view, report).parts))]),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        path = Path(sys.argv[1]) / f"slack-{name}.html"
        path.write_text(text, encoding="utf-8")
        print(path)
