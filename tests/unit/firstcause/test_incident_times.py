"""Incidents are read side by side: the rounds of reads do not grow with their number."""

from __future__ import annotations

from collections import Counter, namedtuple
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from firstcause.normal import incident_times
from firstcause.storage.stored_time import ms_from_datetime

BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
NAMES = UUID(int=1)


def one(**fields: Any) -> Any:
    return namedtuple("Row", fields)(**fields)


class Tables:
    """Stands in for Cassandra: an episode an incident, each with an error at its beginning."""

    def __init__(self, count: int) -> None:
        self.rounds: Counter[str] = Counter()
        self.incidents = [uuid5(NAMES, f"incident {number}") for number in range(count)]

    def prepare_all(self, _session: object, statements: dict[str, str]) -> dict[str, str]:
        return {name: name for name in statements}

    def rows_of_each(self, _session: object, name: str, keys: Sequence[tuple]) -> list[list[Any]]:
        self.rounds[name] += 1
        return [self.rows(name, *key) for key in keys]

    def execute(self, name: str, values: tuple) -> list[Any]:
        self.rounds[name] += 1
        return self.rows(name, *values)

    def rows(self, name: str, *key: Any) -> list[Any]:  # noqa: PLR0911
        match name:
            case "days":
                return [one(day=BEGAN.date())]
            case "of_day":
                return [one(incident_id=incident) for incident in self.incidents]
            case "incident":
                return [one(opened_at=BEGAN, status="resolved", merged_into=None)]
            case "episodes":
                return [one(episode_id=uuid5(NAMES, f"episode of {key[0]}"))]
            case "episode":
                return [one(fingerprint=uuid5(NAMES, f"group of {key[0]}"), service_name="auth")]
            case "tallies":
                last = BEGAN + timedelta(minutes=1)
                seen = {"first_seen": BEGAN, "last_seen": last, "fatal": False}
                return [one(**seen, minutes={}, overflow_minutes={})]
        return []


@pytest.mark.parametrize("count", [1, 300])
def test_the_rounds_of_reads_are_the_same_for_one_incident_and_for_many(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Tables(count)
    monkeypatch.setattr(incident_times, "prepare_all", tables.prepare_all)
    monkeypatch.setattr(incident_times, "rows_of_each", tables.rows_of_each)
    at_ms = ms_from_datetime(BEGAN)
    found = incident_times.incidents_between(tables, at_ms, at_ms + 3_600_000)  # type: ignore[arg-type]
    assert {what.what for what in found} == {f"incident {one}" for one in tables.incidents}
    assert sum(tables.rounds.values()) <= 8
