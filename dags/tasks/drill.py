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


def await_incident(injected: dict[str, Any], params: Any = None) -> dict[str, Any]:
    """Waits for the incident of the drill; fails when it is missing or suspects others."""
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.commands.drill_incident import DrillExpectation, await_finding, stored_at_ms
    from log_analyzer.report.sections import suspect_names

    plan = DrillPlan(**injected["plan"])
    drill = plan.drill()
    expected = DrillExpectation(
        started_at=datetime.fromisoformat(plan.start),
        error_ids=_error_ids(drill),
        culprit=drill.culprit,
    )
    with cassandra.session(load_settings()) as session:
        try:
            finding = await_finding(session, expected, float(params["timeout_seconds"]))
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
