"""The actions of people on an incident, and their encoding in Slack's buttons. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from firstcause.text.plain_text import plain_line

ACKNOWLEDGE: Final = "firstcause_acknowledge"
SILENCE_1H: Final = "firstcause_silence_1h"
SILENCE_24H: Final = "firstcause_silence_24h"
UNACKNOWLEDGE: Final = "firstcause_unacknowledge"
SILENCE_OFF: Final = "firstcause_silence_off"
RESOLVE: Final = "firstcause_resolve"
# A message has a button of this for each of some services; a number follows.
SPLIT: Final = "firstcause_split"
FEEDBACK_RIGHT: Final = "firstcause_feedback_right"
FEEDBACK_WRONG: Final = "firstcause_feedback_wrong"

Verdict = Literal["right", "wrong"]

PERSON_CHARS: Final = 60
_SILENCES_SECONDS: Final = {SILENCE_OFF: 0, SILENCE_1H: 3_600, SILENCE_24H: 86_400}
_VERDICTS: Final[dict[str, Verdict]] = {FEEDBACK_RIGHT: "right", FEEDBACK_WRONG: "wrong"}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody takes care of the incident. `at_ms` since the epoch, as in the others."""

    incident_id: UUID
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class AcknowledgementUndone:
    """Nobody takes care of the incident any more."""

    incident_id: UUID
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """Somebody says that the incident is over; errors that go on open it again."""

    incident_id: UUID
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody wants to hear of the incident and its groups until `until_ms`; ended at `at_ms`."""

    incident_id: UUID
    by: str
    at_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """Somebody judges the analysis that the message showed: its source and its time."""

    incident_id: UUID
    by: str
    at_ms: int
    verdict: Verdict
    analysis_source: str
    analysed_ms: int


@dataclass(frozen=True, slots=True)
class Split:
    """Somebody says that a service's errors have another cause: they become their own incident."""

    incident_id: UUID
    by: str
    at_ms: int
    service_name: str


Action = Acknowledgement | AcknowledgementUndone | Resolution | Silence | Feedback | Split


_PLAIN_ACTIONS: Final[dict[str, Callable[[UUID, str, int], Action]]] = {
    ACKNOWLEDGE: Acknowledgement,
    UNACKNOWLEDGE: AcknowledgementUndone,
    RESOLVE: Resolution,
}


def button_value(incident: UUID, analysis_source: str, analysed_ms: int) -> str:
    """The value of a feedback button: the incident, and the analysis that it rates."""
    return f"{incident} {analysis_source} {analysed_ms}"


def action_of_click(payload: Mapping[str, Any]) -> Action | None:
    """The action that an interaction payload of Slack requests; None if it is not one of ours.

    Its time is that of the click, so that the same click told twice is one action.
    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """
    try:
        click = payload["actions"][0]
        kind, words = str(click["action_id"]), str(click["value"]).split()
        incident, at_ms = UUID(words[0]), int(float(click["action_ts"]) * 1_000)
        user = payload["user"]
        by = plain_line(str(user.get("name") or user.get("username") or user["id"]), PERSON_CHARS)
        if kind.startswith(SPLIT):
            return Split(incident, by, at_ms, str(click["value"]).partition(" ")[2])
        if kind in _PLAIN_ACTIONS:
            return _PLAIN_ACTIONS[kind](incident, by, at_ms)
        if kind in _SILENCES_SECONDS:
            return Silence(incident, by, at_ms, at_ms + _SILENCES_SECONDS[kind] * 1_000)
        if kind in _VERDICTS:
            source = "mistral" if words[1] == "mistral" else "deterministic"
            return Feedback(incident, by, at_ms, _VERDICTS[kind], source, int(words[2]))
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError):
        return None
    return None
