"""The variables of a prompt template: an incident as plain, bounded, redacted text. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Final, TypeAlias, TypeVar

from firstcause.incidents.records import EarlierIncident
from firstcause.incidents.view import (
    ContextLog,
    Evidence,
    IncidentContext,
    NormalRanking,
)
from firstcause.text.event_time import iso
from firstcause.text.plain_text import plain_line
from log_analyzer.prompting.token_estimate import estimated_tokens
from log_analyzer.redaction.redactor import Redacted, neutral
from log_analyzer.report.redacted_incident import RedactedIncident
from log_analyzer.report.sections import suspect_names
from log_analyzer.report.timeline import timeline

MESSAGE_CHARS: Final = 400
NAME_CHARS: Final = 200
NAMES: Final = 10
HOPS: Final = 5
HOP_CHARS: Final = 400
GROUPS: Final = 20
EVIDENCE_LINES: Final = 15
CONTEXT_LINES: Final = 15
REASONS: Final = 4
# A name is never cut shorter, so that it can be told from others.
SHORTEST_CHARS: Final = 64
EARLIER: Final = 3
SIMILAR: Final = 3
# A secret that begins in what is kept also ends in what is looked at.
LOOKED_AT_CHARS: Final = 4_000

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
# As the suspects' reasons name a log line.
# Such a sentence holds names, figures and ids, and no text of logs.
_LOG_OF_HOP: Final = re.compile(r"\blog ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=[, )])")
_LOG_OF_REASON: Final = re.compile(r"\(log ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)")

T = TypeVar("T")
# What a template may be given. No plain text is among it, so no line of a log gets there as it is.
Value: TypeAlias = "Redacted | int | float | list[Value] | dict[str, Value] | None"


class PromptVariables:
    """Makes the variables of one incident; the same value has the same placeholder in all.

    Args:
        incident: the incident, redacted; its context may be missing.
        share: how much of each list and text is taken, above 0 up to 1; one of each at least.
    """

    def __init__(self, incident: RedactedIncident, share: float = 1.0) -> None:
        self.redactor = incident.redactor
        self._view = incident.view
        self._context = incident.view.context or IncidentContext(gathered_ms=0)
        self._share = share
        self.log_ids: set[str] = set()
        self.values = self._values()

    def _some(self, items: Sequence[T], limit: int) -> Sequence[T]:
        return items[: max(1, round(limit * self._share))]

    def _line(self, text: str, limit: int = NAME_CHARS) -> Redacted:
        """One line of at most so many characters, and as many tokens; a share of both."""
        limit = max(SHORTEST_CHARS, round(limit * self._share))
        # Again: without line ends and what nobody sees, more may be found than before.
        whole = self.redactor.redact(plain_line(text, LOOKED_AT_CHARS), limit)
        # A character has up to four bytes, and a byte may be a token.
        short = estimated_tokens(whole) <= limit
        return whole if short else self.redactor.redact(whole, limit // 4)

    def _id(self, text: str | None) -> Redacted | None:
        if text is None:
            return None
        return Redacted(text) if _ID.fullmatch(text) else self._line(text)

    def _log_id(self, text: str | None) -> Redacted | None:
        if text is None:
            return None
        self.log_ids.add(text)
        return Redacted(text)

    def _names(self, names: Sequence[str]) -> list[Value]:
        return [self._line(name) for name in self._some(names, NAMES)]

    def _reason(self, text: str) -> Redacted:
        """A reason; only log ids that it contains uncut may be cited."""
        line = self._line(text, MESSAGE_CHARS)
        self.log_ids.update(_LOG_OF_REASON.findall(line))
        return line

    def _ranking(self, found: NormalRanking | None) -> dict[str, Value] | None:
        if found is None or not found.suspects:
            return None
        return {
            "culprit": self._line(found.culprit) if found.culprit else None,
            "scores": [
                {"service_name": self._line(one.service_name), "score": one.departure}
                for one in self._some(found.suspects, NAMES)
            ],
            "path": [self._hop(one) for one in self._some(found.hops, HOPS)],
        }

    def _hop(self, text: str) -> Redacted:
        """A hop of the causal path; only log ids that it contains uncut may be cited."""
        line = self._line(text, HOP_CHARS)
        self.log_ids.update(_LOG_OF_HOP.findall(line))
        return line

    def _log(self, one: Evidence | ContextLog) -> dict[str, Value]:
        return {
            "log_id": self._log_id(one.log_id),
            "timestamp": _time(one.timestamp_ms),
            "service_name": self._line(one.service_name),
            "level": self._line(one.level),
            "message": self._line(one.message, MESSAGE_CHARS),
            "trace_id": self._id(one.trace_id),
        }

    def _error(self, one: Evidence) -> dict[str, Value]:
        return self._log(one) | {
            "error_code": self._line(one.error_code) if one.error_code else None,
            "span_id": self._id(one.span_id),
            "parent_span_id": self._id(one.parent_span_id),
        }

    def _earlier(self, one: EarlierIncident) -> dict[str, Value]:
        return {
            "last_seen": _time(one.last_ms),
            "culprit_service": self._line(one.culprit_service),
            "root_cause": self._line(neutral(one.root_cause), MESSAGE_CHARS),
            "confidence": self._line(one.confidence),
        }

    def _values(self) -> dict[str, Value]:
        view, context = self._view, self._context
        similar = self._some(view.similar, SIMILAR)
        told = {one.incident.incident_id for one in similar}
        return {
            "incident": {
                "title": self._line(view.title),
                "service_name": self._line(view.service_name),
                "template": self._line(view.template, MESSAGE_CHARS),
                "severity": Redacted(view.severity),
                "status": Redacted(view.status),
                "error_count": view.error_count,
                "first_seen": _time(view.first_ms),
                "last_seen": _time(view.last_ms),
            },
            "suspects": self._names(suspect_names(view)),
            "ranking": self._ranking(context.ranking),
            "services": self._names(view.services),
            "suspect_reasons": [
                {
                    "service_name": self._line(one.service_name),
                    "reasons": [self._reason(why) for why in self._some(one.reasons, REASONS)],
                }
                for one in self._some(context.suspects, NAMES)
            ],
            "groups": [
                {
                    "service_name": self._line(one.service_name),
                    "template": self._line(one.template, MESSAGE_CHARS),
                    "error_count": one.error_count,
                    "first_seen": _time(one.first_ms),
                    "last_seen": _time(one.last_ms),
                }
                for one in self._some(sorted(view.groups, key=lambda one: -one.error_count), GROUPS)
            ],
            "evidence": [self._error(one) for one in self._some(view.evidence, EVIDENCE_LINES)],
            "timeline": [
                {
                    "timestamp": _time(one.timestamp_ms),
                    "service_name": self._line(one.service_name),
                    "text": self._line(one.text, MESSAGE_CHARS),
                    "log_id": self._log_id(one.log_id),
                }
                for one in self._some(timeline(view), CONTEXT_LINES)
            ],
            "trace_logs": [self._log(one) for one in self._some(context.trace_logs, CONTEXT_LINES)],
            "logs_before": [
                self._log(one) for one in self._some(context.logs_before, CONTEXT_LINES)
            ],
            "rate_changes": [
                {
                    "service_name": self._line(one.service_name),
                    "level": self._line(one.level),
                    "template": self._line(one.template, MESSAGE_CHARS),
                    "before_per_minute": round(one.before_per_minute, 1),
                    "now_per_minute": round(one.now_per_minute, 1),
                }
                for one in self._some(context.rate_changes, CONTEXT_LINES)
            ],
            "similar": [
                {
                    **self._earlier(one.incident),
                    "similarity": one.similarity,
                    "shared": [self._line(line, MESSAGE_CHARS) for line in one.shared],
                    "is_confirmed": one.is_confirmed,
                }
                for one in similar
            ],
            "earlier": [
                {**self._earlier(one), "is_similar": one.incident_id in told}
                for one in self._some(view.earlier, EARLIER)
            ],
            # Random, so that no log line can hold it.
            "fence": Redacted(f"=== LOG DATA {secrets.token_hex(8)} ==="),
        }


def _time(at_ms: int) -> Redacted:
    return Redacted(iso(at_ms))
