"""Writes the deterministic report of an incident, without a model. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from firstcause.incidents.view import Analysis, IncidentView, Suspect
from firstcause.text.event_time import clock, iso
from log_analyzer.redaction.redactor import Redactor
from log_analyzer.report.ranking import cause_by_ranking, ranking_of
from log_analyzer.report.sections import changes, next_actions, seen_before, suspect_names, suspects

__all__ = [
    "clock",
    "current_analysis",
    "deterministic_report",
    "incident_json",
    "iso",
    "with_originals",
]

EVIDENCE_SHOWN: Final = 5
CHANGES_TOLD: Final = 2
LIKELY_SHARE: Final = 0.5
LIKELY_LOGS: Final = 2
NO_MODEL_NOTE: Final = "Deterministic report: no model is configured (MISTRAL_API_KEY)."
MODEL_ASKED_NOTE: Final = "Deterministic report: the model's answer follows."


def current_analysis(view: IncidentView, *, model_configured: bool) -> Analysis:
    """The analysis to show: the model's answer if there is one, else the deterministic report.

    The report is computed from the current incident; a stored note of why the model did not
    answer is kept with it.
    """
    stored = view.stored_analysis
    if stored is not None and stored.source == "mistral":
        return stored
    note = MODEL_ASKED_NOTE if model_configured else NO_MODEL_NOTE
    report = deterministic_report(view, note)
    if stored is None:
        return report
    return replace(
        report, note=stored.note or note, llm_calls=stored.llm_calls, llm_tokens=stored.llm_tokens
    )


def with_originals(analysis: Analysis, *, allowed: bool) -> Analysis:
    """The analysis with the originals of its placeholders, if a setting allows it.

    For what goes to Slack only; credentials and cards never come back.
    """
    redactor = Redactor(analysis.originals)
    return replace(
        analysis,
        root_cause=redactor.restore(analysis.root_cause, allowed=allowed),
        actions=tuple(redactor.restore(one, allowed=allowed) for one in analysis.actions),
    )


def deterministic_report(view: IncidentView, note: str) -> Analysis:
    """What the rules say: the first suspect and why, evidence by log id, what to do next.

    Never "confirmed": rules see what failed first, not what broke it. "likely" takes a service
    that the ranking names; before there is one, two traces that blame the suspect and half of all
    that fail; without context, a deeper failing service in the shared traces.
    """
    first, *others = suspects(view) or (Suspect(view.service_name, ()),)
    culprit = first.service_name
    ranking = ranking_of(view)
    blamed = first.score >= LIKELY_SHARE and len(first.log_ids) >= LIKELY_LOGS
    if ranking is not None:
        cause = cause_by_ranking(ranking, first)
        likely = ranking.culprit is not None
    elif first.log_ids:
        cause = " ".join(first.reasons)
        likely = blamed
    elif culprit != view.service_name:
        cause = (
            f"{culprit} failed deepest in the traces that these errors share; "
            f"{view.service_name} fails because of it."
        )
        likely = True
    else:
        cause = (
            f"{view.service_name} reports the error itself; no deeper failing service was seen in "
            "its traces."
        )
        likely = bool(others)
    sentences = [cause]
    if view.evidence:
        sentences.append(f"First seen at {clock(view.evidence[0].timestamp_ms)}.")
    changed = [one for one in changes(view) if one.startswith(f"{culprit} ")]
    sentences += [f"Changed: {one}." for one in changed[:CHANGES_TOLD]]
    before = seen_before(view)
    return Analysis(
        source="deterministic",
        root_cause=" ".join([*sentences, *([before] if before else [])]),
        culprit_service=culprit,
        confidence="likely" if likely else "inconclusive",
        evidence=_evidence_ids(view, first),
        actions=next_actions(view),
        note=note,
    )


def _evidence_ids(view: IncidentView, culprit: Suspect) -> tuple[str, ...]:
    """The lines that show the culprit, then its own errors, then the first of all."""
    own = [one.log_id for one in view.evidence if one.service_name == culprit.service_name]
    found = dict.fromkeys((*culprit.log_ids, *own, *(one.log_id for one in view.evidence)))
    return tuple(found)[:EVIDENCE_SHOWN]


def incident_json(view: IncidentView, *, model_configured: bool) -> dict[str, Any]:
    """The object that `firstcause incidents --json` prints, fields fixed by contract."""
    analysis = current_analysis(view, model_configured=model_configured)
    return {
        "incident_id": str(view.incident_id),
        "status": view.status,
        "severity": view.severity,
        "title": view.title,
        "suspects": list(suspect_names(view)),
        "services": list(view.services),
        "error_count": view.error_count,
        "first_seen": iso(view.first_ms),
        "last_seen": iso(view.last_ms),
        "analysis": {
            "source": analysis.source,
            "root_cause": analysis.root_cause,
            "confidence": analysis.confidence,
            "evidence": list(analysis.evidence),
            "actions": list(analysis.actions),
        },
        "slack_channel": view.message.channel if view.message else None,
        "slack_thread_ts": view.message.ts if view.message else None,
        "llm_calls": sum(one.llm_calls for one in view.analyses),
        "llm_tokens": sum(one.llm_tokens for one in view.analyses),
    }
