"""Starting, finding and stopping a driver's processes; small Python programs stand in for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import last_log_lines
from firstcause.settings import Settings
from spark.driver.heartbeat_writer import ProgressFile
from spark.driver.process import (
    BACKGROUND_NICENESS,
    DRIVER_MARK,
    FIRST_TO_BE_KILLED,
    DriverFiles,
    at_its_priority,
    driver_memory,
    driver_processes,
    running_driver,
    start_driver,
    stop_driver,
)

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# A JVM with its Python driver: the parent waits for a child that is in the same session.
FAMILY = [
    sys.executable,
    "-c",
    "import subprocess, sys;subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True);"
    "time.sleep(600)",
]


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[DriverFiles]:
    made = DriverFiles(
        "job", tmp_path / "run" / "job.json", tmp_path / "job.progress.json", tmp_path / "job.log"
    )
    yield made
    for process in driver_processes(made):
        process.kill()


def test_a_driver_is_detached_recorded_and_found_again(files: DriverFiles) -> None:
    record = start_driver(files, SLEEP, os.environ)
    assert os.getsid(record.pid) == record.pid
    assert ProcessRecord.read(files.record) == record
    assert running_driver(files) == record


def test_a_lost_record_is_made_good_by_the_one_that_airflow_kept(files: DriverFiles) -> None:
    record = start_driver(files, SLEEP, os.environ)
    files.record.unlink()
    assert running_driver(files) is None
    assert running_driver(files, record) == record


def test_a_driver_of_another_machine_is_neither_judged_nor_replaced(files: DriverFiles) -> None:
    record = start_driver(files, SLEEP, os.environ)
    elsewhere = replace(record, start=replace(record.start, host="another-machine"))
    elsewhere.write(files.record)
    with pytest.raises(FirstcauseError, match=r"(?s)started on another-machine.*remove"):
        running_driver(files)
    with pytest.raises(FirstcauseError, match="started on another-machine"):
        start_driver(files, SLEEP, os.environ)
    assert record.is_alive()
    files.record.unlink()
    with pytest.raises(FirstcauseError, match="started on another-machine"):
        running_driver(files, elsewhere)


def test_stopping_takes_the_whole_family(files: DriverFiles) -> None:
    start_driver(files, FAMILY, os.environ)
    wait_for(lambda: len(driver_processes(files)) == 2)
    stop_driver(files, grace_seconds=5)
    assert driver_processes(files) == []
    assert running_driver(files) is None
    stop_driver(files, grace_seconds=5)


def test_what_ignores_sigterm_or_stands_still_is_killed(files: DriverFiles) -> None:
    start_driver(files, STUBBORN, os.environ)
    wait_for(lambda: "deaf" in "".join(last_log_lines(files.log, 20)))
    stop_driver(files, grace_seconds=0.2)
    assert driver_processes(files) == []
    record = start_driver(files, SLEEP, os.environ)
    os.kill(record.pid, signal.SIGSTOP)
    stop_driver(files, grace_seconds=0.2)
    assert driver_processes(files) == []


def test_only_the_python_driver_is_asked_to_finish(files: DriverFiles) -> None:
    """The JVM would end at once on SIGTERM, and take the batch with it."""
    polite = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('finished', flush=True), sys.exit()))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = (
        "import subprocess, sys, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('JVM was hit', flush=True))\n"
        "subprocess.run([sys.executable, '-c', sys.argv[1]])\n"
    )
    record = start_driver(files, [sys.executable, "-c", parent, polite], os.environ)
    wait_for(lambda: "ready" in "".join(last_log_lines(files.log, 20)))
    child = psutil.Process(record.pid).children()[0]
    ProgressFile(files.progress, "job").write(1, trigger_active=False)
    own = files.progress.read_text().replace(str(os.getpid()), str(child.pid))
    files.progress.write_text(own)
    stop_driver(files, grace_seconds=20)
    assert last_log_lines(files.log, 20) == ["ready", "finished"]


def test_a_driver_without_any_record_is_stopped_before_the_next_starts(files: DriverFiles) -> None:
    orphan = psutil.Popen(SLEEP, env={**os.environ, DRIVER_MARK: files.mark})
    wait_for(lambda: driver_processes(files))
    record = start_driver(files, SLEEP, os.environ)
    assert orphan.wait(5) != 0
    assert [process.pid for process in driver_processes(files)] == [record.pid]


def test_another_installation_is_left_alone(files: DriverFiles, tmp_path: Path) -> None:
    other = DriverFiles(
        "job", tmp_path / "2" / "job.json", tmp_path / "2" / "progress.json", tmp_path / "2.log"
    )
    try:
        theirs = start_driver(other, SLEEP, os.environ)
        start_driver(files, SLEEP, os.environ)
        stop_driver(files, grace_seconds=5)
        assert running_driver(other) == theirs
    finally:
        stop_driver(other, grace_seconds=0.1)


def test_starts_at_the_same_time_leave_one_driver(files: DriverFiles) -> None:
    threads = [
        threading.Thread(target=start_driver, args=(files, SLEEP, os.environ)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = running_driver(files)
    assert record is not None
    assert [process.pid for process in driver_processes(files)] == [record.pid]


def test_a_program_that_is_not_there_is_named(files: DriverFiles) -> None:
    with pytest.raises(FirstcauseError, match="no-such-program is not there"):
        start_driver(files, ["no-such-program"], os.environ)


def test_what_works_in_the_background_is_small_and_polite() -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        spark_driver_memory="3g",
        spark_spans_driver_memory="700m",
        spark_batch_driver_memory="900m",
    )
    assert driver_memory(settings, "store_logs") == "3g"
    assert driver_memory(settings, "store_spans") == "700m"
    assert driver_memory(settings, "learn_normal") == "900m"
    command = [sys.executable, "-c", "import os; print(os.nice(0))"]
    own = os.nice(0)
    told = {
        job: int(subprocess.check_output(at_its_priority(job, command)))
        for job in ("store_logs", "store_spans", "learn_normal")
    }
    polite = min(own + BACKGROUND_NICENESS, 19)
    assert told == {"store_logs": own, "store_spans": polite, "learn_normal": polite}


def test_where_memory_is_short_the_job_that_learns_goes_first() -> None:
    command = at_its_priority("learn_normal", ["cat", "/proc/self/oom_score_adj"])
    assert int(subprocess.check_output(command)) == FIRST_TO_BE_KILLED
