"""What alerts say in an incident's message. Pure."""

from __future__ import annotations

from typing import Final

from firstcause.incidents.view import IncidentView
from log_analyzer.episodes.alerts import ALERT_CODE, alerted_services
from log_analyzer.notify.messages.content import Part, Quoted, Span, paragraph

SHOWN: Final = 2
SENTENCE_CHARS: Final = 300


def alerts(view: IncidentView) -> list[Part]:
    """The first alerts of the incident in their own words; none where errors alone opened it."""
    services = alerted_services(view.groups)
    found = [
        one
        for one in view.evidence
        if one.error_code == ALERT_CODE and one.service_name in services
    ]
    parts: list[Part] = []
    for one in found[:SHOWN]:
        line: list[Span] = ["🔔 ", Quoted(one.message, SENTENCE_CHARS)]
        parts.append(paragraph(line, small=True))
    return parts
