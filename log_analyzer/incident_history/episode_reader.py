"""Reads the episodes of an incident, and caches the finished ones for a time.

Every method blocks and raises what its queries raise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from log_analyzer.incident_history.rows import EpisodeRows

# So many episodes are read anew at each look: the newest, and as many older ones whose turn it is.
READ_ALWAYS: Final = 40
# An episode is over when nothing arrived for so long; a late error shows after `KEPT_SECONDS`.
OVER_MS: Final = 3_600_000
KEPT_SECONDS: Final = 600.0
KEPT_EPISODES: Final = 20_000
# Of an older episode a line is enough: a view shares its evidence among all of them.
EVIDENCE_KEPT: Final = 1

RowsOfAll = Callable[[str, Sequence[UUID]], list[list[Any]]]


@dataclass(frozen=True, slots=True)
class _Kept:
    rows: EpisodeRows
    until: float


class EpisodeReader:
    """Episodes by their ids; those that are over are kept for a time. Safe to share among threads.

    Args:
        rows_of_all: the rows of a named query for each of some episodes.
        monotonic: seconds of a clock that never goes back.
        clock_ms: the wall clock.
    """

    def __init__(
        self,
        rows_of_all: RowsOfAll,
        monotonic: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._rows_of_all = rows_of_all
        self._monotonic = monotonic
        self._clock_ms = clock_ms
        self._kept: dict[UUID, _Kept] = {}

    def read(self, keys: Sequence[UUID]) -> list[EpisodeRows]:
        """The episodes that have a row, in the order of their ids as given.

        The first look at an incident of many episodes reads all of them.
        """
        if len(keys) <= READ_ALWAYS:
            return self._read(keys)
        kept = {key: self._kept[key] for key in keys if key in self._kept}
        now = self._monotonic()
        stale = [key for key, one in kept.items() if one.until <= now][:READ_ALWAYS]
        fresh = [key for key in keys if key not in kept] + stale
        read = {one.row.episode_id: one for one in self._read(fresh)}
        found = [read.get(key) or (kept[key].rows if key in kept else None) for key in keys]
        episodes = [one for one in found if one is not None]
        self._keep(episodes, read.keys(), now)
        return episodes

    def _read(self, keys: Sequence[UUID]) -> list[EpisodeRows]:
        stored = zip(
            self._rows_of_all("episode", keys),
            self._rows_of_all("tallies", keys),
            self._rows_of_all("evidence", keys),
            strict=True,
        )
        return [EpisodeRows(rows[0], tallies, found) for rows, tallies, found in stored if rows]

    def _keep(self, episodes: Sequence[EpisodeRows], read: Any, now: float) -> None:
        over_ms = self._clock_ms() - OVER_MS
        older = sorted(episodes, key=lambda one: one.last_ms)[:-READ_ALWAYS]
        if len(self._kept) > KEPT_EPISODES:
            self._kept = {}
        for one in older:
            if one.row.episode_id in read and one.last_arrival_ms <= over_ms:
                trimmed = replace(one, evidence=one.evidence[:EVIDENCE_KEPT])
                self._kept[one.row.episode_id] = _Kept(trimmed, now + KEPT_SECONDS)
