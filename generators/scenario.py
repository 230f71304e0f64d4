"""Fault scenarios: the true culprit, the time of the fault, and its symptoms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from firstcause.checked_yaml import CheckedYaml, StrictModel
from firstcause.errors import FirstcauseError
from generators.log_template import LogTemplate
from generators.topology import OperationRef, Topology

# A call that its caller no longer waits for (as nginx counts it).
CALLER_GONE = 499

SCENARIOS_DIR = Path(__file__).with_name("scenarios")

Range = Annotated[tuple[float, float], pydantic.Field(description="from, to")]


class FaultMode(StrictModel):
    """One way in which a call of the culprit goes wrong.

    Without `status_code` the culprit is only slow: it waits, says `logs`, and goes on. With
    `until_caller_gives_up` it holds the call until the caller's time is over.
    """

    share: float = pydantic.Field(gt=0, le=1, description="Of the affected calls")
    wait_ms: Range = (0.0, 0.0)
    until_caller_gives_up: bool = False
    status_code: int | None = pydantic.Field(None, ge=499, le=599)
    version: str | None = pydantic.Field(None, description="Of what runs, if not the usual")
    logs: tuple[LogTemplate, ...] = ()


class FaultEvent(StrictModel):
    """What the culprit says outside of requests while the fault lasts."""

    log: LogTemplate
    logger: str
    at_share: tuple[float, ...] = pydantic.Field((), description="Moments, 0 start to 1 end")
    every_seconds: float | None = pydantic.Field(None, gt=0)
    version: str = pydantic.Field("", description="Of what runs, if not the usual")
    gauge: Range = pydantic.Field((0.0, 0.0), description="{gauge} at the start and at the end")

    @pydantic.model_validator(mode="after")
    def _has_one_clock(self) -> FaultEvent:
        if bool(self.at_share) == (self.every_seconds is not None):
            raise ValueError("an event has either at_share or every_seconds")
        return self


class Scenario(StrictModel):
    """One fault. Times are seconds; `start_seconds` counts from the start of the stream."""

    name: str
    title: str
    cause: str = pydantic.Field(description="The true cause, in words")
    culprit: str = pydantic.Field(description="The service where the fault truly is")
    culprit_logs_errors: bool
    effect: Literal["calls", "logs", "requests"] = pydantic.Field(
        "calls",
        description="calls of the culprit go wrong, its logs are lost, or requests to it are",
    )
    operations: tuple[str, ...] = pydantic.Field((), description="Of the culprit; none: all")
    start_seconds: float = pydantic.Field(ge=0)
    duration_seconds: float = pydantic.Field(gt=0)
    affected_share: Range = pydantic.Field(
        description="Of the calls, logs or requests, at the start and the end"
    )
    modes: tuple[FaultMode, ...] = ()
    events: tuple[FaultEvent, ...] = ()

    @property
    def makes_errors(self) -> bool:
        """False where nobody logs an ERROR for it: somebody is slow, silent or without traffic."""
        return self.culprit_logs_errors or any(mode.status_code is not None for mode in self.modes)

    def affected(self, topology: Topology) -> frozenset[OperationRef]:
        """The culprit's operations that the fault touches."""
        names = self.operations or tuple(topology.services[self.culprit].operations)
        return frozenset(OperationRef(self.culprit, name) for name in names)


def scenario_names(folder: Path = SCENARIOS_DIR) -> list[str]:
    """The names of the scenarios that are there, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def failing_scenario_names(folder: Path = SCENARIOS_DIR) -> list[str]:
    """The names of the scenarios that make somebody log an ERROR, sorted."""
    return [
        name
        for name in scenario_names(folder)
        if CheckedYaml(folder / f"{name}.yaml").validated(Scenario).makes_errors
    ]


def load_scenario(name: str, topology: Topology, folder: Path = SCENARIOS_DIR) -> Scenario:
    """A scenario by name, checked against the topology.

    Raises:
        FirstcauseError: there is none of that name, or it has a mistake, named by file and line.
    """
    if name not in scenario_names(folder):
        known = ", ".join(scenario_names(folder))
        raise FirstcauseError(f"There is no scenario {name}: take one of {known}.")
    source = CheckedYaml(folder / f"{name}.yaml")
    scenario = source.validated(Scenario)
    _check(source, scenario, topology)
    return scenario


def _check(source: CheckedYaml, scenario: Scenario, topology: Topology) -> None:
    if scenario.name != source.path.stem:
        raise source.mistake(("name",), f"name must be the file's: {source.path.stem}")
    if scenario.culprit not in topology.services:
        raise source.mistake(("culprit",), f"unknown service {scenario.culprit}")
    known = topology.services[scenario.culprit].operations
    for index, operation in enumerate(scenario.operations):
        if operation not in known:
            raise source.mistake(
                ("operations", index), f"{scenario.culprit} has no operation {operation}"
            )
    reached = {ref for entry in topology.entries for ref in topology.reachable(entry)}
    if not scenario.affected(topology) & reached:
        raise source.mistake(("culprit",), f"no request comes to {scenario.culprit}")
    at_start, at_end = scenario.affected_share
    if not (0 <= at_start <= 1 and 0 <= at_end <= 1):
        raise source.mistake(("affected_share",), "a share is 0 to 1")
    _check_modes(source, scenario, topology)
    _check_errors(source, scenario)


def _check_modes(source: CheckedYaml, scenario: Scenario, topology: Topology) -> None:
    if scenario.effect != "calls":
        if scenario.modes:
            raise source.mistake(("modes",), f"with effect {scenario.effect} no call goes wrong")
        if scenario.effect == "logs" and scenario.affected_share != (1.0, 1.0):
            raise source.mistake(("affected_share",), "of lost logs all are: [1.0, 1.0]")
        return
    if not math.isclose(sum(mode.share for mode in scenario.modes), 1.0):
        raise source.mistake(("modes",), "the shares of the modes must add up to 1")
    for index, mode in enumerate(scenario.modes):
        low, high = mode.wait_ms
        if not 0 <= low <= high:
            raise source.mistake(("modes", index, "wait_ms"), "wait_ms must be [low, high]")
        if not mode.until_caller_gives_up:
            continue
        if scenario.affected(topology) & set(topology.entries):
            raise source.mistake(("modes", index), "nobody calls an entry, so nobody gives up")
        if mode.status_code != CALLER_GONE:
            raise source.mistake(("modes", index), "until_caller_gives_up needs status_code 499")


def _check_errors(source: CheckedYaml, scenario: Scenario) -> None:
    logs_errors = any(log.is_error for mode in scenario.modes for log in mode.logs) or any(
        event.log.is_error for event in scenario.events
    )
    if logs_errors != scenario.culprit_logs_errors:
        word = "logs" if logs_errors else "does not log"
        raise source.mistake(("culprit_logs_errors",), f"the culprit {word} errors as written")
