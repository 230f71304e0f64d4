"""Prompt templates that people edit: read again when they change, never trusted to work."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

import structlog
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from rich.console import Console

from log_analyzer import metrics
from log_analyzer.event_time import iso
from log_analyzer.incident_view import IncidentView
from log_analyzer.redaction import redact

ROOT_CAUSE: Final = "root_cause.md.j2"
DEFAULTS_DIR: Final = Path(__file__).parent / "default_prompts"

# About 2,500 tokens of evidence at the most, at four characters a token.
EVIDENCE_LINES: Final = 15
MESSAGE_CHARS: Final = 400
NAME_CHARS: Final = 200
NAMES: Final = 10
PROMPT_CHARS: Final = 16_000

_log = structlog.get_logger()


class PromptTemplates:
    """The templates of one folder.

    A template is tried on the incident at hand. When the edited one does not work (syntax, an
    unknown variable, not readable), that is reported once for each version of the file, and the
    last version that worked is used, at first the shipped one.
    """

    def __init__(self, folder: Path, complaint: Console | None = None) -> None:
        self._folder = folder
        self._complaint = complaint or Console(stderr=True, highlight=False, soft_wrap=True)
        self._environment = SandboxedEnvironment(
            undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
        )
        self._last_good: dict[str, str] = {}
        self._reported: dict[str, str] = {}

    def render(self, view: IncidentView, name: str = ROOT_CAUSE) -> str:
        """The prompt for an incident, redacted and cut to `PROMPT_CHARS`. Reads the file."""
        variables = prompt_variables(view)
        try:
            text = (self._folder / name).read_text(encoding="utf-8")
            prompt = self._try(text, variables)
        except (OSError, UnicodeDecodeError, TemplateError, TypeError, ValueError) as error:
            self._report(name, error)
            shipped = (DEFAULTS_DIR / name).read_text(encoding="utf-8")
            return self._try(self._last_good.get(name, shipped), variables)
        self._last_good[name] = text
        self._reported.pop(name, None)
        metrics.PROMPT_BROKEN.set(0)
        return prompt

    def _try(self, text: str, variables: dict[str, Any]) -> str:
        template: Template = self._environment.from_string(text)
        prompt = template.render(variables).strip()
        if not prompt:
            raise ValueError("the template renders to nothing")
        return prompt[:PROMPT_CHARS]

    def _report(self, name: str, error: Exception) -> None:
        line = getattr(error, "lineno", None)
        where = f"{self._folder / name}" + (f", line {line}" if line else "")
        reason = f"{where}: {error}"
        metrics.PROMPT_BROKEN.set(1)
        if self._reported.get(name) == reason:
            return
        self._reported[name] = reason
        _log.error("prompt_broken", template=name, reason=reason, used="the last one that worked")
        self._complaint.print(
            f"firstcause: prompt {reason}. The last one that worked is used.", markup=False
        )


def prompt_variables(view: IncidentView) -> dict[str, Any]:
    """What a template may name; text from logs is inert as `_line` makes it."""
    evidence = [
        {
            "log_id": one.log_id,
            "timestamp": iso(one.timestamp_ms),
            "service_name": _line(one.service_name),
            "level": one.level,
            "message": _line(one.message, MESSAGE_CHARS),
            "error_code": _line(one.error_code) if one.error_code else None,
            "trace_id": one.trace_id,
            "span_id": one.span_id,
            "parent_span_id": one.parent_span_id,
        }
        for one in view.evidence[:EVIDENCE_LINES]
    ]
    return {
        "incident": {
            "title": _line(view.title),
            "service_name": _line(view.service_name),
            "template": _line(view.template, MESSAGE_CHARS),
            "severity": view.severity,
            "status": view.status,
            "error_count": view.error_count,
            "first_seen": iso(view.first_ms),
            "last_seen": iso(view.last_ms),
        },
        "suspects": [_line(name) for name in view.suspects[:NAMES]],
        "services": [_line(name) for name in view.services[:NAMES]],
        "evidence": evidence,
        # Random, so that no log line can hold it.
        "fence": f"=== LOG DATA {secrets.token_hex(8)} ===",
    }


def _line(text: str, limit: int = NAME_CHARS) -> str:
    """Text from logs as one redacted line; redacted before the cut, which might hide a secret."""
    return redact(" ".join(text.split()))[:limit]
