"""Starts a streaming driver detached, finds it again, and stops it with all its processes.

Nothing here imports Spark. Every process of a driver (the JVM, the Python driver, Python
workers) carries an environment variable that names its job and installation, so that it is
found even when whoever started it was killed before it could write the pid down.
"""

from __future__ import annotations

import fcntl
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from firstcause.dead_letters import headers
from firstcause.errors import FirstcauseError
from firstcause.local.daemons.java import LATE_OPTIMIZATION
from firstcause.local.process_record import ProcessRecord, launch
from firstcause.local.service import set_large_log_aside
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.streams.progress import Progress
from spark.driver.heartbeat_writer import progress_path

DRIVER_MARK: Final = "FIRSTCAUSE_DRIVER"

# What `spark-submit` is told of every driver, as --conf.
SUBMIT_CONF: Final[Mapping[str, str]] = {
    "spark.ui.enabled": "false",
    # A stream runs all day: throughput before the shortest pause.
    "spark.driver.extraJavaOptions": " ".join(("-XX:+UseParallelGC", *LATE_OPTIMIZATION)),
}

LEARN_JOB: Final = "learn_normal"
WINDOWS_JOB: Final = "window_metrics"
BACKFILL_JOB: Final = "metrics_backfill"
ESCALATIONS_JOB: Final = "escalations"

# Spans are evidence beside the logs, in bigger messages and fewer: a small heap does. The driver
# that stores logs comes first; no other takes the processor from it.
BACKGROUND_NICENESS: Final = 10
# What was not learned is learned an hour later; windows and escalations go on where they stopped.
# Where memory is short, the kernel kills these jobs before Cassandra (an OOM score adjustment, at
# most 1000).
FIRST_TO_BE_KILLED: Final = 800

LOCK_WAIT_SECONDS: Final = 60.0
KILL_WAIT_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.1


def driver_memory(settings: Settings, job: str) -> str:
    """The heap of a job's driver, as `spark-submit` takes it."""
    heaps = {
        headers.SPAN_CONSUMER: settings.spark_spans_driver_memory,
        LEARN_JOB: settings.spark_batch_driver_memory,
        BACKFILL_JOB: settings.spark_batch_driver_memory,
        WINDOWS_JOB: settings.spark_windows_driver_memory,
        ESCALATIONS_JOB: settings.spark_escalations_driver_memory,
    }
    return heaps.get(job, settings.spark_driver_memory)


def at_its_priority(job: str, command: Sequence[str]) -> list[str]:
    """The command of a job's driver, run with the priority that the job has."""
    if job == headers.SPAN_CONSUMER:
        return ["nice", "-n", str(BACKGROUND_NICENESS), *command]
    if job in {LEARN_JOB, BACKFILL_JOB, WINDOWS_JOB, ESCALATIONS_JOB}:
        polite = ["nice", "-n", str(BACKGROUND_NICENESS)]
        return ["choom", "-n", str(FIRST_TO_BE_KILLED), "--", *polite, *command]
    return list(command)


@dataclass(frozen=True, slots=True)
class DriverFiles:
    """The files of one job's driver in one installation.

    Attributes:
        job: name of the job, such as `store_logs`.
        record: the process record, for a reconnect and for `firstcause status`.
        progress: the heartbeat, written by the driver.
        log: standard output and error of the driver.
    """

    job: str
    record: Path
    progress: Path
    log: Path

    @classmethod
    def of(cls, settings: Settings, job: str) -> DriverFiles:
        """The files of `job` under `FIRSTCAUSE_HOME`."""
        return cls(
            job=job,
            record=settings.run_dir / "drivers" / f"{job}.json",
            progress=progress_path(settings, job),
            log=settings.logs_dir / f"{job}.log",
        )

    @property
    def mark(self) -> str:
        """Value of `DRIVER_MARK` in the environment of the driver's processes."""
        return str(self.progress)


def running_driver(files: DriverFiles, known: ProcessRecord | None = None) -> ProcessRecord | None:
    """The driver that runs now: the one of the record file, else `known`; None when neither.

    Raises:
        FirstcauseError: the driver was started on another machine.
    """
    for record in (ProcessRecord.read(files.record), known):
        if record is not None:
            refuse_elsewhere(files, record)
            if record.is_alive():
                return record
    return None


def refuse_elsewhere(files: DriverFiles, record: ProcessRecord) -> None:
    """Refuses to judge or replace a driver of another machine: it may be healthy there.

    Raises:
        FirstcauseError: the record is another machine's; says what to do.
    """
    if record.start.is_elsewhere:
        raise FirstcauseError(
            f"The driver of {files.job} (pid {record.pid}) was started on {record.start.host}, "
            f"and this is {socket.gethostname()}. A job is supervised on one machine: run "
            "Airflow's scheduler and triggerer there. When it is gone for good, remove "
            f"{files.record}."
        )


def start_driver(
    files: DriverFiles, command: Sequence[str], env: Mapping[str, str]
) -> ProcessRecord:
    """Stops the rest of an earlier driver, starts the driver detached, and writes its record.

    Never leaves two drivers of one job: starts of the same job wait for each other, and each
    ends what the one before left, also processes that no record knows of. Blocks for as long
    as that takes, about a minute at the most; does not wait for the new driver to be ready.

    Raises:
        FirstcauseError: `command` is not there, another start hangs, something of the old
            driver cannot be killed, or it was started on another machine. No new driver was
            started then.
    """
    with _lock(files):
        if (before := ProcessRecord.read(files.record)) is not None:
            refuse_elsewhere(files, before)
        _stop_processes(files, KILL_WAIT_SECONDS)
        set_large_log_aside(files.log)
        record = launch(
            files.job,
            command,
            env={**env, DRIVER_MARK: files.mark},
            log_file=files.log,
            cwd=PROJECT_ROOT,
        )
        record.write(files.record)
        return record


def stop_driver(files: DriverFiles, *, grace_seconds: float, in_turn: bool = True) -> None:
    """Stops the driver and all its processes; harmless when none runs.

    The Python driver gets SIGTERM, on which it finishes its batch and ends the JVM. What is
    left after `grace_seconds` is killed: that loses nothing, since the batch in hand is worked
    on again from the checkpoint. Blocks for `grace_seconds` and 5 s more, and before that for a
    start or stop of the same job that is under way: at most `LOCK_WAIT_SECONDS`. A signal
    handler may have interrupted the very start it would wait for: it passes `in_turn=False`.

    Raises:
        FirstcauseError: something outlived SIGKILL, or the other start or stop hangs.
    """
    with _lock(files) if in_turn else nullcontext():
        _stop_processes(files, grace_seconds)


def driver_processes(files: DriverFiles) -> list[psutil.Process]:
    """All living processes of the job's drivers, whoever started them, on this machine."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(DRIVER_MARK) == files.mark
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # ended meanwhile, or another user's and so not ours
    return found


def _stop_processes(files: DriverFiles, grace_seconds: float) -> None:
    left = driver_processes(files)
    if not left:
        return
    progress = Progress.read(files.progress)
    # SIGTERM ends the JVM at once and takes the batch with it, so only the Python driver gets it.
    polite = [process for process in left if progress and process.pid == progress.pid]
    for process in polite or left:
        _signal(process.terminate)
    left = _wait_until_gone(files, grace_seconds)
    for process in left:
        _signal(process.kill)
    if left and (left := _wait_until_gone(files, KILL_WAIT_SECONDS)):
        pids = ", ".join(str(process.pid) for process in left)
        raise FirstcauseError(f"{files.job} could not be stopped: pid {pids} outlives SIGKILL.")


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return  # ended between the look and the signal


def _wait_until_gone(files: DriverFiles, wait_seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + wait_seconds
    while (left := driver_processes(files)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


@contextmanager
def _lock(files: DriverFiles) -> Iterator[None]:
    path = files.record.with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FirstcauseError(
                        f"Another start or stop of {files.job} has not ended for "
                        f"{LOCK_WAIT_SECONDS:.0f} s: see who holds {path} (`fuser {path}`)."
                    ) from None
                time.sleep(POLL_SECONDS)
        yield
