"""A store driver as the product runs it, and a supervisor that restarts it without Airflow.

The supervisor decides as `dags/supervision` does, by the same parts (`spark.driver`,
`StallWatch`, `RestartBudget`), so that a test needs no Airflow for what it says about the driver.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import last_log_lines
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.streams.progress import Progress
from spark.driver.process import (
    DriverFiles,
    driver_processes,
    running_driver,
    start_driver,
    stop_driver,
)
from spark.driver.restart_budget import RestartBudget
from spark.driver.stall_watch import StallLimits, StallWatch
from spark.driver.submit import submit_command
from spark.streaming.checkpoint import committed_offsets

JOB = "store_logs"
POLL_SECONDS = 0.1


@dataclass
class StoreDriver:
    """One driver on one checkpoint, by default that of the logs.

    `env` is that of the product's processes.
    """

    settings: Settings
    env: Mapping[str, str]
    job: str = JOB
    files: DriverFiles = field(init=False)

    def __post_init__(self) -> None:
        self.files = DriverFiles.of(self.settings, self.job)

    @property
    def checkpoint(self) -> Path:
        return self.settings.checkpoints_dir / self.job

    def start(self) -> ProcessRecord:
        return start_driver(self.files, self.command(), self.environment())

    def stop(self) -> None:
        stop_driver(self.files, grace_seconds=0.5)

    def stop_gracefully(self) -> None:
        """SIGTERM to the Python driver; the JVM above it passes its exit code on."""
        progress = Progress.read(self.files.progress)
        assert progress is not None
        [jvm] = self.processes(java=True)
        os.kill(progress.pid, signal.SIGTERM)
        assert jvm.wait(60) == 0

    def command(self) -> list[str]:
        return submit_command(self.settings, self.job)

    def environment(self) -> dict[str, str]:
        binaries = str(Path(sys.executable).parent)
        return {
            **self.env,
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(PROJECT_ROOT),
            "PYSPARK_PYTHON": sys.executable,
            "LOG_FORMAT": "json",
        }

    def processes(self, *, java: bool | None = None) -> list[psutil.Process]:
        """The driver's JVMs, its Python processes, or all; one that ends meanwhile is left out."""
        found = driver_processes(self.files)
        return [one for one in found if java is None or is_java(one) is java]

    def committed(self) -> int:
        """Messages that the job is done with, over all partitions."""
        return sum(committed_offsets(self.checkpoint).values())

    def log_tail(self, count: int = 20) -> str:
        return "\n".join(last_log_lines(self.files.log, count))


class Supervisor:
    """Restarts the driver when it has died or stalled, within the restart budget."""

    def __init__(self, driver: StoreDriver) -> None:
        self.driver = driver
        self.restarts: list[float] = []
        self.failure: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, daemon=True)

    def __enter__(self) -> Supervisor:
        self._record = self.driver.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)
        self.driver.stop()

    @property
    def runs(self) -> bool:
        return running_driver(self.driver.files) is not None

    def _supervise(self) -> None:
        limits, budget = StallLimits.of(self.driver.settings), RestartBudget()
        watch = StallWatch(self._record.create_time, limits)
        while not self._stopping.wait(POLL_SECONDS):
            progress, now = Progress.read(self.driver.files.progress), time.time()
            own = progress if progress and progress.updated_at >= watch.started_at else None
            if own is not None and own.fatal_error:
                self.failure = own.fatal_error
            elif self._record.is_alive() and not watch.observe(own, now):
                continue
            elif not budget.allows(self.restarts, now):
                self.failure = f"restarted too often; the log ends with {self.driver.log_tail()}"
            if self.failure:
                return
            if self._stopping.wait(budget.delay_seconds(self.restarts, now)):
                return
            self.restarts.append(now)
            self._record = self.driver.start()
            watch = StallWatch(self._record.create_time, limits)


@contextmanager
def running(driver: StoreDriver) -> Iterator[ProcessRecord]:
    """Starts the driver once and never again; it is stopped at the end."""
    record = driver.start()
    try:
        yield record
    finally:
        driver.stop()


def is_java(process: psutil.Process) -> bool | None:
    """Whether a process is a JVM; None when it has ended."""
    try:
        return process.name() == "java"
    except psutil.NoSuchProcess:
        return None
