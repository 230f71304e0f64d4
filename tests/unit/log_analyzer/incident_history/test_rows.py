"""When the last FATAL error of an episode was, by what is stored of it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.episodes.tally import Tally
from log_analyzer.incident_history.rows import EpisodeRows

START_MS, MINUTE_MS = 1_700_000_000_000, 60_000


def at(minute: float) -> datetime:
    return datetime.fromtimestamp((START_MS + minute * MINUTE_MS) / 1_000, UTC)


def an_episode(*levels: str, kept: int = 40, knows_time: bool = True) -> EpisodeRows:
    """An error a minute; the first are kept as evidence."""
    tally = Tally(loaded=True)
    for minute, level in enumerate(levels):
        event = LogEvent(
            str(UUID(int=minute + 1)), START_MS + minute * MINUTE_MS, "shop", level, "x"
        )
        tally.add(ConsumedError(event, 0, minute, "x", UUID(int=1)), START_MS)
    told = tally.last_fatal_ms if knows_time else None
    row = SimpleNamespace(
        remembered=len(tally.seen),
        overflow=0,
        fatal=tally.fatal,
        last_fatal=None if told is None else datetime.fromtimestamp(told / 1_000, UTC),
        first_seen=at(0),
        last_seen=at(len(levels) - 1),
        last_arrival=at(len(levels) - 1),
    )
    evidence = [SimpleNamespace(timestamp=at(n), level=one) for n, one in enumerate(levels[:kept])]
    return EpisodeRows(SimpleNamespace(opened_at=at(0)), [row], evidence)


@pytest.mark.parametrize("fatal_minute", [0, 20, 50])
def test_the_last_fatal_error_is_known_also_where_it_is_not_kept_as_evidence(fatal_minute) -> None:
    levels = ["ERROR"] * 120
    levels[fatal_minute] = "FATAL"
    found = an_episode(*levels).last_fatal_ms
    assert found == START_MS + fatal_minute * MINUTE_MS


def test_the_later_of_two_counts_in_whatever_order_they_come() -> None:
    assert an_episode("FATAL", "ERROR", "FATAL", "ERROR").last_fatal_ms == START_MS + 2 * MINUTE_MS
    tally = Tally(loaded=True)
    for minute in (5, 2):
        event = LogEvent(str(UUID(int=minute)), START_MS + minute * MINUTE_MS, "shop", "FATAL", "x")
        tally.add(ConsumedError(event, 0, minute, "x", UUID(int=1)), START_MS)
    assert tally.last_fatal_ms == START_MS + 5 * MINUTE_MS


def test_without_any_there_is_none_and_rows_of_before_go_by_what_is_kept() -> None:
    assert an_episode("ERROR", "ERROR").last_fatal_ms is None
    before = an_episode("FATAL", "ERROR", "ERROR", knows_time=False)
    assert before.last_fatal_ms == START_MS
    # The fatal one may be any that is not kept.
    trimmed = an_episode("FATAL", "ERROR", "ERROR", kept=2, knows_time=False)
    assert trimmed.last_fatal_ms == START_MS + 2 * MINUTE_MS
