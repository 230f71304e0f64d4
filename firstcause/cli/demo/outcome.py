"""The result of a demo run: counts, the incident, whether the culprit was named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstcause.cli.demo.stream_audit import Tally
    from firstcause.incidents.view import IncidentView


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a demo has shown.

    Attributes:
        source: what was sent, in words.
        tally: what became of it.
        incident: the incident that the fault made; None when there was none.
        other_incidents: how many more the same errors belong to.
        seconds_to_incident: from the first error to the stored incident; None when the
            incident was there before.
        culprit: the true one, where it is known.
        cause: the true cause in words, where it is known.
        problem: why the demo did not go as it should; empty when it did.
    """

    source: str
    tally: Tally
    incident: IncidentView | None
    other_incidents: int = 0
    seconds_to_incident: float | None = None
    culprit: str | None = None
    cause: str | None = None
    problem: str = ""

    @property
    def passed(self) -> bool:
        """The incident was seen, and every message is accounted for."""
        return not self.complaint

    @property
    def complaint(self) -> str:
        """One line for people; empty when all is well."""
        if self.problem:
            return self.problem
        if self.incident is None:
            return "No incident was seen."
        if not self.tally.complete:
            return (
                f"Only {self.tally.stored} of {self.tally.readable} events are stored: see the "
                "store job's log with `firstcause status`."
            )
        return ""
