"""What a call that came to nothing costs an incident, without Cassandra."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from log_analyzer.model import budget
from log_analyzer.model.budget import Calls, ModelBudget

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INCIDENT = UUID(int=1)


class Usage:
    """The table of calls, as far as it is asked for an incident's."""

    def __init__(self) -> None:
        self.rows: list[SimpleNamespace] = []

    def add(self, outcome: str, minutes_ago: int, purpose: str = "analysis") -> None:
        # The driver gives times without a zone.
        at = (NOW - timedelta(minutes=minutes_ago)).replace(tzinfo=None)
        self.rows.append(SimpleNamespace(outcome=outcome, purpose=purpose, called_at=at))

    def execute(self, *_: object) -> list[SimpleNamespace]:
        return self.rows


@pytest.fixture
def usage() -> Usage:
    return Usage()


@pytest.fixture
def calls(usage, monkeypatch):
    monkeypatch.setattr(budget, "prepare_all", lambda _, cql: dict.fromkeys(cql))
    found = ModelBudget(usage, tokens_per_hour=1, tokens_per_day=1, clock=lambda: NOW)
    return lambda: found.calls_of(INCIDENT)


def test_time_outs_use_up_an_incidents_calls_for_an_hour_only(usage, calls) -> None:
    for minutes in (5, 30, 61, 600):
        usage.add("timeout", minutes)
        usage.add("asked", minutes)
    assert calls() == Calls(answered=0, came_to_nothing=4)


def test_answers_count_for_good_and_tries_of_people_never(usage, calls) -> None:
    usage.add("answered", 900)
    usage.add("invalid", 900)
    usage.add("unavailable", 1)
    usage.add("over_budget", 1)
    usage.add("answered", 1, purpose="try")
    assert calls() == Calls(answered=2, came_to_nothing=0)
