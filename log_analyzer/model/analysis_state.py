"""Decides whether an incident has changed enough for another question to the model. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from firstcause.incidents.view import IncidentView

SETTLE_MS: Final = 3_000
SETTLE_MAX_MS: Final = 300_000
# The context is fetched from the stored logs, which come a little later than the errors.
CONTEXT_WAIT_MS: Final = 6_000
CONTEXT_LOOK_MS: Final = 500

_VARIABLE: Final = re.compile(r"\b(?=[\w-]*\d)[\w-]+\b")


def _digest(parts: object) -> str:
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def state_digest(view: IncidentView) -> str:
    """What a new answer could depend on; two views with the same digest need one call.

    It changes with new services, new groups, another severity, ten times the errors, another
    service that stands out against normal, and each time that a resolved incident opens again.
    """
    ranking = view.context.ranking if view.context else None
    return _digest(
        [
            str(view.fingerprint),
            sorted(view.services),
            # One that falls again is no news.
            view.worst or view.severity,
            sorted(str(one.fingerprint) for one in view.groups),
            len(str(view.error_count)),
            view.resolved_ms if view.reopened else None,
            ranking.culprit if ranking else None,
        ]
    )


def evidence_key(service_name: str, message: str) -> str:
    """The digest of a log line without its numbers and ids."""
    return _digest([service_name, _VARIABLE.sub("#", message)])


def evidence_digest(view: IncidentView, question: str) -> str:
    """What the answer rests on, so that the same evidence of another day has the same digest.

    Args:
        view: the incident.
        question: what else decides the answer: the model and the prompt's template.
    """
    lines = {evidence_key(one.service_name, one.message) for one in view.evidence}
    codes = {one.error_code for one in view.evidence if one.error_code}
    groups = {str(one.fingerprint) for one in view.groups}
    suspects = [one.service_name for one in view.context.suspects] if view.context else None
    return _digest(
        [
            question,
            sorted(lines),
            sorted(codes),
            sorted(groups),
            list(view.suspects),
            sorted(view.services),
            suspects,
        ]
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about an incident: ask now, look again after `wait_ms`, or leave it (None)."""

    ask: bool
    wait_ms: int | None = None


def next_step(view: IncidentView, state: str, since_ms: int, now_ms: int) -> Step:
    """Decides whether the model is asked about this state of an incident.

    A state has to stand still first: 3 s for the first question, ten times longer for each that
    follows, so that a storm does not spend its calls on its first seconds. The first question
    also waits for the context, for a time.

    Args:
        view: the incident.
        state: `state_digest(view)`.
        since_ms: when this process has first seen the state.
        now_ms: the time, by the same clock.
    """
    asked = {one.state for one in view.analyses if one.state}
    if view.merged_into is not None or state in asked:
        return Step(ask=False)
    if view.status == "resolved":
        # Nothing more will come of it, so it does not wait; one answer is enough.
        return Step(ask=not asked)
    stands_ms = now_ms - since_ms
    settle_ms: int = min(SETTLE_MAX_MS, SETTLE_MS * 10 ** len(asked))
    if stands_ms < settle_ms:
        return Step(ask=False, wait_ms=settle_ms - stands_ms)
    if view.context is None and stands_ms < CONTEXT_WAIT_MS:
        return Step(ask=False, wait_ms=min(CONTEXT_LOOK_MS, CONTEXT_WAIT_MS - stands_ms))
    return Step(ask=True)
