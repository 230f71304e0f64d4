"""What the DAG `search_rebuild` takes from its form, and what it does with the index."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from dags.tasks.search_rebuild import rebuild_index
from dags.tasks.time_span import time_span
from firstcause import settings
from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from firstcause.storage import cassandra, log_history
from search.embedded.engine import EmbeddedEngine
from search.embedded.writer import HourWriters
from search.query.parser import parse
from tests.unit.api.world import NOW, LogsInMemory, a_row

DAY_MS = 86_400_000


def form(**given: str) -> dict[str, str | None]:
    return {"from": None, "to": None, **given}


def test_times_are_those_of_the_form() -> None:
    asked = form(**{"from": "1970-01-01T00:00:00Z", "to": "1970-01-02T02:00:00+02:00"})
    assert time_span(asked, timedelta(days=7)) == (0, DAY_MS)
    assert time_span(form(to="1970-01-09T00:00:00Z"), timedelta(days=7)) == (DAY_MS, 8 * DAY_MS)
    # Without a time zone it is of UTC.
    assert time_span(form(to="1970-01-09T00:00:00"), timedelta(days=7)) == (DAY_MS, 8 * DAY_MS)
    start_ms, end_ms = time_span(form(), timedelta(hours=12))
    assert end_ms - start_ms == DAY_MS // 2
    with pytest.raises(AirflowFailException, match="before to"):
        time_span(
            form(**{"from": "1970-01-02T00:00:00Z", "to": "1970-01-02T00:00:00Z"}),
            timedelta(days=7),
        )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose Cassandra has five logs, a minute apart."""
    rows = [a_row(number, seconds=60 * number) for number in range(5)]

    @contextmanager
    def session(_: Settings) -> Iterator[None]:
        yield

    monkeypatch.setattr(settings, "load_settings", lambda: Settings(firstcause_home=tmp_path))
    monkeypatch.setattr(cassandra, "session", session)
    monkeypatch.setattr(log_history, "LogHistory", lambda _: LogsInMemory(rows))
    return tmp_path


def times(start: datetime, minutes: int) -> dict[str, str | None]:
    end = start + timedelta(minutes=minutes)
    return form(**{"from": start.isoformat(), "to": end.isoformat()})


def test_the_logs_of_the_time_are_found_again(home: Path) -> None:
    for _ in range(2):
        told = rebuild_index(times(NOW + timedelta(minutes=1), 3))
        assert told["logs"] == 3
    found = EmbeddedEngine(home / "search").search(parse("line"), 0, 2**41, 10).keys
    assert [uuid.UUID(key.log_id).int for key in found] == [3, 2, 1]


def test_an_index_that_is_written_is_left_alone(home: Path) -> None:
    indexer = HourWriters(home / "search")
    with pytest.raises(FirstcauseError, match="Another process writes the search index"):
        rebuild_index(times(NOW, 5))
    indexer.close()
    assert rebuild_index(times(NOW, 5))["logs"] == 5
