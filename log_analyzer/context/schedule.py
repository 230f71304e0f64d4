"""Decides when an incident's context is gathered, and gathered again. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Self

from firstcause.incidents.view import IncidentView
from log_analyzer.context.selection import groups_of
from log_analyzer.suspects.onset import is_same_onset, onset_ms
from log_analyzer.suspects.window import AFTER_MS

GATHERS_OF_A_STAGE: Final = 6
GATHER_PAUSE_MS: Final = 30_000
# Logs later than that are not waited for.
LATE_MS: Final = 60_000

_NOTE: Final = re.compile(r"(\d+)@(\d+)(!?): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Standing:
    """The stage and the size of an incident, as gathering depends on them.

    Attributes:
        onset_ms: the start of its present fault (event time).
        is_over: the window of the comparison with normal has ended, and its logs are stored.
        size: its services, its groups, the size of its error count.
    """

    onset_ms: int
    is_over: bool
    size: str


@dataclass(frozen=True, slots=True)
class Gathers:
    """How often an incident's context was gathered, when last, and the incident's stage then.

    Attributes:
        count: gatherings in all.
        claimed_ms: the last one (wall clock).
        onset_ms, is_over: its stage, see `Standing`.
        before: gatherings before those of that stage.
        size: empty when the last gathering has not ended well: it died, or found too little,
            or the fault was too young to be compared with normal for good.
    """

    count: int = 0
    claimed_ms: int = 0
    onset_ms: int = 0
    is_over: bool = False
    before: int = 0
    size: str = ""

    @classmethod
    def from_note(cls, count: int, claimed_ms: int, note: str) -> Self:
        """Parses the stored note; an unreadable note counts as another stage."""
        found = _NOTE.fullmatch(note)
        if found is None:
            return cls(count, claimed_ms)
        onset, before, over, size = found.groups()
        return cls(count, claimed_ms, int(onset), bool(over), int(before), size)

    @property
    def note(self) -> str:
        """The stage and the size, to be stored."""
        return f"{self.onset_ms}@{self.before}{'!' if self.is_over else ''}: {self.size}"

    def is_of(self, standing: Standing) -> bool:
        """True when the last gathering was of the stage in which the incident is."""
        return self.is_over == standing.is_over and is_same_onset(self.onset_ms, standing.onset_ms)

    def next(self, standing: Standing, now_ms: int) -> Gathers:
        """The state with one more gathering at this stage, which has not ended yet."""
        before = self.before if self.is_of(standing) else self.count
        return Gathers(self.count + 1, now_ms, standing.onset_ms, standing.is_over, before)


def standing_of(view: IncidentView, now_ms: int) -> Standing:
    """The stage and the size of an incident at a time (wall clock)."""
    since_ms = onset_ms(view)
    magnitude = int(math.log10(max(1, view.error_count)))
    services = ",".join(sorted({*view.services, *(one.service_name for one in groups_of(view))}))
    return Standing(
        since_ms,
        now_ms >= since_ms + AFTER_MS + LATE_MS,
        f"{len(groups_of(view))} groups, 10^{magnitude} errors, {services}",
    )


def gather_due(gathers: Gathers, standing: Standing, now_ms: int) -> bool:
    """True when an incident's context is to be gathered, for the first time or again.

    It is gathered again when a new onset is found, when the window of the comparison has ended,
    when the incident has grown, or when the last gathering failed: at most once in 30 s, and 6
    times a stage.
    """
    if gathers.count == 0:
        return True
    if now_ms - gathers.claimed_ms < GATHER_PAUSE_MS:
        return False
    if not gathers.is_of(standing):
        return True
    return gathers.count - gathers.before < GATHERS_OF_A_STAGE and gathers.size != standing.size
