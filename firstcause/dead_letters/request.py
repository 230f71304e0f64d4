"""The data classes of a replay: its request and its summary. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from firstcause.dead_letters import headers as dead_letter


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to send back.

    Attributes:
        reasons: values of `dlq.reason`; empty for all but `NOT_STORABLE`, whose letters can be
            read already, and would only come back.
        fixes: names out of `FIXES`, applied in this order.
        max_count: at most so many letters; nothing behind them is read, and the next run of the
            same request goes on there.
        dry_run: send nothing, only count what would be sent.
    """

    reasons: frozenset[str] = frozenset()
    fixes: tuple[str, ...] = ()
    max_count: int = 10_000
    dry_run: bool = False

    @property
    def digest(self) -> str:
        """The same for equal reasons and fixes."""
        told = " ".join((*sorted(self.reasons), "/", *self.fixes))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def asks_for(self, reason: str) -> bool:
        """Whether letters with this reason are wanted."""
        return reason in self.reasons if self.reasons else reason != dead_letter.NOT_STORABLE


@dataclass(slots=True)
class ReplaySummary:
    """What became of the letters that were read.

    `still_unreadable` counts by the reason they would have now; `unread` are behind `max_count`, or
    came meanwhile; `resumed` says that the run went on where an earlier one had stopped.
    """

    resumed: bool = False
    letters: int = 0
    replayed: int = 0
    replayed_before: int = 0
    other_reasons: int = 0
    without_source: int = 0
    unread: int = 0
    still_unreadable: dict[str, int] = field(default_factory=dict)

    def add_unreadable(self, reason: str) -> None:
        """Counts a letter that stays one."""
        self.still_unreadable[reason] = self.still_unreadable.get(reason, 0) + 1
