"""Counts an episode's errors from one Kafka partition, each error once. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from log_analyzer.episodes.consumed_error import ConsumedError

# An episode remembers so many log ids for each partition of the topic. Up to here a file that
# is sent again counts nothing again; beyond, only redelivered offsets are known as such.
REMEMBERED_LOG_IDS: Final = 50_000
# The latest minutes that have errors: four hours of a picture.
MINUTES_KEPT: Final = 240
MINUTE_MS: Final = 60_000


@dataclass(slots=True)
class Tally:
    """The errors of an episode from one Kafka partition. Times in ms since the epoch.

    `overflow` counts beyond `REMEMBERED_LOG_IDS`. `high_offset` is the last offset of earlier
    batches, `batch_offset` that of the batch under way: it comes in event time, not by offset.
    Only a tally whose log ids are `loaded` may count or be written: it is the owner's.
    `last_fatal_ms` is None without any FATAL error, or where a row of before says only `fatal`.
    `stored_count` is the number of log ids that the stored row counts. `minutes` and
    `overflow_minutes` count by minute since the epoch, as `seen` and `overflow` do whole.
    `fresh` are the log ids, with their minutes, that were added since `end_batch`: an error
    beyond the limit is not among them, since read back it would count twice.
    """

    seen: set[bytes] = field(default_factory=set)
    loaded: bool = False
    stored_count: int = 0
    overflow: int = 0
    high_offset: int = -1
    batch_offset: int = -1
    first_ms: int | None = None
    last_ms: int | None = None
    last_arrival_ms: int = 0
    fatal: bool = False
    last_fatal_ms: int | None = None
    minutes: Counter[int] = field(default_factory=Counter)
    overflow_minutes: Counter[int] = field(default_factory=Counter)
    fresh: list[tuple[bytes, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Errors counted, each once."""
        return len(self.seen) + self.overflow

    def load(self, minute_of_id: dict[bytes, int]) -> None:
        """Takes the remembered log ids over as stored: they, not the row, say what was counted."""
        self.seen = set(minute_of_id)
        self.minutes = latest(Counter(minute_of_id.values()))
        self.loaded = True

    def add(self, error: ConsumedError, arrival_ms: int) -> bool:
        """Counts an error; False when it was counted before. After a batch: `end_batch`."""
        # Done for a known error too: after a crash its log id may stand without its tally.
        moment = error.moment_ms
        if self.first_ms is None or moment < self.first_ms:
            self.first_ms = moment
        if self.last_ms is None or moment > self.last_ms:
            self.last_ms = moment
        if error.event.level == "FATAL":
            self.fatal = True
            self.last_fatal_ms = max(self.last_fatal_ms or moment, moment)
        key = error.log_key
        if key in self.seen:
            return False
        if len(self.seen) < REMEMBERED_LOG_IDS:
            minute = moment // MINUTE_MS
            self.seen.add(key)
            self.minutes[minute] += 1
            self.fresh.append((key, minute))
        elif error.offset > self.high_offset:
            self.overflow += 1
            self.overflow_minutes[moment // MINUTE_MS] += 1
        else:
            return False
        self.batch_offset = max(self.batch_offset, error.offset)
        self.last_arrival_ms = max(self.last_arrival_ms, arrival_ms)
        return True

    def end_batch(self) -> list[tuple[bytes, int]]:
        """What was added so far is known from now on by its offset; returns `fresh`, once."""
        self.high_offset = max(self.high_offset, self.batch_offset)
        self.minutes = latest(self.minutes)
        self.overflow_minutes = latest(self.overflow_minutes)
        fresh, self.fresh = self.fresh, []
        return fresh


def latest(minutes: Counter[int]) -> Counter[int]:
    """The latest `MINUTES_KEPT` minutes, so that the order of arrival makes no difference."""
    if len(minutes) <= MINUTES_KEPT:
        return minutes
    return Counter({minute: minutes[minute] for minute in sorted(minutes)[-MINUTES_KEPT:]})
