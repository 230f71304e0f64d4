"""Orders an incident's errors: those of its present fault come first. Pure."""

from __future__ import annotations

from dataclasses import replace

from firstcause.incidents.view import IncidentView
from log_analyzer.suspects.onset import onset_ms


def present_first(view: IncidentView) -> IncidentView:
    """The incident with the errors since its present onset first, then those before; in time each.

    Whoever takes the first few of them (prompt, message, traces to read) so takes what happens
    now, not what happened before it came back or burst.
    """
    onset = onset_ms(view)
    if onset <= view.first_ms:
        return view
    now = [one for one in view.evidence if one.timestamp_ms >= onset]
    before = [one for one in view.evidence if one.timestamp_ms < onset]
    return replace(view, evidence=(*now, *before))
