"""What the operator does with the events of its trigger; small programs stand in for drivers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from dags.supervision import driver_operator as supervision
from dags.supervision.driver_operator import StreamingDriverOperator
from dags.supervision.driver_trigger import record_fields
from firstcause.local.process_record import ProcessRecord
from firstcause.settings import Settings
from spark.driver.process import DriverFiles, driver_processes, start_driver
from spark.driver.restart_budget import RestartBudget

DRIVER = [sys.executable, "-c", "import time; time.sleep(600)"]


class Store(dict[str, Any]):
    """Airflow's task state store, as far as the operator asks it."""

    def set(self, name: str, value: Any, retention: Any = None) -> None:
        self[name] = value

    def delete(self, name: str) -> None:
        self.pop(name, None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    made = Settings(firstcause_home=tmp_path)
    monkeypatch.setattr(supervision, "load_settings", lambda: made)
    monkeypatch.setattr(supervision, "spark_submit_command", lambda *_: DRIVER)
    yield made
    for process in driver_processes(DriverFiles.of(made, "job")):
        process.kill()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def operator() -> StreamingDriverOperator:
    return StreamingDriverOperator(
        task_id="job", job="job", application="job.py", budget=RestartBudget(max_restarts=2)
    )


def execute(operator: StreamingDriverOperator, store: Store) -> None:
    with pytest.raises(TaskDeferred):
        operator.execute({"task_state_store": store})


def resume(operator: StreamingDriverOperator, store: Store, status: str, pid: int) -> None:
    event = {"status": status, "pid": pid, "reason": "its process ended"}
    operator.resume({"task_state_store": store}, event)


def driver(settings: Settings) -> ProcessRecord:
    record = ProcessRecord.read(DriverFiles.of(settings, "job").record)
    assert record is not None
    return record


def die(settings: Settings) -> int:
    record = driver(settings)
    record.terminate_group(5)
    return record.pid


def test_a_dead_driver_is_started_again(
    settings: Settings, operator: StreamingDriverOperator, store: Store
) -> None:
    execute(operator, store)
    pid = die(settings)
    with pytest.raises(TaskDeferred):
        resume(operator, store, "dead", pid)
    assert driver(settings).pid != pid
    assert driver(settings).is_alive()
    assert len(store["restarts"]) == 1


def test_a_driver_that_somebody_started_after_the_death_is_watched(
    settings: Settings, operator: StreamingDriverOperator, store: Store
) -> None:
    execute(operator, store)
    pid = die(settings)
    other = start_driver(DriverFiles.of(settings, "job"), DRIVER, os.environ)
    with pytest.raises(TaskDeferred):
        resume(operator, store, "dead", pid)
    assert driver(settings) == other
    assert other.is_alive()
    assert store["driver"] == record_fields(other)
    assert "restarts" not in store


def test_a_stalled_driver_is_replaced_although_it_lives(
    settings: Settings, operator: StreamingDriverOperator, store: Store
) -> None:
    execute(operator, store)
    stalled = driver(settings)
    with pytest.raises(TaskDeferred):
        resume(operator, store, "stalled", stalled.pid)
    assert not stalled.is_alive()
    assert driver(settings).is_alive()


def test_a_cleared_task_begins_with_a_whole_budget(
    settings: Settings, operator: StreamingDriverOperator, store: Store
) -> None:
    execute(operator, store)
    for _ in range(2):
        with pytest.raises(TaskDeferred):
            resume(operator, store, "dead", die(settings))
    with pytest.raises(AirflowFailException, match="2 times"):
        resume(operator, store, "dead", die(settings))
    # Mended, then cleared: the next death is the first.
    execute(operator, store)
    with pytest.raises(TaskDeferred):
        resume(operator, store, "dead", die(settings))
    assert len(store["restarts"]) == 1


def test_a_try_after_a_crash_of_the_worker_keeps_the_budget(
    settings: Settings, operator: StreamingDriverOperator, store: Store
) -> None:
    execute(operator, store)
    for _ in range(2):
        with pytest.raises(TaskDeferred):
            resume(operator, store, "dead", die(settings))
    execute(operator, store)
    with pytest.raises(AirflowFailException, match="2 times"):
        resume(operator, store, "dead", die(settings))


def test_a_cleared_task_that_had_run_its_time_runs_it_again(
    settings: Settings, operator: StreamingDriverOperator, store: Store
) -> None:
    operator.run_for_seconds = 60
    execute(operator, store)
    store["marks"]["run_until"] = time.time() - 1
    resume(operator, store, "finished", driver(settings).pid)
    execute(operator, store)
    assert store["marks"]["run_until"] > time.time() + 30
