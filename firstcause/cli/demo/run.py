"""Runs the steps of the demo through the public interfaces: Airflow's API, Kafka, Cassandra."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from cassandra.cluster import Session
from rich.console import Console

from firstcause.cli.demo.outcome import Outcome
from firstcause.cli.demo.stream_audit import StreamAudit, Tally
from firstcause.incidents.view import IncidentView
from firstcause.local.daemons.airflow_api import AirflowApi
from firstcause.settings import Settings
from firstcause.storage import cassandra
from log_analyzer.commands.drill_incident import stored_at_ms
from log_analyzer.incident_history.reader import IncidentReader

HEALTHY: Final = {"rate": 40, "seconds": 20}
DRILL: Final = {"rate": 60, "seconds": 25, "timeout_seconds": 90}
# The first whose culprit fails in no open incident: the errors of a drill join an open one.
SCENARIOS: Final = (
    "db_pool_exhausted",
    "expired_credentials",
    "third_party_outage",
    "bad_deployment",
    "memory_leak",
)
T = TypeVar("T")

RUN_SECONDS: Final = 300.0
STORED_SECONDS: Final = 180.0
INCIDENT_SECONDS: Final = 60.0


def run_demo(settings: Settings, input_file: Path | None, console: Console) -> Outcome:
    """Runs the demo on running services and tells each step; blocks for minutes.

    Raises:
        FirstcauseError: a service or a run did not do its part.
    """
    with (
        AirflowApi(f"http://127.0.0.1:{settings.airflow_port}") as airflow,
        cassandra.session(settings) as session,
    ):
        audit = StreamAudit(settings, session)
        try:
            steps = _Demo(settings, airflow, session, audit, console)
            return steps.with_scenario() if input_file is None else steps.with_file(input_file)
        finally:
            audit.close()


class _Demo:
    def __init__(
        self,
        settings: Settings,
        airflow: AirflowApi,
        session: Session,
        audit: StreamAudit,
        console: Console,
    ) -> None:
        self._settings = settings
        self._airflow = airflow
        self._session = session
        self._audit = audit
        self._console = console

    def with_scenario(self) -> Outcome:
        self._console.rule("Streams")
        self._start_store_jobs()
        self._healthy_traffic()
        scenario = self._scenario()
        self._console.rule(f"Fault: {scenario}")
        run = self._airflow.trigger("fault_drill", {**DRILL, "scenario": scenario})
        state = self._await_run("fault_drill", run, "the drill injects the fault")
        result = self._airflow.result("fault_drill", run, "await_incident") or {}
        problem = ""
        if state != "success":
            words = self._airflow.log_tail("fault_drill", run, "await_incident", lines=3)
            problem = f"The fault drill failed: {' '.join(words) or 'see its log in Airflow'}"
        tally = self._await_stored()
        return Outcome(
            source=f"healthy traffic and the scenario {scenario}",
            tally=tally,
            incident=self._incident(UUID(result["incident_id"])) if result else None,
            other_incidents=max(0, len(self._incidents_of_audit()) - 1),
            seconds_to_incident=result.get("seconds_to_detection"),
            culprit=result.get("culprit"),
            cause=result.get("cause"),
            problem=problem,
        )

    def with_file(self, path: Path) -> Outcome:
        from generators.output.kafka_producer import connect_producer, produce
        from generators.replay import Replay, ReplayOptions

        self._console.rule("Streams")
        self._start_store_jobs()
        self._console.rule(f"Replay: {path.name}")
        options = ReplayOptions(max_value_bytes=self._settings.kafka_max_message_bytes)
        replay = Replay([path], options)
        began_ms = time.time() * 1000
        topic = self._settings.kafka_logs_topic
        report = produce(connect_producer(self._settings), topic, replay.batches())
        self._console.print(f"{report.sent:,} lines sent as they are, in {report.seconds:.1f} s")
        tally = self._await_stored(at_least=report.sent)
        found: list[IncidentView] = []
        if replay.counts.first_error_ms is not None:
            found = self._await("its incident", INCIDENT_SECONDS, self._incidents_of_audit) or []
        incident = max(found, key=lambda one: one.error_count, default=None)
        stored = None if incident is None else stored_at_ms(self._session, incident.incident_id)
        no_errors = replay.counts.first_error_ms is None
        return Outcome(
            source=f"the file {path.name}",
            tally=tally,
            incident=incident,
            other_incidents=max(0, len(found) - 1),
            seconds_to_incident=(
                None if stored is None or stored < began_ms else (stored - began_ms) / 1000
            ),
            culprit=labelled_culprit(path),
            problem="The file has no ERROR, so it makes no incident." if no_errors else "",
        )

    def _start_store_jobs(self) -> None:
        self._airflow.await_dag("stream_jobs")
        self._airflow.set_paused("stream_jobs", paused=False)
        if self._airflow.live_runs("stream_jobs"):
            self._console.print("the store jobs run already, under stream_jobs")
        else:
            self._airflow.trigger("stream_jobs", {})
            self._console.print("store jobs started, under stream_jobs")

    def _healthy_traffic(self) -> None:
        self._airflow.await_dag("kafka_stream")
        was_paused = self._airflow.set_paused("kafka_stream", paused=False)
        try:
            run = self._airflow.trigger("kafka_stream", HEALTHY)
            self._await_run("kafka_stream", run, "healthy traffic through kafka_stream")
        finally:
            if was_paused:
                self._airflow.set_paused("kafka_stream", paused=True)
        self._await_stored()

    def _scenario(self) -> str:
        """The first scenario whose culprit fails in no open incident."""
        from generators.scenario import load_scenario
        from generators.topology_file import load_topology

        since = datetime.now(UTC) - timedelta(days=1)
        taken = {
            name
            for one in IncidentReader(self._session).since(since)
            if one.status == "open"
            for name in one.services
        }
        topology = load_topology()
        free = (name for name in SCENARIOS if load_scenario(name, topology).culprit not in taken)
        return next(free, SCENARIOS[0])

    def _await_run(self, dag_id: str, run_id: str, what: str) -> str:
        began = time.monotonic()
        with self._console.status(what) as status:

            def show(state: str) -> None:
                tally = self._audit.tally()
                status.update(f"{what}: {state}, {tally.sent:,} sent, {tally.stored:,} stored")

            state = self._airflow.await_end(dag_id, run_id, RUN_SECONDS, show)
        seconds = time.monotonic() - began
        self._console.print(f"{what}: {state} after {seconds:.0f} s")
        return state

    def _await_stored(self, at_least: int = 1) -> Tally:
        def complete() -> Tally | None:
            tally = self._audit.tally()
            return tally if tally.complete and tally.sent >= at_least else None

        tally = self._await("every event in Cassandra", STORED_SECONDS, complete)
        return tally or self._audit.tally()

    def _await(self, what: str, seconds: float, look: Callable[[], T]) -> T | None:
        """Looks until there is something to see; None when there is nothing in time."""
        began = time.monotonic()
        with self._console.status(f"waiting for {what}"):
            while not (found := look()):
                if time.monotonic() - began > seconds:
                    self._console.print(f"{what}: not within {seconds:.0f} s")
                    return None
                time.sleep(0.5)
        self._console.print(f"{what}: after {time.monotonic() - began:.0f} s")
        return found

    def _incident(self, incident_id: UUID) -> IncidentView | None:
        """The incident, or the one that it was merged into since it was seen first."""
        reader = IncidentReader(self._session)
        found = reader.read(incident_id)
        merged = found is not None and found.merged_into
        return reader.read(merged) if merged else found

    def _incidents_of_audit(self) -> list[IncidentView]:
        """Incidents with evidence among the events of this demo, also older ones."""
        ids = {str(log_id) for log_id in self._audit.log_ids()}
        start = datetime(1970, 1, 1, tzinfo=UTC)
        return [
            incident
            for incident in IncidentReader(self._session).since(start)
            if any(one.log_id in ids for one in incident.evidence)
        ]


def labelled_culprit(path: Path) -> str | None:
    """The true culprit, where a `cases.json` beside the file's folder names it; else None."""
    labels = path.resolve().parent.parent / "cases.json"
    if not labels.is_file():
        return None
    try:
        cases: list[dict[str, Any]] = orjson.loads(labels.read_bytes())
        named = [c["service_name"] for c in cases if c["case"] == path.resolve().parent.name]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return named[0] if named else None
