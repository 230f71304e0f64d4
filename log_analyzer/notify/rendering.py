"""Renders an incident's message as the settings say: analysis, options, originals. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.notify.messages.incident import (
    DEFAULT_OPTIONS,
    Notice,
    NoticeOptions,
    render_notice,
)
from log_analyzer.notify.messages.told import Told
from log_analyzer.report.deterministic import current_analysis, with_originals


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the settings decide about messages.

    `show_redacted` puts back what may be put back; without a model nobody waits for its answer.
    """

    model_configured: bool
    show_redacted: bool = False
    options: NoticeOptions = DEFAULT_OPTIONS

    def analysis(self, view: IncidentView) -> Analysis:
        """What an incident's message says of the cause."""
        analysis = current_analysis(view, model_configured=self.model_configured)
        return with_originals(analysis, allowed=self.show_redacted)

    def notice(self, view: IncidentView, analysis: Analysis, told: Told | None) -> Notice:
        """The incident's message."""
        return render_notice(view, analysis, self.options, told)

    def is_answered(self, view: IncidentView) -> bool:
        """False while a model's answer may follow: it is asked about live messages only."""
        return not self.model_configured or view.stored_analysis is not None
