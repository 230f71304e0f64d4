"""Redacts a whole incident before any of its text is cut, shown or sent.

What leaves the process is made of a `RedactedIncident`, and mypy refuses a plain view there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from firstcause.incidents.view import IncidentContext, IncidentView, Suspect
from log_analyzer.redaction.redactor import Redacted, Redactor, neutral

# Nobody sees these, and a secret that holds one is not found.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
TEXT_CHARS: Final = 4_000


@dataclass(frozen=True, slots=True)
class RedactedIncident:
    """A view with placeholders for all that `redactor` found. Made by `redacted_incident` alone.

    Names of services and ids are as they were: they are what people look for.
    """

    view: IncidentView
    redactor: Redactor


def visible(text: str) -> str:
    """`text` without invisible characters, which would hide a secret from the rules."""
    return _INVISIBLE.sub("", text)


def redacted_incident(view: IncidentView) -> RedactedIncident:
    """The incident redacted: message by message, whole, before any cut. Pure.

    The same value has the same placeholder in all of it, and in what the model said before.
    """
    earlier = {key: value for one in view.analyses for key, value in one.originals.items()}
    redactor = Redactor(earlier)

    def clean(text: str) -> Redacted:
        return redactor.redact(visible(text), TEXT_CHARS)

    return RedactedIncident(
        replace(
            view,
            title=clean(view.title),
            template=clean(view.template),
            evidence=tuple(
                replace(
                    one,
                    message=clean(one.message),
                    error_code=clean(one.error_code) if one.error_code else one.error_code,
                )
                for one in view.evidence
            ),
            groups=tuple(replace(one, template=clean(one.template)) for one in view.groups),
            # Numbers of another incident's placeholders mean nothing here.
            earlier=tuple(
                replace(one, root_cause=clean(neutral(one.root_cause))) for one in view.earlier
            ),
            similar=tuple(
                replace(
                    one,
                    incident=replace(
                        one.incident, root_cause=clean(neutral(one.incident.root_cause))
                    ),
                    shared=tuple(clean(line) for line in one.shared),
                )
                for one in view.similar
            ),
            context=_context(view.context, redactor) if view.context else None,
        ),
        redactor,
    )


def shown_incident(view: IncidentView, *, personal: bool) -> IncidentView:
    """The incident as a channel shows it: no credentials, personal data only if allowed."""
    redacted = redacted_incident(view)
    if not personal:
        return redacted.view
    kept = redacted.redactor

    def back(text: str) -> str:
        return kept.restore(text, allowed=True)

    shown = redacted.view
    context = shown.context
    return replace(
        shown,
        title=back(shown.title),
        template=back(shown.template),
        evidence=tuple(replace(one, message=back(one.message)) for one in shown.evidence),
        groups=tuple(replace(one, template=back(one.template)) for one in shown.groups),
        context=context
        and replace(
            context,
            timeline=tuple(replace(one, text=back(one.text)) for one in context.timeline),
            trace_logs=tuple(replace(one, message=back(one.message)) for one in context.trace_logs),
            logs_before=tuple(
                replace(one, message=back(one.message)) for one in context.logs_before
            ),
        ),
    )


def _context(context: IncidentContext, redactor: Redactor) -> IncidentContext:
    def clean(text: str) -> Redacted:
        return redactor.redact(visible(text), TEXT_CHARS)

    def reasoned(suspects: tuple[Suspect, ...]) -> tuple[Suspect, ...]:
        return tuple(
            replace(one, reasons=tuple(map(clean, one.reasons)), in_short=clean(one.in_short))
            for one in suspects
        )

    ranking = context.ranking
    return replace(
        context,
        suspects=reasoned(context.suspects),
        timeline=tuple(replace(one, text=clean(one.text)) for one in context.timeline),
        trace_logs=tuple(replace(one, message=clean(one.message)) for one in context.trace_logs),
        logs_before=tuple(replace(one, message=clean(one.message)) for one in context.logs_before),
        rate_changes=tuple(
            replace(one, template=clean(one.template)) for one in context.rate_changes
        ),
        ranking=replace(
            ranking,
            suspects=reasoned(ranking.suspects),
            hops=tuple(map(clean, ranking.hops)),
        )
        if ranking
        else None,
    )
