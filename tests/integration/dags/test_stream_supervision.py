"""`stream_jobs` under the four real Airflow processes: what is killed comes back, alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil
import pytest

from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.airflow_pools import BATCH_POOL, BATCH_SLOTS
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import record_path
from firstcause.storage.migrations import migrate
from firstcause.streams.progress import Progress
from spark.driver.process import DriverFiles, driver_processes, stop_driver
from tests.installation import Installation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

JOB = "store_logs"
# A minute is promised on a machine of its own; tests share theirs.
RESTART_SECONDS = 180
# Long tasks that ask little of the machine.
QUIET = {"rate": 1, "seconds": 1800}


def wait_for(condition: Callable[[], Any], seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


class StreamJobs:
    """The DAG `stream_jobs` through Airflow's REST API, and its drivers on this machine."""

    def __init__(self, installation: Installation) -> None:
        self.files = DriverFiles.of(installation.settings, JOB)
        self.spans = DriverFiles.of(installation.settings, "store_spans")
        self.installation = installation
        address = f"http://127.0.0.1:{installation.settings.airflow_port}"
        token = httpx.get(f"{address}/auth/token", timeout=30).json()["access_token"]
        self._all = httpx.Client(
            base_url=f"{address}/api/v2/dags/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        self._api = httpx.Client(
            base_url=f"{address}/api/v2/dags/stream_jobs/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )

    @contextmanager
    def busy_slots(self) -> Iterator[None]:
        """More long tasks than there are worker slots for them.

        `kafka_stream` has one run by hand and, while it is switched on, one by its schedule.
        """
        runs = {"kafka_stream": QUIET, "fault_drill": QUIET}
        started = []
        for dag_id, conf in runs.items():
            wait_for(lambda dag=dag_id: self._all.get(f"{dag}/details").is_success)
            self._all.patch(dag_id, json={"is_paused": False}).raise_for_status()
            body = {"logical_date": None, "conf": conf}
            answer = self._all.post(f"{dag_id}/dagRuns", json=body).raise_for_status()
            started.append(f"{dag_id}/dagRuns/{answer.json()['dag_run_id']}")
        try:
            wait_for(lambda: self.busy_batch_slots() == BATCH_SLOTS)
            yield
            for run in started:
                # A run of the schedule may have come first: then one of these still waits.
                assert self._all.get(run).json()["state"] in {"running", "queued"}
        finally:
            self._all.patch("kafka_stream", json={"is_paused": True})
            for run in started:
                self._all.patch(run, json={"state": "failed"})

    def busy_batch_slots(self) -> int:
        """How many worker slots of the pool `batch` are taken."""
        asked = {"state": "running", "pool": BATCH_POOL}
        found = self._all.get("~/dagRuns/~/taskInstances", params=asked).raise_for_status().json()
        return len(found["task_instances"])

    def trigger(self) -> str:
        wait_for(lambda: self._api.get("details").status_code == httpx.codes.OK)
        response = self._api.post("dagRuns", json={"logical_date": None, "conf": {}})
        return str(response.raise_for_status().json()["dag_run_id"])

    def mark(self, run: str, state: str) -> None:
        self._api.patch(f"dagRuns/{run}", json={"state": state}).raise_for_status()

    def clear(self, run: str) -> None:
        body = {"dry_run": False, "dag_run_id": run, "only_failed": False}
        self._api.post("clearTaskInstances", json=body).raise_for_status()

    def task(self, run: str) -> dict[str, Any]:
        answer = self._api.get(f"dagRuns/{run}/taskInstances").raise_for_status().json()
        [found] = [one for one in answer["task_instances"] if one["task_id"] == JOB]
        return dict(found)

    def await_watched(self, run: str) -> None:
        wait_for(lambda: self.task(run)["state"] == "deferred")

    def jvms(self) -> list[int]:
        found = []
        for one in driver_processes(self.files):
            with suppress(psutil.NoSuchProcess):  # the shell that becomes the JVM ends meanwhile
                found += [one.pid] if one.name() == "java" else []
        return found

    def await_heartbeat(self, *, other_than: int | None = None) -> int:
        """The JVM of a driver that has written its heartbeat."""

        def beating() -> int | None:
            progress = Progress.read(self.files.progress)
            jvms = self.jvms()
            if progress is None or len(jvms) != 1 or jvms[0] == other_than:
                return None
            alive = {one.pid for one in driver_processes(self.files)}
            return jvms[0] if progress.pid in alive else None

        return int(wait_for(beating))

    def kill_airflow(self, name: str) -> None:
        """SIGKILL to the process and all that it started, as an out-of-memory kill does."""
        record = ProcessRecord.read(record_path(self.installation.settings, name))
        assert record is not None
        for process in record.session_members():
            # One may end at the death of the other.
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def restart_airflow(self) -> None:
        self.installation.up("airflow")


@pytest.fixture(scope="module")
def jobs(airflow_services: Installation) -> Iterator[StreamJobs]:
    ensure_topics(airflow_services.settings)
    migrate(airflow_services.settings)
    made = StreamJobs(airflow_services)
    yield made
    for files in (made.files, made.spans):
        stop_driver(files, grace_seconds=0.5)


@pytest.fixture(scope="module")
def run(jobs: StreamJobs) -> Iterator[str]:
    started = jobs.trigger()
    jobs.await_heartbeat()
    jobs.await_watched(started)
    yield started
    jobs.mark(started, "failed")


def test_a_killed_jvm_runs_again_without_using_up_a_retry(jobs: StreamJobs, run: str) -> None:
    tries = jobs.task(run)["try_number"]
    before = jobs.await_heartbeat()
    os.kill(before, signal.SIGKILL)
    jobs.await_heartbeat(other_than=before)
    jobs.await_watched(run)
    assert jobs.task(run)["try_number"] == tries


def test_a_killed_driver_waits_for_no_worker_slot(jobs: StreamJobs, run: str) -> None:
    with jobs.busy_slots():
        before = jobs.await_heartbeat()
        os.kill(before, signal.SIGKILL)
        # Without slots of their own the streams would wait for the end of a long task.
        wait_for(lambda: [pid for pid in jobs.jvms() if pid != before], seconds=RESTART_SECONDS)
    jobs.await_heartbeat(other_than=before)
    jobs.await_watched(run)


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-triggerer"])
def test_a_killed_airflow_process_leaves_the_driver_alone(
    jobs: StreamJobs, run: str, name: str
) -> None:
    before = jobs.await_heartbeat()
    jobs.kill_airflow(name)
    jobs.restart_airflow()
    assert jobs.jvms() == [before]
    # It is watched again: what dies now comes back.
    os.kill(before, signal.SIGKILL)
    jobs.await_heartbeat(other_than=before)
    jobs.await_watched(run)


def test_a_cleared_task_gets_a_driver_of_its_own(jobs: StreamJobs, run: str) -> None:
    before = jobs.await_heartbeat()
    jobs.await_watched(run)
    jobs.clear(run)
    wait_for(lambda: not psutil.pid_exists(before))
    jobs.await_heartbeat(other_than=before)
    jobs.await_watched(run)


def test_a_run_that_is_marked_failed_stops_its_driver_for_good(jobs: StreamJobs, run: str) -> None:
    jobs.await_heartbeat()
    jobs.await_watched(run)
    # Each job has its driver.
    wait_for(lambda: driver_processes(jobs.spans))
    jobs.mark(run, "failed")
    wait_for(lambda: not driver_processes(jobs.files) + driver_processes(jobs.spans), seconds=30)
    assert jobs.task(run)["state"] == "failed"
