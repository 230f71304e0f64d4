"""Finds the onset: the start of the present fault of an incident. Pure.

An incident may outlast its first fault: its errors return after a pause, or a constant background
of errors becomes a flood. The time around the latest such onset is compared with normal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from firstcause.incidents.view import IncidentView, NormalRanking
from log_analyzer.episodes.tally import MINUTE_MS, MINUTES_KEPT
from log_analyzer.suspects.window import AFTER_MS, BEFORE_MS

# After so long without an error, the next one may have another cause.
PAUSE_MS: Final = 900_000
# So many errors in the time that is looked at after an onset, and ten times as many as before.
BURST_ERRORS: Final = 10
BURST_FACTOR: Final = 10
# Onsets nearer than that are one: a late error may move it a little.
SAME_ONSET_MS: Final = 60_000


def onset_ms(view: IncidentView) -> int:
    """The start of the incident's present fault (event time, ms): after a pause, or as a burst.

    Of a new beginning it is the first error that the incident keeps as evidence, else the minute.
    """
    counts: Counter[int] = Counter()
    for one in view.error_minutes:
        counts[one.minute_ms] += one.errors
    began_ms = _after_pause(view, counts)
    minute_ms = _latest_burst(counts, began_ms)
    if minute_ms == view.first_ms:
        return minute_ms
    own = [
        one.timestamp_ms
        for one in view.evidence
        if minute_ms <= one.timestamp_ms < minute_ms + MINUTE_MS
    ]
    return min(own, default=minute_ms)


def ranked_onset_ms(ranking: NormalRanking) -> int:
    """The onset that a ranking is based on."""
    if ranking.onset_ms is not None:
        return ranking.onset_ms
    return ranking.start_ms + BEFORE_MS


def is_same_onset(one_ms: int, other_ms: int) -> bool:
    """True if both times are the same onset."""
    return abs(one_ms - other_ms) <= SAME_ONSET_MS


def _after_pause(view: IncidentView, counts: Mapping[int, int]) -> int:
    began_ms = view.last_ms - view.last_ms % MINUTE_MS
    for minute_ms in sorted(counts, reverse=True):
        if began_ms - minute_ms > PAUSE_MS:
            return began_ms
        began_ms = min(began_ms, minute_ms)
    return _remembered(view) if len(counts) >= MINUTES_KEPT else view.first_ms


def _remembered(view: IncidentView) -> int:
    """What was the onset when the incident was compared: no older minutes are kept."""
    ranking = view.context.ranking if view.context else None
    return max(view.first_ms, ranked_onset_ms(ranking)) if ranking else view.first_ms


def _latest_burst(counts: Mapping[int, int], began_ms: int) -> int:
    """The last minute since which there are far more errors than since the beginning before."""
    before = 0
    since_ms = began_ms
    if len(counts) >= MINUTES_KEPT:
        # Of older minutes nothing is known.
        since_ms = max(began_ms, min(counts))
    for minute_ms in sorted(counts):
        if minute_ms - since_ms >= AFTER_MS:
            soon = range(minute_ms, minute_ms + AFTER_MS, MINUTE_MS)
            now = sum(counts.get(one, 0) for one in soon)
            usual = before / (minute_ms - since_ms) * AFTER_MS
            if now >= max(BURST_ERRORS, BURST_FACTOR * usual):
                began_ms, since_ms, before = minute_ms, minute_ms, 0
        if minute_ms + MINUTE_MS > since_ms:
            before += counts[minute_ms]
    return began_ms
