"""What a micro-batch adds to a running sum, and which minutes the backfill may make anew."""

from __future__ import annotations

from uuid import UUID

from alerting.cells.cell import Measures
from alerting.windows import MINUTE_MS
from spark.windows.backfill import MINUTES_AT_ONCE, SILENT_MS, parts_of, settled
from spark.windows.batch import HEALED, RESTART, with_part
from spark.windows.store import Cell

LIFE, EARLIER_LIFE = UUID(int=1), UUID(int=2)
PART = Measures(2, {"INFO": 2}, {}, 0, None, None, 0, {})
KNOWN = Measures(3, {"INFO": 3}, {}, 0, None, None, 0, {})


def test_a_batch_is_added_once_however_often_it_is_run() -> None:
    cell, reason = with_part(None, PART, LIFE, 4)
    assert (cell, reason) == (Cell(PART, LIFE, 4), None)
    again, reason = with_part(cell, PART, LIFE, 4)
    assert (again is cell, reason) == (True, None)
    more, reason = with_part(cell, PART, LIFE, 5)
    assert (more.measures.events, more.batch_id, reason) == (4, 5, None)


def test_a_new_checkpoint_starts_a_minute_anew_and_has_it_healed() -> None:
    cell, reason = with_part(Cell(KNOWN, EARLIER_LIFE, 70), PART, LIFE, 0)
    assert (cell, reason) == (Cell(PART, LIFE, 0), RESTART)


def test_what_comes_after_the_backfill_is_healed_again() -> None:
    for life in (None, LIFE):
        batch = None if life is None else 3
        cell, reason = with_part(Cell(KNOWN, life, batch, is_healed=True), PART, LIFE, 4)
        assert (cell.measures.events, cell.is_healed, reason) == (5, True, HEALED)


def test_minutes_that_the_stream_still_adds_to_are_left_to_it() -> None:
    minutes = [0, MINUTE_MS, 2 * MINUTE_MS]
    now_ms = 10 * MINUTE_MS
    watermark = 2 * MINUTE_MS
    assert settled(minutes, (watermark, now_ms), now_ms) == {0, MINUTE_MS}
    assert settled(minutes, (watermark, now_ms - SILENT_MS - 1), now_ms) == set(minutes)
    assert settled(minutes, None, now_ms) == set(minutes)


def test_a_long_time_is_read_in_parts() -> None:
    minutes = [at * MINUTE_MS for at in (0, 1, MINUTES_AT_ONCE - 1, MINUTES_AT_ONCE, 500)]
    parts = list(parts_of(minutes))
    assert [len(part) for part in parts] == [3, 1, 1]
    assert [at_ms for part in parts for at_ms in part] == minutes
    assert list(parts_of([])) == []
