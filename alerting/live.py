"""Judges minutes while events still come: what is final for good, and what is closed for now. Pure.

A minute is closed once a later one has begun, and final once no event within the watermark can
change it. Final minutes are judged once. Closed ones are judged anew each time, on a copy of the
state, so that nobody waits for the watermark; when an event comes late, the next look is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, Self, TypeVar
from uuid import UUID

from alerting.alert import Alert
from alerting.windows import MINUTE_MS, WindowMetrics

# What was told of a rule and a service within this time of an onset is the same alert, told.
SAME_ONSET_MS: Final = 10 * MINUTE_MS
# What is over is remembered for so long.
KEPT_MS: Final = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the minutes gave.

    Attributes:
        changed: alerts that are new, or not as they were at the last look.
        withdrawn: alerts of earlier looks that late events have shown to be none.
        to_tell: those of `changed` that nobody was told of yet.
    """

    changed: tuple[Alert, ...]
    withdrawn: tuple[Alert, ...]
    to_tell: tuple[Alert, ...]


class Judge(Protocol):
    """Makes alerts of minutes, and remembers what it needs of them."""

    @property
    def next_ms(self) -> int | None:
        """The start of the first minute that is not yet judged; None before the first."""

    def judge(self, rows: Sequence[WindowMetrics], until_ms: int) -> Sequence[Alert]:
        """Judges the minutes that are not yet judged and end at a time or before."""

    def copy(self) -> Self:
        """Another that remembers the same."""


OwnJudge = TypeVar("OwnJudge", bound=Judge)


class LiveJudge(Generic[OwnJudge]):
    """Alerts of the minutes that come. Not for several threads.

    Args:
        judge: what makes alerts of minutes; it is used here alone.
        watermark_ms: no event that is later than this changes a minute.

    Attributes:
        latest: what has judged all closed minutes at the last look.
    """

    def __init__(self, judge: OwnJudge, watermark_ms: int) -> None:
        self._judge = judge
        self._watermark_ms = watermark_ms
        # As of the last look; the final ones stay as they are.
        self._final: dict[UUID, Alert] = {}
        self._ahead: dict[UUID, Alert] = {}
        self._told: list[Alert] = []
        self.latest = judge

    @property
    def next_ms(self) -> int | None:
        """The start of the first minute that is needed for the next look; None: of all."""
        return self._judge.next_ms

    def told(self, alerts: Sequence[Alert]) -> None:
        """Takes note of what people were told, now or before a restart."""
        newest = max((one.window_start_ms for one in (*self._told, *alerts)), default=0)
        self._told = [
            one
            for one in (*self._told, *alerts)
            if one.window_start_ms > newest - KEPT_MS
            or one.alert_id in self._final
            or one.alert_id in self._ahead
        ]

    def look(self, rows: Sequence[WindowMetrics], newest_ms: int) -> Look:
        """Judges what is known.

        Args:
            rows: the minutes from `next_ms` on, of all services, in any order.
            newest_ms: the start of the newest minute that has events; those before it are closed.
        """
        before = {**self._final, **self._ahead}
        final = self._judge.judge(rows, newest_ms - self._watermark_ms)
        self.latest = self._judge.copy()
        ahead = self.latest.judge(rows, newest_ms)
        self._final.update((one.alert_id, one) for one in final)
        self._ahead = {one.alert_id: one for one in ahead}
        now = {**self._final, **self._ahead}
        changed = tuple(one for key, one in now.items() if before.get(key) != one)
        withdrawn = tuple(one for key, one in before.items() if key not in now)
        to_tell = tuple(one for one in changed if one.mode == "live" and not self._was_told(one))
        self._forget(newest_ms)
        return Look(changed, withdrawn, to_tell)

    def _was_told(self, alert: Alert) -> bool:
        """Late events may move an onset, and so an id: people hear of it once all the same."""
        return any(
            one.alert_id == alert.alert_id
            or (
                (one.rule, one.service_name) == (alert.rule, alert.service_name)
                and one.alert_id not in self._final
                and one.alert_id not in self._ahead
                and abs(one.window_start_ms - alert.window_start_ms) <= SAME_ONSET_MS
            )
            for one in self._told
        )

    def _forget(self, newest_ms: int) -> None:
        # What is resolved and final changes no more.
        oldest = newest_ms - KEPT_MS
        self._final = {
            key: one
            for key, one in self._final.items()
            if one.resolved_ms is None or one.resolved_ms > oldest
        }
