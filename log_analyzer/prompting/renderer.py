"""Renders prompts from edited templates; falls back to the last version that worked."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from firstcause.incidents.view import IncidentView
from log_analyzer import metrics
from log_analyzer.prompting.answer_schema import MAX_PROMPT_TOKENS
from log_analyzer.prompting.deadline import deadline
from log_analyzer.prompting.folder import (
    ROOT_CAUSE,
    TEMPLATE_ERRORS,
    Sources,
    describe_template_error,
    digest_of,
    load_template,
    read_folder,
    template_for,
)
from log_analyzer.prompting.token_estimate import estimated_tokens
from log_analyzer.prompting.variables import PromptVariables
from log_analyzer.redaction.redactor import Redacted, Redactor
from log_analyzer.report.redacted_incident import redacted_incident

DEFAULTS_DIR: Final = Path(__file__).parents[1] / "default_prompts"

# A prompt that is too long is tried again with shorter lists.
SHARES: Final = (1.0, 0.7, 0.5, 0.35, 0.2, 0.1, 0.01)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt: redacted, and short enough for one call.

    `tokens` is an upper estimate. `log_ids` are those that it shows, `redactor` knows what its
    placeholders stand for, `templates` is the digest of all templates of its folder.
    """

    text: Redacted
    template: str
    tokens: int
    log_ids: frozenset[str]
    redactor: Redactor
    templates: str


def render_prompt(view: IncidentView, name: str, sources: Sources) -> Prompt:
    """One template for one incident, its lists shortened until it fits into a call.

    Raises one of `TEMPLATE_ERRORS`; ValueError when it is too long whatever is left out.
    """
    template = load_template(name, sources)
    tokens = 0
    for share in SHARES:
        variables = PromptVariables(redacted_incident(view), share)
        with deadline():
            text = template.render(variables.values).strip()
        if not text:
            raise ValueError("the template renders to nothing")
        tokens = estimated_tokens(text)
        if tokens <= MAX_PROMPT_TOKENS:
            return Prompt(
                Redacted(text),
                name,
                tokens,
                frozenset(variables.log_ids),
                variables.redactor,
                digest_of(sources),
            )
    raise ValueError(f"it needs {tokens:,} tokens, at most {MAX_PROMPT_TOKENS:,} are allowed")


class PromptTemplates:
    """The templates of one folder. Safe to use from several threads.

    The templates are tried on the incident at hand. When an edited one does not work (syntax, an
    unknown variable, not readable, too long), that is reported once for each version of the file,
    and the last version that worked is used; before there is one, the base template for an
    override, and the shipped one for the base.
    """

    def __init__(self, folder: Path, complaint: Console | None = None) -> None:
        self._folder = folder
        self._complaint = complaint or Console(stderr=True, highlight=False, soft_wrap=True)
        self._last_good: dict[str, Sources] = {}
        self._reported: dict[str, str] = {}
        # Never held while a template is at work: it may be slow.
        self._lock = threading.Lock()

    def render(self, view: IncidentView) -> Prompt:
        """The prompt for an incident, by the template that is for it. Reads the files."""
        sources: Sources = {}
        try:
            sources = read_folder(self._folder)
        except OSError as error:
            self._report(ROOT_CAUSE, error)
        return self._render(view, sources)

    def _render(self, view: IncidentView, sources: Sources) -> Prompt:
        for name in dict.fromkeys((template_for(view, sources), ROOT_CAUSE)):
            try:
                prompt = render_prompt(view, name, sources)
            except TEMPLATE_ERRORS as error:
                self._report(name, error)
                with self._lock:
                    good = self._last_good.get(name)
                if good is not None:
                    return render_prompt(view, name, good)
            else:
                with self._lock:
                    self._last_good[name] = sources
                    self._reported.pop(name, None)
                    metrics.PROMPT_BROKEN.set(bool(self._reported))
                return prompt
        return render_prompt(view, ROOT_CAUSE, read_folder(DEFAULTS_DIR))

    def _report(self, name: str, error: Exception) -> None:
        reason = describe_template_error(error, self._folder / name)
        metrics.PROMPT_BROKEN.set(1)
        with self._lock:
            known, self._reported[name] = self._reported.get(name), reason
        if known == reason:
            return
        _log.error("prompt_broken", template=name, reason=reason, used="the last one that worked")
        self._complaint.print(
            f"firstcause: prompt {reason}. The last one that worked is used.", markup=False
        )
