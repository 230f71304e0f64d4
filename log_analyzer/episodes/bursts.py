"""Decides where a flood of errors begins or ends within a constant rate of them. Pure.

An error every ten minutes never leaves its group silent for the quiet time. Without a separation
an outage with the same template would belong to its episode, and the episode would never end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from log_analyzer.episodes.episode import EVIDENCE_LIMIT, EVIDENCE_MAX, Episode
from log_analyzer.episodes.tally import MINUTE_MS

# So many errors within so long are a flood, where they are ten times as many as before.
BURST_ERRORS: Final = 10
BURST_FACTOR: Final = 10
BURST_MS: Final = 180_000
_BURST_MINUTES: Final = BURST_MS // MINUTE_MS
# An error is always there when it came so often before, for twice the quiet time at least.
AMBIENT_ERRORS: Final = 3
# A flood is over when no more than that came of it for the quiet time.
CALM_ERRORS: Final = 3


@dataclass(frozen=True, slots=True)
class Beginning:
    """An episode begins beside another; `previous` is the earlier one that it continues, if any."""

    previous: Episode | None


def beginning_at(
    episode: Episode,
    moments: Sequence[int],
    place: int,
    known: Iterable[Episode],
    quiet_ms: int,
) -> Beginning | None:
    """Whether an error within the quiet time of its episode begins another episode.

    Args:
        episode: the one whose quiet time includes the error; its tallies are loaded.
        moments: event times of the errors of the batch, ascending, in ms.
        place: the error's place among them.
        known: the group's episodes that are at hand.
        quiet_ms: gap in event time that ends an episode.
    """
    at_ms = moments[place]
    minutes = _minutes(episode)
    ahead = bisect_left(moments, at_ms + BURST_MS) - place
    recent = ahead + _between(minutes, at_ms - BURST_MS, at_ms)
    neighbours = [one for one in known if _adjoins(one, episode, quiet_ms)]
    if not _is_dense(minutes):
        if recent < BURST_ERRORS or at_ms < episode.last_ms:
            return None
        since_ms = at_ms - BURST_MS - episode.first_ms
        before = sum(minutes.values()) - (recent - ahead)
        usual = before * BURST_MS / max(since_ms, BURST_MS)
        is_left_over = any(_is_dense(_minutes(one)) for one in neighbours)
        is_ambient = since_ms >= 2 * quiet_ms and before >= AMBIENT_ERRORS
        burst = recent >= BURST_FACTOR * usual and (is_ambient or is_left_over)
        return Beginning(None) if burst else None
    if recent >= BURST_ERRORS or _between(minutes, at_ms - quiet_ms, at_ms) > CALM_ERRORS:
        return None
    sparse = [one for one in neighbours if not _is_dense(_minutes(one))]
    if not sparse or at_ms < episode.last_ms:
        return None
    return Beginning(max(sparse, key=lambda one: one.last_ms))


def room_of_burst(episode: Episode, moments: Sequence[int], place: int) -> int:
    """How many errors may be kept because a burst is under way within an episode; 0 without one.

    So what is shown of a fault that gets worse is not what there was before.

    Args:
        episode: whose error it is; its tallies are loaded.
        moments: event times of the errors of the batch, ascending, in ms.
        place: the error's place among them.
    """
    at_ms = moments[place]
    left = EVIDENCE_MAX - len(episode.evidence)
    if left <= 0 or at_ms - BURST_MS <= episode.first_ms:
        return 0
    minutes = _minutes(episode)
    ahead = bisect_left(moments, at_ms + BURST_MS) - place
    recent = ahead + _between(minutes, at_ms - BURST_MS, at_ms)
    before = sum(minutes.values()) - (recent - ahead)
    since_ms = max(episode.first_ms, min(minutes, default=0) * MINUTE_MS)
    usual = before * BURST_MS / max(at_ms - BURST_MS - since_ms, BURST_MS)
    if recent < max(BURST_ERRORS, BURST_FACTOR * usual):
        return 0
    kept = sum(moment_ms >= at_ms - BURST_MS for moment_ms in episode.evidence.values())
    return max(0, min(left, EVIDENCE_LIMIT - kept))


def _adjoins(one: Episode, later: Episode, quiet_ms: int) -> bool:
    return one is not later and 0 <= later.first_ms - one.last_ms <= quiet_ms


def _minutes(episode: Episode) -> Counter[int]:
    total: Counter[int] = Counter()
    for tally in episode.tallies.values():
        total.update(tally.minutes)
        total.update(tally.overflow_minutes)
    return total


def _between(minutes: Counter[int], start_ms: int, end_ms: int) -> int:
    """Errors in the minutes from that of `start_ms` on; none came after `end_ms` yet."""
    return sum(n for minute, n in minutes.items() if start_ms <= minute * MINUTE_MS <= end_ms)


def _is_dense(minutes: Counter[int]) -> bool:
    return any(
        sum(minutes.get(minute + more, 0) for more in range(_BURST_MINUTES)) >= BURST_ERRORS
        for minute in minutes
    )
