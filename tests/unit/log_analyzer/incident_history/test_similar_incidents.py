"""Which earlier incidents are proposed, and how little is read for that."""

from __future__ import annotations

import dataclasses
import uuid
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from firstcause.incidents.door import OpenedIncident
from firstcause.incidents.handling import Handling
from firstcause.incidents.view import ErrorGroup, IncidentView
from log_analyzer.context.store import VERSION
from log_analyzer.incident_history import similar_incidents
from log_analyzer.incident_history.similar_incidents import COMPARED, SHOWN, SimilarIncidents
from tests.unit.api.world import an_incident

POOL, DISK = "pool <*> exhausted", "disk <*> is full"


def of(number: int, *templates: str, service: str = "payment", **changes: Any) -> IncidentView:
    view = an_incident(number, services=(service,), **changes)
    groups = tuple(
        ErrorGroup(uuid.uuid5(view.incident_id, text), service, text, 1, 0, 0) for text in templates
    )
    return dataclasses.replace(view, groups=groups)


class Tables:
    """Rows of the tables that incidents lie in; counts the incidents that are read whole."""

    def __init__(self, *views: IncidentView) -> None:
        self.views = {view.incident_id: view for view in views}
        self.groups = {one.fingerprint: one for view in views for one in view.groups}
        self.read_whole: list[uuid.UUID] = []

    def prepare(self, cql: str) -> str:
        return cql.partition("FROM ")[2].partition(" ")[0]

    def rows_of_each(self, _: object, table: str, keys: list[tuple[uuid.UUID]]) -> list[list[Any]]:
        return [list(getattr(self, table)(key)) for (key,) in keys]

    def incidents(self, key: uuid.UUID) -> Any:
        first = self.views[key].groups[0]
        yield SimpleNamespace(
            incident_id=key,
            service_name=first.service_name,
            template=first.template,
            merged_into=self.views[key].merged_into,
        )

    def incident_episodes(self, key: uuid.UUID) -> Any:
        return (SimpleNamespace(episode_id=one.fingerprint) for one in self.views[key].groups)

    def episodes(self, key: uuid.UUID) -> Any:
        yield self.groups[key]

    def episode_evidence(self, key: uuid.UUID) -> Any:
        own = "PAY-1" if self.groups[key].template == POOL else None
        yield from (SimpleNamespace(error_code=code) for code in (own, None))

    def incident_contexts(self, _: uuid.UUID) -> Any:
        body = orjson.dumps({"gathered_ms": 1, "ranking": {"culprit": None, "path": ["a", "b"]}})
        yield SimpleNamespace(version=VERSION, body=body.decode())

    def opened(self, start_ms: int, until_ms: int) -> list[OpenedIncident]:
        found = [OpenedIncident(one.incident_id, one.first_ms) for one in self.views.values()]
        return sorted(
            (one for one in found if start_ms <= one.opened_ms <= until_ms),
            key=lambda one: -one.opened_ms,
        )

    def read(self, key: uuid.UUID) -> IncidentView:
        self.read_whole.append(key)
        return self.views[key]


@pytest.fixture
def lookup(monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(tables: Tables) -> SimilarIncidents:
        monkeypatch.setattr(similar_incidents, "rows_of_each", tables.rows_of_each)
        monkeypatch.setattr("log_analyzer.context.store.rows_of_each", tables.rows_of_each)
        return SimilarIncidents(tables, tables.opened, tables.read)

    return made


def test_the_most_similar_come_first_and_only_these_are_read_whole(lookup: Any) -> None:
    same = [of(number, POOL) for number in range(1, 4)]
    half = of(4, POOL, DISK)
    other = [of(number, DISK, f"other {number}") for number in range(5, 9)]
    view = of(100, POOL)
    tables = Tables(*same, half, *other, view)
    found = lookup(tables).of(view)
    assert [one.incident.incident_id.int for one in found] == [3, 2, 1, 4]
    assert [one.similarity for one in found[:3]] == [1.0] * 3
    assert found[0].shared == (
        f"same errors: payment: {POOL}", "same codes: PAY-1", "same services: payment"
    )  # fmt: skip
    assert {one.int for one in tables.read_whole} == {1, 2, 3, 4}


def test_of_many_the_shown_ones_alone_are_read_whole(lookup: Any) -> None:
    view = of(500, POOL)
    tables = Tables(*(of(number, POOL) for number in range(1, 40)), view)
    found = lookup(tables).of(view)
    assert len(found) == len(tables.read_whole) == SHOWN < COMPARED
    # The newest of those that are as similar.
    assert [one.incident.incident_id.int for one in found] == [39, 38, 37, 36, 35]


def test_what_people_called_wrong_and_what_was_merged_are_not_proposed(lookup: Any) -> None:
    wrong = of(1, POOL, handling=Handling(feedback="wrong", feedback_source="deterministic"))
    merged = of(2, POOL, merged_into=uuid.UUID(int=9))
    right = of(3, POOL, handling=Handling(feedback="right", feedback_source="deterministic"))
    view = of(100, POOL)
    [found] = lookup(Tables(wrong, merged, right, view)).of(view)
    assert (found.incident.incident_id.int, found.is_confirmed) == (3, True)
