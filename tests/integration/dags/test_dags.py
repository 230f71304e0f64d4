"""Each DAG by `dag.test()`, against real Kafka, Cassandra, Spark and a running analyzer."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from confluent_kafka import Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.evaluations.history import EvaluationHistory
from firstcause.events.log_event import read_log_event
from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.local.daemons.airflow_pools import (
    BATCH_POOL,
    BATCH_SLOTS,
    PARALLELISM,
    STREAM_PRIORITY,
)
from firstcause.local.service import last_log_lines
from firstcause.normal.composed_normal_store import ComposedNormalStore
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage import cassandra
from firstcause.streams.progress import Progress
from root_cause.evaluation.measure import Shares
from spark.driver.process import DriverFiles, driver_processes, stop_driver
from spark.driver.submit import STREAM_JOBS
from tests.integration.dags.airflow_runs import DagRuns, without_inherited_airflow

pytestmark = pytest.mark.integration

DAGS = {
    "kafka_stream",
    "stream_jobs",
    "fault_drill",
    "dead_letter_replay",
    "evaluate_root_cause",
    "learn_normal",
    "metrics_backfill",
    "rules_backtest",
    "search_rebuild",
    "housekeeping",
}

INSPECT = """
import json, time
began = time.monotonic()
from airflow.dag_processing.dagbag import DagBag
imported = time.monotonic()
bag = DagBag()
print("RESULT " + json.dumps({
    "errors": {str(k): v for k, v in bag.import_errors.items()},
    "heavy": sorted({"pyspark", "numpy", "cassandra", "faker"} & set(__import__("sys").modules)),
    "seconds": {s.file: s.duration.total_seconds() for s in bag.dagbag_stats},
    "pools": {t.task_id: [d.dag_id, t.pool, t.priority_weight]
        for d in bag.dags.values() for t in d.tasks},
    "dags": {d.dag_id: {"doc": d.doc_md, "tasks": {t.task_id: t.doc_md for t in d.tasks},
        "params": {n: [d.params.get_param(n).schema.get("title"), d.params.get_param(n).description]
            for n in d.params}}
        for d in bag.dags.values()}}))
"""

OLD_RUNS = """
import pendulum
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
month_ago = pendulum.now("UTC").subtract(days=30)
with create_session() as session:
    for dag_id in ("stream_jobs", "kafka_stream"):
        run = DagRun(dag_id=dag_id, run_id="old_" + dag_id, run_type=DagRunType.MANUAL,
                     state="running", start_date=month_ago, run_after=month_ago)
        session.add(run)
"""

LEFT_RUNS = """
import json
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select
with create_session() as session:
    print("RESULT " + json.dumps(list(session.scalars(select(DagRun.run_id)))))
"""

RATE_JOBS = """
import pendulum
from airflow.sdk import dag
from dags.supervision.driver_operator import StreamingDriverOperator
from spark.driver.stall_watch import StallLimits
from spark.driver.restart_budget import RestartBudget

@dag(schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"))
def rate_jobs():
    StreamingDriverOperator(
        task_id="rate_stream", job="rate_stream",
        application="tests/integration/apps/rate_stream.py",
        limits=StallLimits(120, 12, 60), budget=RestartBudget(2, 3600, 0.5),
    )
rate_jobs()
"""

ENDLESS = """
import pendulum
from datetime import timedelta
from airflow.sdk import dag
from dags.supervision.batch import SparkBatchOperator

@dag(schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"))
def endless():
    SparkBatchOperator(task_id="endless", job="endless", application="APPLICATION",
                       execution_timeout=timedelta(seconds=12))
endless()
"""


def wait_for(condition: Callable[[], Any], seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def runs(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagRuns]:
    without_inherited_airflow()
    own = settings.model_copy(update={"firstcause_home": tmp_path_factory.mktemp("dags")})
    yield DagRuns.prepared(own)
    # A run that a failed test has left.
    for process in multiprocessing.active_children():
        process.kill()
    for job in ("store_logs", "rate_stream"):
        stop_driver(DriverFiles.of(own, job), grace_seconds=0.5)


@pytest.fixture(scope="module")
def analyzer(
    settings: Settings, product_env: dict[str, str], tmp_path_factory: Any
) -> Iterator[None]:
    log = tmp_path_factory.mktemp("analyzer") / "analyzer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "firstcause.cli.app", "analyzer"],
            env={**product_env, "FIRSTCAUSE_HOME": str(log.parent)},
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    yield
    process.terminate()
    process.wait(30)


def kafka(settings: Settings) -> dict[str, Any]:
    return {"bootstrap.servers": settings.kafka_bootstrap_servers, "acks": "all"}


@pytest.fixture(scope="module")
def told(runs: DagRuns) -> Any:
    """What Airflow finds in the folder of the DAGs."""
    return json.loads(runs.call_fresh(["-c", INSPECT]).rpartition("RESULT ")[2])


def test_every_dag_and_task_says_what_to_do_when_it_fails(told: Any) -> None:
    assert told["errors"] == {}
    assert set(told["dags"]) == DAGS
    for dag in told["dags"].values():
        for doc in (dag["doc"], *dag["tasks"].values()):
            assert "when it fails" in doc.lower()
        for title_and_description in dag["params"].values():
            assert all(title_and_description)


def test_streams_share_their_worker_slots_with_nobody(told: Any) -> None:
    for task_id, (dag_id, pool, weight) in told["pools"].items():
        if dag_id == "stream_jobs":
            assert pool == "default_pool"
            assert weight == STREAM_PRIORITY
        else:
            assert (pool, weight < STREAM_PRIORITY) == (BATCH_POOL, True), task_id
    # One task a job, and each finds a slot while every slot of the others is taken.
    streams = {task for task, (dag_id, *_) in told["pools"].items() if dag_id == "stream_jobs"}
    assert streams == set(STREAM_JOBS)
    assert len(streams) <= PARALLELISM - BATCH_SLOTS


def test_housekeeping_removes_old_runs_and_leaves_the_streams(runs: DagRuns) -> None:
    folder = runs.settings.firstcause_home
    old_log = folder / "airflow" / "task-logs" / "dag_id=kafka_stream" / "attempt=1.log"
    old_log.parent.mkdir(parents=True, exist_ok=True)
    old_log.touch()
    month_ago = time.time() - 30 * 86_400
    os.utime(old_log, (month_ago, month_ago))
    runs.call(["-c", OLD_RUNS])
    told = runs.run("housekeeping", keep_days=14)
    assert told["state"] == "success"
    left = json.loads(runs.call(["-c", LEFT_RUNS]).rpartition("RESULT ")[2])
    assert "old_stream_jobs" in left
    assert "old_kafka_stream" not in left
    assert not old_log.exists()


def test_the_dag_files_are_parsed_without_heavy_imports(told: Any) -> None:
    assert told["heavy"] == []


def test_kafka_stream_sends_readable_events_of_its_minute(
    runs: DagRuns, settings: Settings
) -> None:
    result = runs.run("kafka_stream", seconds=3, rate=40)
    assert result["state"] == "success"
    sent = result["xcoms"]["send_events"]["sent"]
    now_ms = int(time.time() * 1000)
    values = [
        message.value()
        for message in read_to_current_end(
            settings.kafka_logs_topic, kafka(settings), group_id="test"
        )
    ]
    events = [read_log_event(value, now_ms) for value in values]
    assert len(events) == len({event.log_id for event in events}) == sent > 0
    assert max(event.timestamp_ms for event in events) <= now_ms


def test_kafka_stream_fails_when_kafka_does_not_take_the_events(runs: DagRuns) -> None:
    nowhere = json.dumps({"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1"}})
    test = ["-m", "airflow", "tasks", "test", "kafka_stream", "send_events"]
    _, *streams = runs.with_env(AIRFLOW_CONN_KAFKA_DEFAULT=nowhere).outcome(test)
    told = "".join(streams)
    assert "up_for_retry" in told.lower()
    assert "Kafka does not answer through Airflow's connection kafka_default" in told


@pytest.mark.usefixtures("analyzer")
def test_fault_drill_finds_the_incident_and_its_culprit(runs: DagRuns, settings: Settings) -> None:
    result = runs.run("fault_drill", scenario="db_pool_exhausted", seconds=15, rate=100)
    assert result["state"] == "success", result["log"][-3000:]
    summary = result["xcoms"]["await_incident"]
    assert summary["culprit"] == "inventory"
    assert "inventory" in summary["suspects"]
    assert summary["seconds_to_detection"] >= 0
    with cassandra.session(settings) as session:
        row = session.execute(
            f"SELECT title FROM incidents WHERE incident_id = {summary['incident_id']}"
        ).one()
    assert row.title == summary["title"]


def test_fault_drill_fails_when_no_incident_is_opened(runs: DagRuns) -> None:
    # Nobody analyses this topic.
    deaf = runs.with_env(KAFKA_LOGS_TOPIC="logs_nobody_reads")
    conf = {"scenario": "db_pool_exhausted", "seconds": 12, "rate": 200, "timeout_seconds": 1}
    result = deaf.run("fault_drill", **conf)
    tasks = {"inject_fault": "success", "await_incident": "failed"}
    assert result["tasks"] == tasks, result["log"][-6000:]
    assert "No incident was opened within 1 s" in result["log"]


def test_dead_letter_replay_sends_once(runs: DagRuns, settings: Settings) -> None:
    broken = orjson.dumps(
        {
            "log_id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff",
            "timestamp": "2026-01-22T00:00:00",
            "service_name": "auth",
            "level": "INFO",
            "message": "m",
        }
    )
    headers = {
        dead_letter.REASON: "bad_timestamp",
        dead_letter.TOPIC: "elsewhere",
        dead_letter.PARTITION: "0",
        dead_letter.OFFSET: "0",
    }
    producer = Producer(kafka(settings))
    producer.produce(settings.kafka_dead_letter_topic, value=broken, headers=headers)
    assert producer.flush(30) == 0
    conf = {"fixes": ["add_missing_offset"], "reasons": ["bad_timestamp"]}
    counts = [
        runs.run("dead_letter_replay", **conf)["xcoms"]["send_back"]["replayed"] for _ in range(2)
    ]
    assert counts == [1, 0]


def test_evaluate_root_cause_keeps_its_runs_and_fails_when_they_get_worse(
    runs: DagRuns, settings: Settings
) -> None:
    first = runs.run("evaluate_root_cause", count=4, seed=3)
    assert first["state"] == "success", first["log"][-3000:]
    told = first["xcoms"]["evaluate_cases"]
    assert told["cases"] == 4
    assert first["xcoms"]["compare_with_before"]["before"] is None
    with cassandra.session(settings) as session:
        history = EvaluationHistory(session)
        [run] = history.newest(10)
        assert (str(run.run_id), run.choice.seed) == (told["run_id"], 3)
        # An earlier version that was better than any can be, so that this one is worse.
        perfect = Shares(4, 1.01, 1.01, -0.01, 0.0, 0, 0.0)
        later = run.evaluated_at + timedelta(milliseconds=1)
        history.record(replace(run, run_id=uuid4(), evaluated_at=later, total=perfect))
    second = runs.run("evaluate_root_cause", count=4, seed=3)
    assert second["tasks"] == {"evaluate_cases": "success", "compare_with_before": "failed"}
    assert "Worse than the run of" in second["log"]
    with cassandra.session(settings) as session:
        assert str(EvaluationHistory(session).newest(1)[0].run_id) != told["run_id"]


def test_evaluate_root_cause_keeps_a_run_whose_cases_cannot_be_read(
    runs: DagRuns, settings: Settings, tmp_path: Path
) -> None:
    result = runs.run("evaluate_root_cause", directory=str(tmp_path))
    assert result["tasks"]["evaluate_cases"] == "failed"
    with cassandra.session(settings) as session:
        newest = EvaluationHistory(session).newest(1)[0]
    assert newest.total is None
    assert newest.choice.directory == str(tmp_path)
    assert "cases.json cannot be read" in newest.error


def test_stream_jobs_stores_logs_and_stops_gracefully(
    runs: DagRuns, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "run.log"
    # `dag.test` runs one task after another, each for all of its time.
    others = "store_spans|window_metrics|escalations"
    run = runs.start("stream_jobs", log=log, untried=others, run_for_seconds=75)
    runs.run("kafka_stream", seconds=2, rate=40)
    run.join(240)
    assert run.exitcode is not None
    files = DriverFiles.of(runs.settings, "store_logs")
    _, _, told = log.read_text().rpartition("\nRESULT ")
    assert told, log.read_text()[-3000:]
    result = json.loads(told.splitlines()[0])
    assert result["state"] == "success", log.read_text()[-3000:]
    assert result["xcoms"]["store_logs"] == {"job": "store_logs", "restarts": 0}
    assert driver_processes(files) == []
    assert '"event": "stopped"' in "".join(last_log_lines(files.log, 20))
    with cassandra.session(settings) as session:
        assert session.execute("SELECT count(*) FROM logs").one()[0] > 0


def test_learn_normal_learns_a_time_that_a_person_vouches_for(
    runs: DagRuns, settings: Settings
) -> None:
    """Of the logs that the test before has stored."""
    now = datetime.now(UTC)
    named = {"from": (now - timedelta(hours=1)).isoformat(), "to": now.isoformat()}
    result = runs.run("learn_normal", **named, force=True)
    assert result["state"] == "success", result["log"][-6000:]
    told = result["xcoms"]["learn_hours"]
    assert any(hour["traces"] > 0 for hour in told["hours"])
    with cassandra.session(settings) as session:
        loaded = ComposedNormalStore(session).load(int(now.timestamp() * 1000), 10.0)
    assert loaded is not None
    assert loaded.version == told["version"]
    assert driver_processes(DriverFiles.of(runs.settings, "learn_normal")) == []


def test_learn_normal_says_what_is_wrong_with_a_time(runs: DagRuns) -> None:
    half = runs.run("learn_normal", force=True)
    assert half["tasks"] == {"choose_hours": "failed", "learn_hours": "upstream_failed"}
    assert "Force needs a time that you vouch for" in half["log"]


def test_a_batch_job_that_takes_too_long_is_ended_and_leaves_nothing(
    runs: DagRuns, tmp_path: Path
) -> None:
    application = tmp_path / "application.py"
    application.write_text("import threading\nprint('begun', flush=True)\nthreading.Event().wait()")
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "endless.py").write_text(ENDLESS.replace("APPLICATION", str(application)))
    result = runs.with_env(AIRFLOW__CORE__DAGS_FOLDER=str(folder)).run("endless")
    assert result["tasks"] == {"endless": "failed"}
    files = DriverFiles.of(runs.settings, "endless")
    assert "begun" in "".join(last_log_lines(files.log, 20))
    assert driver_processes(files) == []
    assert not files.record.exists()


def test_a_dead_and_a_stalled_driver_are_replaced_until_the_budget_is_spent(
    runs: DagRuns, tmp_path: Path
) -> None:
    (tmp_path / "rate_jobs.py").write_text(RATE_JOBS)
    files = DriverFiles.of(runs.settings, "rate_stream")
    log = tmp_path / "run.log"
    run = runs.with_env(AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path)).start("rate_jobs", log=log)

    def driver_other_than(*known: int) -> Progress | None:
        progress = Progress.read(files.progress)
        alive = {process.pid for process in driver_processes(files)}
        fresh = progress is not None and progress.pid in alive - set(known)
        return progress if fresh and progress.batch_id >= 0 else None

    first = wait_for(driver_other_than)
    os.kill(first.pid, signal.SIGKILL)
    second = wait_for(lambda: driver_other_than(first.pid))
    os.kill(second.pid, signal.SIGSTOP)
    third = wait_for(lambda: driver_other_than(first.pid, second.pid))
    assert second.pid not in {process.pid for process in driver_processes(files)}
    os.kill(third.pid, signal.SIGKILL)
    run.join(120)
    assert run.exitcode is not None
    told = log.read_text()
    assert '"state": "failed"' in told
    assert f"failed again (its process ended). Read {files.log}" in told
    assert driver_processes(files) == []
