"""The embedded engine by its door: what it finds, page by page, while logs are written."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent
from search.embedded.engine import EmbeddedEngine
from search.embedded.hours import HOUR_MS, HourFolders
from search.embedded.writer import HourWriters
from search.engine import MAX_LIMIT, CursorError, IndexAwayError, LogKey
from search.query.parser import parse
from search.query.tree import Everything, Keyword, Node
from tests.unit.search.behaviour import FOUND, LOGS, at, log_id

ALL_TIME = (-(10**15), 10**15)
NUMBERS = {event.log_id: number for number, event in enumerate(LOGS, 1)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    root = tmp_path_factory.mktemp("search")
    writers = HourWriters(root)
    writers.put(LOGS)
    yield EmbeddedEngine(root)
    writers.close()


def pages(engine: EmbeddedEngine, query: Node, size: int) -> Iterator[LogKey]:
    cursor = None
    for _ in range(10_000):
        page = engine.search(query, *ALL_TIME, size, cursor)
        assert len(page.keys) == size or page.next_cursor is None
        yield from page.keys
        cursor = page.next_cursor
        if cursor is None:
            return
    raise AssertionError("pages without end")


def count(engine: EmbeddedEngine, query: Node, start_ms: int, end_ms: int) -> int:
    return len(engine.search(query, start_ms, end_ms, MAX_LIMIT).keys)


@pytest.mark.parametrize(("text", "numbers"), FOUND)
def test_a_query_finds_the_right_logs(
    engine: EmbeddedEngine, text: str, numbers: tuple[int, ...]
) -> None:
    query = parse(text)
    keys = engine.search(query, *ALL_TIME, 100).keys
    assert sorted(NUMBERS[key.log_id] for key in keys) == sorted(numbers)
    times = [key.timestamp_ms for key in keys]
    assert times == [LOGS[number - 1].timestamp_ms for number in numbers]
    assert {key.service_name for key in keys} == {LOGS[n - 1].service_name for n in numbers}
    assert list(pages(engine, query, 1)) == list(keys)


def test_a_time_bounds_a_query(engine: EmbeddedEngine) -> None:
    start, end = at("2026-11-30T07:00"), at("2026-11-30T07:00:00.001")
    assert count(engine, Everything(), start, end) == 2
    assert count(engine, Everything(), start, end + 1) == 3
    assert engine.search(Everything(), end, end, 10).keys == ()


def test_a_histogram_adds_up_to_the_count(engine: EmbeddedEngine) -> None:
    start, end = at("2026-11-30T06:00"), at("2026-11-30T09:00")
    bars = engine.histogram(Everything(), start, end, 600_000)
    expected = Counter(
        event.timestamp_ms // 600_000 * 600_000
        for event in LOGS
        if start <= event.timestamp_ms < end
    )
    assert {bar.start_ms: bar.count for bar in bars} == expected
    assert [bar.start_ms for bar in bars] == sorted(expected)
    first = bars[0]
    assert first.by_level == {"ERROR": 1}
    # A bucket that lies in two hours is one bucket.
    whole = engine.histogram(Everything(), start, end, 3 * HOUR_MS)
    assert sum(bar.count for bar in whole) == count(engine, Everything(), start, end)
    with pytest.raises(ValueError, match="buckets"):
        engine.histogram(Everything(), start, end, 1)


@pytest.mark.parametrize(
    "cursor", ["", "x", "12", "1.2", f"1.{log_id(1)}\n", f"{10**20}.{log_id(1)}"]
)
def test_a_forged_cursor_is_refused(engine: EmbeddedEngine, cursor: str) -> None:
    with pytest.raises(CursorError, match="first page"):
        engine.search(Everything(), *ALL_TIME, 10, cursor)


def test_without_an_index_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(IndexAwayError, match="firstcause up"):
        count(EmbeddedEngine(tmp_path), Everything(), *ALL_TIME)


def test_what_is_put_again_is_there_once(tmp_path: Path) -> None:
    writers = HourWriters(tmp_path)
    engine = EmbeddedEngine(tmp_path)
    for _ in range(2):
        writers.put([*LOGS, *LOGS])
        assert count(engine, Everything(), *ALL_TIME) == len(LOGS)
    writers.put([replace(LOGS[0], message="said anew")])
    assert count(engine, parse("anew"), *ALL_TIME) == 1
    assert count(engine, parse('"pool exhausted" service:cart'), *ALL_TIME) == 0
    writers.close()
    again = HourWriters(tmp_path)
    again.put(LOGS)
    assert count(engine, Everything(), *ALL_TIME) == len(LOGS)
    again.close()


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    writers = HourWriters(tmp_path)
    with pytest.raises(FirstcauseError, match="stop the other"):
        HourWriters(tmp_path)
    writers.close()
    HourWriters(tmp_path).close()


def test_hours_are_removed_when_they_are_over_and_long_unwritten(tmp_path: Path) -> None:
    writers = HourWriters(tmp_path)
    writers.put(LOGS)
    engine = EmbeddedEngine(tmp_path)
    day = 86_400.0
    now = at("2026-12-07T08:00") / 1000
    assert writers.remove_old(7 * day) == []
    # Written just now by the clock, so all hours wait for a week without writes.
    folders = HourFolders(tmp_path)
    later = max(now, max(path.stat().st_mtime for path in folders.root.iterdir()) + 8 * day)
    removed = folders.remove_old(7 * day, later)
    assert "1999-12-31T23" in removed
    assert "2026-11-30T07" in removed
    assert count(engine, parse("service:old"), *ALL_TIME) == 0
    writers.put(LOGS[:1])
    assert count(engine, Everything(), *ALL_TIME) == 1
    writers.close()


@st.composite
def _events(draw: st.DrawFn) -> list[LogEvent]:
    # Few milliseconds and few halves of ids, so that many logs share both.
    halves = st.integers(0, 3)
    numbers = draw(st.lists(st.tuples(st.integers(0, 5), halves, halves), min_size=1, max_size=40))
    chosen = {(number, high, low) for number, high, low in numbers}
    return [
        LogEvent(
            _id(number, high, low),
            (number - 3) * HOUR_MS // 2 * (number % 2) + high % 2,
            f"s{low % 2}",
            "INFO",
            "x",
        )
        for number, high, low in sorted(chosen)
    ]


def _id(number: int, high: int, low: int) -> str:
    text = f"{(number << 120) | (high << 64) | low:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


@given(
    _events(),
    _events(),
    st.integers(1, 7),
    st.sampled_from([Everything(), Keyword("service", "s0")]),
)
@settings(max_examples=12, deadline=None)
def test_any_pages_while_writing_give_each_match_once_in_order(
    first: list[LogEvent], more: list[LogEvent], size: int, query: Node
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        writers = HourWriters(root)
        writers.put(first)
        engine = EmbeddedEngine(root)
        seen: list[LogKey] = []
        for number, key in enumerate(pages(engine, query, size)):
            seen.append(key)
            if number % size == 0 and more:
                # A new log, and one that comes again.
                writers.put([more.pop(), first[number % len(first)]])
        writers.close()
    fitting = {
        (event.timestamp_ms, event.log_id)
        for event in first
        if isinstance(query, Everything) or event.service_name == "s0"
    }
    found = [(key.timestamp_ms, key.log_id) for key in seen]
    assert len(set(found)) == len(found)
    assert fitting <= set(found)
    assert all(newer[0] >= older[0] for newer, older in itertools.pairwise(found))
