"""The deterministic report: what the rules say of an incident, without any model. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from log_analyzer.incident_view import Analysis, IncidentView

EVIDENCE_SHOWN: Final = 5
NO_MODEL_NOTE: Final = "Deterministic report: no model is configured (MISTRAL_API_KEY)."
MODEL_ASKED_NOTE: Final = "Deterministic report: the model's answer follows."


def current_analysis(view: IncidentView, *, model_configured: bool) -> Analysis:
    """What to show now: the model's answer if there is one, else the rules' own report.

    The report is made anew from the incident as it stands; a stored note of why the model
    did not answer is kept with it.
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


def deterministic_report(view: IncidentView, note: str) -> Analysis:
    """Suspects by the failing spans, evidence by log id, actions that follow from both."""
    culprit = view.suspects[0]
    first = view.evidence[0] if view.evidence else None
    others = [name for name in view.services if name != culprit]
    if culprit != view.service_name:
        cause = (
            f"{culprit} failed deepest in the traces that these errors share; "
            f"{view.service_name} fails because of it."
        )
        confidence = "likely"
    else:
        cause = (
            f"{view.service_name} reports the error itself; no deeper failing service was seen in "
            "its traces."
        )
        confidence = "likely" if others else "inconclusive"
    if first is not None:
        cause += f" First seen at {clock(first.timestamp_ms)}."
    code = next((one.error_code for one in view.evidence if one.error_code), None)
    actions = [
        f"Look at what changed in {culprit} before {clock(view.first_ms)}.",
        f"Read its logs: firstcause logs --service {culprit} --from {iso(view.first_ms - 60_000)}",
    ]
    if first is not None and first.trace_id:
        actions.append(f"Follow one trace: firstcause logs --trace {first.trace_id}")
    if code:
        actions.append(f"Error code {code}: see what your runbook says about it.")
    return Analysis(
        source="deterministic",
        root_cause=cause,
        culprit_service=culprit,
        confidence=confidence,
        evidence=tuple(one.log_id for one in view.evidence[:EVIDENCE_SHOWN]),
        actions=tuple(actions),
        note=note,
    )


def incident_json(view: IncidentView, *, model_configured: bool) -> dict[str, Any]:
    """The object that `firstcause incidents --json` prints, fields fixed by contract."""
    analysis = current_analysis(view, model_configured=model_configured)
    return {
        "incident_id": str(view.incident_id),
        "status": view.status,
        "severity": view.severity,
        "title": view.title,
        "suspects": list(view.suspects),
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


def iso(moment_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def clock(moment_ms: int) -> str:
    """Date and time of day in UTC, for people."""
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
