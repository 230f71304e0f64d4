"""Limits a model's answer: its confidence, and whether other incidents may reuse it. Pure."""

from __future__ import annotations

from typing import Final

from firstcause.incidents.view import IncidentView
from log_analyzer.model.mistral_client import ModelAnswer
from log_analyzer.prompting.answer_schema import Confidence, RootCause
from log_analyzer.redaction.redactor import PLACEHOLDER

# So many traces and such a share of them blame a service that it is more than a line of a log.
BLAMING_TRACES: Final = 2
BLAMED_SHARE: Final = 0.5


def earned(view: IncidentView, culprit: str, said: Confidence) -> Confidence:
    """The confidence of an answer: "confirmed" only if something other than log text agrees.

    A log line may contain any text, even an instruction to cite its id. So the comparison with
    normal has to name the culprit too, or traces have to blame it.
    """
    if said != "confirmed" or _agrees(view, culprit):
        return said
    return "likely"


def _agrees(view: IncidentView, culprit: str) -> bool:
    context = view.context
    if context is None:
        return False
    if context.ranking is not None and context.ranking.fits_normal:
        return context.ranking.culprit == culprit
    blamed = next((one for one in context.suspects if one.service_name == culprit), None)
    return (
        blamed is not None
        and blamed.score >= BLAMED_SHARE
        and len(blamed.log_ids) >= BLAMING_TRACES
    )


def fits_another(view: IncidentView, answer: ModelAnswer) -> bool:
    """True if an answer says nothing that only this incident has: it rests on error lines alone."""
    cited, lines = set(answer.answer.evidence), {one.log_id for one in view.evidence}
    plain = not PLACEHOLDER.search(text_of(answer.answer))
    return bool(cited) and cited <= lines and not answer.struck_out and plain


def text_of(answer: RootCause) -> str:
    """All that an answer says in words."""
    return "\n".join([answer.root_cause, *answer.actions])


def is_marked_wrong(view: IncidentView, answered_ms: int) -> bool:
    """True if people marked the answer of this time as wrong."""
    handling = view.handling
    return handling.feedback == "wrong" and handling.judges("mistral", answered_ms)
