"""The task functions of the DAG `fault_drill`."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from firstcause.errors import FirstcauseError

if TYPE_CHECKING:
    from generators.fault_drill import FaultDrill
    from log_analyzer.commands.drill_incident import DrillExpectation

# Long enough to show healthy traffic first, short enough for a person who waits.
FAULT_START_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """What decides a drill's events; equal plans make the same events. Goes through XCom."""

    scenario: str
    rate: float
    seconds: float
    seed: int
    start: str

    def drill(self) -> FaultDrill:
        """The drill itself, made anew."""
        from generators.fault_drill import FaultDrill
        from generators.stream.event_stream import GeneratorParameters

        return FaultDrill(
            GeneratorParameters(
                rate_per_second=self.rate,
                duration_seconds=self.seconds,
                scenario=self.scenario,
                seed=self.seed,
                start=datetime.fromisoformat(self.start),
                fault_start_seconds=FAULT_START_SECONDS,
                fault_duration_seconds=self.seconds - FAULT_START_SECONDS,
            )
        )

    def expectation(self) -> DrillExpectation:
        """What the drill should lead to."""
        from log_analyzer.commands.drill_incident import DrillExpectation

        drill = self.drill()
        return DrillExpectation(
            started_at=datetime.fromisoformat(self.start),
            error_ids=_error_ids(drill),
            culprit=drill.culprit,
        )


def inject_fault(params: Any = None, task_state_store: Any = None) -> dict[str, Any]:
    """Sends the drill's traffic in real time; a retry sends the same events again."""
    from dags.tasks.producing import seed_of_run, send_live

    start = task_state_store.get("start") or datetime.now(UTC).isoformat()
    task_state_store.set("start", start)
    plan = DrillPlan(
        scenario=params["scenario"],
        rate=float(params["rate"]),
        seconds=float(params["seconds"]),
        seed=seed_of_run(params["seed"], datetime.fromisoformat(start)),
        start=start,
    )
    drill = plan.drill()
    _record(plan)
    report = send_live(drill.batches(real_time=False))
    if drill.first_error_ms is None:
        raise AirflowFailException(
            f"The scenario {plan.scenario} left no ERROR: raise the rate or the seconds."
        )
    return {"plan": asdict(plan), "sent": report.sent, "first_error_ms": drill.first_error_ms}


class DrillWatch:
    """Looks for the incident of a drill; every method blocks for a moment.

    Raises (from each):
        FirstcauseError, the driver's errors: Cassandra does not answer.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        from firstcause.settings import load_settings
        from firstcause.storage import cassandra

        self._expected = DrillPlan(**plan).expectation()
        self._session = cassandra.connect(load_settings())

    def names_culprit(self) -> bool:
        """Whether there is an incident of the drill that suspects the culprit."""
        from log_analyzer.commands.drill_incident import find_now

        finding = find_now(self._session, self._expected)
        return finding is not None and finding.names_culprit

    def close(self) -> None:
        """Gives the session back."""
        self._session.cluster.shutdown()


def judged_incident(injected: dict[str, Any], waited_seconds: float) -> dict[str, Any]:
    """The summary of a drill; fails when its incident is missing or suspects others."""
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.commands.drill_incident import judged_finding, stored_at_ms
    from log_analyzer.report.sections import suspect_names

    plan = DrillPlan(**injected["plan"])
    drill, expected = plan.drill(), plan.expectation()
    with cassandra.session(load_settings()) as session:
        try:
            finding = judged_finding(session, expected, waited_seconds)
        except FirstcauseError as error:
            raise AirflowFailException(str(error)) from error  # the wait was the retry
        stored_ms = stored_at_ms(session, finding.incident.incident_id, expected.started_at)
    context = finding.incident.context
    ranking = context.ranking if context is not None else None
    summary = {
        "scenario": plan.scenario,
        "cause": drill.cause,
        "culprit": drill.culprit,
        "culprit_logs_errors": drill.culprit_logs_errors,
        "suspects": list(suspect_names(finding.incident)),
        "compared_with_normal": ranking is not None,
        "incident_id": str(finding.incident.incident_id),
        "title": finding.incident.title,
        "seconds_to_detection": _seconds_between(injected["first_error_ms"], stored_ms),
        "sent": injected["sent"],
    }
    log.info("Drill passed: %s", summary)
    return summary


def _record(plan: DrillPlan) -> None:
    """Notes the time of the drill, so that nothing is learned from it as normal."""
    from firstcause.normal.drills import record_drill
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra

    start_ms = int(datetime.fromisoformat(plan.start).timestamp() * 1000)
    with cassandra.session(load_settings()) as session:
        record_drill(session, plan.scenario, start_ms, start_ms + int(plan.seconds * 1000))


def _seconds_between(first_ms: int, second_ms: int | None) -> float | None:
    return None if second_ms is None else round((second_ms - first_ms) / 1000, 3)


def _error_ids(drill: FaultDrill) -> frozenset[str]:
    import orjson

    return frozenset(
        orjson.loads(value)["log_id"]
        for batch in drill.batches(real_time=False)
        for value, is_error in zip(batch.values, batch.errors, strict=True)
        if is_error
    )
