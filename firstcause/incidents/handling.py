"""The data classes of what people did with an incident. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Handling:
    """What people did with an incident. `feedback` judges one analysis.

    `feedback_source` and `feedback_analysed_ms` name it; that of the rules has no time: 0. The
    incident is silenced while it is itself, or all of its groups are. `resolved_by` resolved it by
    hand at `resolved_ms` (wall clock).
    """

    acknowledged_by: str | None = None
    acknowledged_ms: int | None = None
    silenced_by: str | None = None
    silenced_until_ms: int | None = None
    feedback: Literal["right", "wrong"] | None = None
    feedback_by: str | None = None
    feedback_source: str | None = None
    feedback_analysed_ms: int = 0
    resolved_by: str | None = None
    resolved_ms: int | None = None

    def judges(self, source: str, analysed_ms: int) -> bool:
        """True when the feedback is about this analysis."""
        judged = (self.feedback_source, self.feedback_analysed_ms)
        return self.feedback is not None and judged == (source, analysed_ms)


NOT_HANDLED: Final = Handling()
