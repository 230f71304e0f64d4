"""Which incident a fault drill takes for its own, and when it gives up."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from firstcause.errors import FirstcauseError
from firstcause.incidents.view import Evidence, IncidentContext, IncidentView, Suspect
from log_analyzer.commands import drill_incident
from log_analyzer.commands.drill_incident import DrillExpectation, await_finding, drill_finding

EXPECTED = DrillExpectation(
    datetime(2026, 1, 1, tzinfo=UTC), frozenset({"mine-1", "mine-2"}), "inventory"
)


def incident(log_id: str, suspects: tuple[str, ...], first_ms: int = 0) -> IncidentView:
    evidence = Evidence(log_id, first_ms, "cart", "ERROR", "m", None, None, None, None)
    fields: dict[str, Any] = dict.fromkeys(IncidentView.__dataclass_fields__)
    fields |= {"incident_id": uuid4(), "suspects": suspects, "first_ms": first_ms}
    return IncidentView(**{**fields, "evidence": (evidence,)})


def test_a_silent_culprit_that_only_the_context_knows_is_named() -> None:
    context = IncidentContext(0, (Suspect("inventory", ("It gave no answer.",)),))
    view = dataclasses.replace(incident("mine-1", ("cart",)), context=context)
    finding = drill_finding([view], EXPECTED)
    assert finding is not None
    assert finding.names_culprit


def test_an_incident_of_other_traffic_is_not_the_drills() -> None:
    assert drill_finding([incident("healthy-noise", ("inventory",))], EXPECTED) is None


def test_the_earliest_incident_that_names_the_culprit_comes_first() -> None:
    later = incident("mine-1", ("inventory",), 9)
    named = incident("mine-2", ("cart", "inventory"), 5)
    found = drill_finding([later, incident("mine-1", ("cart",), 1), named], EXPECTED)
    assert found is not None
    assert (found.incident, found.names_culprit) == (named, True)


class Reader:
    answers: list[list[IncidentView]]

    def __init__(self, _session: object) -> None: ...

    def since(self, _start: datetime) -> list[IncidentView]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def found(monkeypatch: pytest.MonkeyPatch, *answers: list[IncidentView]):
    Reader.answers = list(answers)
    monkeypatch.setattr(drill_incident, "IncidentReader", Reader)
    moments = iter(range(100))
    return await_finding(None, EXPECTED, 10, clock=lambda: next(moments), sleep=lambda _: None)


def test_it_waits_for_the_culprit_among_the_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = incident("mine-1", ("cart",)), incident("mine-1", ("inventory",))
    assert found(monkeypatch, [], [wrong], [right]).incident is right


def test_it_fails_without_an_incident_or_with_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FirstcauseError, match="No incident was opened within 10 s"):
        found(monkeypatch, [])
    with pytest.raises(FirstcauseError, match="does not suspect inventory"):
        found(monkeypatch, [incident("mine-1", ("cart",))])


def test_it_says_when_another_fault_is_in_the_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    began_ms = int(EXPECTED.started_at.timestamp() * 1000)
    with pytest.raises(FirstcauseError, match=r"began at 23:59:59 UTC, before this drill"):
        found(monkeypatch, [incident("mine-1", ("cart",), began_ms - 1)])
    with pytest.raises(FirstcauseError) as alone:
        found(monkeypatch, [incident("mine-1", ("cart",), began_ms)])
    assert "before this drill" not in str(alone.value)


def test_the_fourth_suspect_is_none_and_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    four = incident("mine-1", ("cart", "order", "web", "inventory"))
    with pytest.raises(FirstcauseError, match=r"suspects are cart, order, web\. .*learn_normal"):
        found(monkeypatch, [four])
    three = incident("mine-1", ("cart", "order", "inventory"))
    assert found(monkeypatch, [three]).names_culprit
