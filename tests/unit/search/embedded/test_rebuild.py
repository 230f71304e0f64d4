"""An index that is made again from stored rows answers as the one that was lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from firstcause.events.log_event import LogEvent
from firstcause.storage.log_history import MANY_DAYS, LogQuery, LogRow
from firstcause.storage.stored_time import datetime_from_ms
from search.embedded.engine import EmbeddedEngine
from search.embedded.rebuild import event_of, rebuild
from search.embedded.writer import HourWriters
from search.query.parser import parse
from search.query.tree import Everything
from tests.unit.search.behaviour import FOUND, LOGS, at

ALL_TIME = (-(10**15), 10**15)
START, END = datetime(1990, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


class Stored:
    """`LogHistory` over log events; counts the questions of a minute's logs."""

    def __init__(self, events: tuple[LogEvent, ...]) -> None:
        self.rows = [row_of(event) for event in events]
        self.questions = 0

    def services(self) -> dict[str, datetime]:
        return {row["service_name"]: row["timestamp"] for row in self.rows}

    def stored_days(self, start: datetime, end: datetime) -> dict[str, list[date]] | None:
        if end - start <= MANY_DAYS:
            return None
        days = {service: set() for service in self.services()}
        for row in self.rows:
            days[row["service_name"]].add(row["timestamp"].date())
        return {service: sorted(some, reverse=True) for service, some in days.items()}

    def of_service(self, query: LogQuery, days: dict[str, tuple[date]]) -> Iterator[LogRow]:
        self.questions += 1
        return (
            row
            for row in self.rows
            if row["service_name"] == query.service_name
            and query.start <= row["timestamp"] <= query.end
            and row["timestamp"].date() in days[query.service_name]
        )


def row_of(event: LogEvent) -> LogRow:
    fields = {name: value for name, value in asdict(event).items() if value not in (None, {})}
    at_ms = fields.pop("timestamp_ms")
    fields |= {"log_id": UUID(event.log_id), "timestamp": datetime_from_ms(at_ms)}
    return {name: fields[name] for name in fields if not name.startswith("_")}


def keys(engine: EmbeddedEngine, text: str) -> list[object]:
    return list(engine.search(parse(text), *ALL_TIME, 100).keys)


def test_a_row_is_the_event_that_was_stored() -> None:
    assert [event_of(row) for row in Stored(LOGS).rows] == list(LOGS)


@pytest.mark.parametrize("times", [1, 2])
def test_it_gives_the_same_answers_however_often_it_is_made(tmp_path: Path, times: int) -> None:
    lost, made = tmp_path / "lost", tmp_path / "made"
    writers = HourWriters(lost)
    writers.put(LOGS)
    writers.close()
    again, stored = HourWriters(made), Stored(LOGS)
    for _ in range(times):
        assert rebuild(stored, again, START, END) == len(LOGS)
    # Of forty years only the days that hold logs are asked for.
    assert stored.questions <= times * len(LOGS) * 24 * len(stored.services())
    again.close()
    before, after = EmbeddedEngine(lost), EmbeddedEngine(made)
    for text, _ in FOUND:
        assert keys(after, text) == keys(before, text), text
    hour = 3_600_000
    times_ms = at("2026-11-30T00:00"), at("2026-12-01T00:00")
    assert after.histogram(Everything(), *times_ms, hour) == before.histogram(
        Everything(), *times_ms, hour
    )


def test_a_part_of_the_time_is_made_to_the_millisecond(tmp_path: Path) -> None:
    start, end = at("2026-11-30T06:59:59.999"), at("2026-11-30T07:00:00")
    wanted = [event.log_id for event in LOGS if start <= event.timestamp_ms <= end]
    assert 0 < len(wanted) < len(LOGS)
    writers = HourWriters(tmp_path)
    told: list[tuple[datetime, int]] = []
    made = rebuild(
        Stored(LOGS),
        writers,
        datetime_from_ms(start),
        datetime_from_ms(end),
        lambda *one: told.append(one),
    )
    writers.close()
    found = EmbeddedEngine(tmp_path).search(Everything(), *ALL_TIME, 100).keys
    assert made == len(wanted)
    assert sorted(key.log_id for key in found) == sorted(wanted)
    hours = [hour for hour, _ in told]
    assert hours == [datetime(2026, 11, 30, 7, tzinfo=UTC) - timedelta(hours=n) for n in (0, 1)]
    assert told[-1][1] == made
