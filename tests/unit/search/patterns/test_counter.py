"""Counts of patterns: the same after any restart, at any offset, read again in any pieces."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from log_templates.miner import TemplateMiner
from search.patterns import counter as counting
from search.patterns.counter import BLOCK_OFFSETS, CountKey, PatternCounter, block_start
from tests.unit.search.behaviour import LOGS


# As a store of upserts: the last write of a row stays.
class Rows(dict[CountKey, int]):
    pass


def event(offset: int) -> LogEvent:
    log = LOGS[offset % len(LOGS)]
    return replace(log, timestamp_ms=1_000_000 * (offset % 7), service_name=f"s{offset % 2}")


def read(miner: TemplateMiner, rows: Rows, start: int, end: int, piece: int, *, dies: bool) -> None:
    """One life of a reader, from a block's start on; dead before its last piece is committed."""
    counter = PatternCounter(miner)
    for first in range(block_start(start), end, piece):
        last = min(end, first + piece)
        for offset in range(first, last):
            counter.add(event(offset), 0, offset)
        rows.update(counter.changed().counts)
        if dies and last == end:
            return
        counter.written({0: last})


@given(st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(1, 25), st.integers(1, 12))
def test_kills_at_any_offset_leave_the_counts_of_one_reading(
    lives: list[int], piece: int, block: int
) -> None:
    before = counting.BLOCK_OFFSETS
    counting.BLOCK_OFFSETS = block  # type: ignore[misc]
    try:
        # Ids of templates are equal in all lives, as those of the shared miner are.
        miner, rows, once = TemplateMiner(), Rows(), Rows()
        reached, total = 0, max(lives)
        for end in [*sorted(lives), total]:
            dies = end != total
            read(miner, rows, max(0, reached - piece), end, piece, dies=dies)
            reached = end
        read(miner, once, 0, total, 1, dies=False)
    finally:
        counting.BLOCK_OFFSETS = before  # type: ignore[misc]
    assert rows == once
    assert sum(once.values()) == total


def test_an_offset_that_comes_again_counts_once() -> None:
    counter = PatternCounter(TemplateMiner())
    for offset in (0, 1, 1, 0, 2):
        counter.add(LOGS[0], 3, offset)
    changes = counter.changed()
    assert sum(changes.counts.values()) == 3
    (seen,) = changes.seen.values()
    assert seen.text == "Connection pool exhausted after <*>"
    assert seen.first_ms == seen.last_ms == LOGS[0].timestamp_ms


def test_what_another_reads_is_forgotten_and_counted_anew() -> None:
    counter = PatternCounter(TemplateMiner())
    counter.add(LOGS[0], 0, 10)
    counter.add(LOGS[0], 1, 10)
    counter.forget([0])
    assert Counter(key.partition for key in counter.changed().counts) == {1: 1}
    counter.add(LOGS[0], 0, 10)
    assert sum(counter.changed().counts.values()) == 2


def test_finished_blocks_take_no_memory() -> None:
    counter = PatternCounter(TemplateMiner())
    counter.add(LOGS[0], 0, 0)
    counter.written({0: BLOCK_OFFSETS})
    counter.add(LOGS[0], 0, BLOCK_OFFSETS)
    assert {key.block for key in counter.changed().counts} == {1}
    assert len(counter._blocks) == 1
