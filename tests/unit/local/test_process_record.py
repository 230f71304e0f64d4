from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord, launch

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]);" + SLEEPER


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], ProcessRecord]]:
    records = []

    def _start(code: str) -> ProcessRecord:
        log_file = tmp_path / f"{len(records)}.log"
        record = launch(
            "sleeper",
            [sys.executable, "-c", code],
            env=dict(os.environ),
            log_file=log_file,
            cwd=tmp_path,
        )
        records.append(record)
        until(lambda: b"up" in log_file.read_bytes())
        return record

    yield _start
    for record in records:
        record.terminate_group(grace_seconds=0.1)


def test_a_record_survives_its_file(tmp_path: Path, start: Callable[[str], ProcessRecord]) -> None:
    record = start(SLEEPER)
    record.write(tmp_path / "run" / "sleeper.json")
    read = ProcessRecord.read(tmp_path / "run" / "sleeper.json")
    assert read == record
    assert read is not None
    assert read.is_alive()


def test_no_file_is_no_record_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kafka.json"
    assert ProcessRecord.read(path) is None
    for text in ("", "{", "[]", '{"pid": "x"}'):
        path.write_text(text)
        with pytest.raises(FirstcauseError, match=r"kafka\.json"):
            ProcessRecord.read(path)


def test_what_a_process_writes_is_for_its_owner_alone(
    start: Callable[[str], ProcessRecord], tmp_path: Path
) -> None:
    start("open('told', 'w').close();" + SLEEPER)
    assert (tmp_path / "told").stat().st_mode & 0o077 == 0


def test_a_detached_process_has_its_own_session_and_no_input(
    start: Callable[[str], ProcessRecord],
) -> None:
    record = start("import sys; assert sys.stdin.read() == '';" + SLEEPER)
    assert os.getsid(record.pid) == record.pid != os.getsid(0)


def test_a_pid_with_another_start_is_not_ours_and_is_left_alone(
    start: Callable[[str], ProcessRecord],
) -> None:
    theirs = start(SLEEPER)
    ours = dataclasses.replace(
        theirs, start=dataclasses.replace(theirs.start, ticks=theirs.start.ticks - 6000)
    )
    assert not ours.is_alive()
    ours.terminate_group(grace_seconds=0.1)
    assert theirs.is_alive()


def test_a_record_from_before_the_last_boot_stops_nothing(
    start: Callable[[str], ProcessRecord],
) -> None:
    theirs = start(SLEEPER)
    before_boot = dataclasses.replace(
        theirs, start=dataclasses.replace(theirs.start, boot_id="the boot before")
    )
    assert not before_boot.is_alive()
    assert before_boot.session_members() == []


@pytest.mark.parametrize("step_seconds", [-3600.0, 3.0, 86_400.0])
def test_a_step_of_the_clock_leaves_a_living_process_ours(
    start: Callable[[str], ProcessRecord], monkeypatch: pytest.MonkeyPatch, step_seconds: float
) -> None:
    record = start(SLEEPER)
    # The kernel tells another boot time after the clock was set, and all that is computed from it.
    before = psutil._pslinux.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: before + step_seconds)
    monkeypatch.setattr(psutil._pslinux, "BOOT_TIME", before + step_seconds, raising=False)
    monkeypatch.setattr(psutil, "boot_time", lambda: before + step_seconds)
    assert record.is_alive()
    assert len(record.session_members()) == 1
    record.terminate_group(grace_seconds=10)
    assert not record.is_alive()


def test_a_process_of_another_machine_is_not_looked_for_here(
    start: Callable[[str], ProcessRecord],
) -> None:
    theirs = start(SLEEPER)
    elsewhere = dataclasses.replace(
        theirs, start=dataclasses.replace(theirs.start, host="another-machine")
    )
    assert elsewhere.start.is_elsewhere
    assert not elsewhere.is_alive()
    elsewhere.terminate_group(grace_seconds=0.1)
    assert theirs.is_alive()


def test_terminate_stops_children_too(start: Callable[[str], ProcessRecord]) -> None:
    record = start(PARENT)
    until(lambda: len(record.session_members()) == 2)
    record.terminate_group(grace_seconds=10)
    assert record.session_members() == []
    record.terminate_group(grace_seconds=10)  # again: harmless


def test_what_a_killed_leader_leaves_is_found_and_stopped(
    start: Callable[[str], ProcessRecord],
) -> None:
    record = start(PARENT)
    until(lambda: len(record.session_members()) == 2)
    os.kill(record.pid, signal.SIGKILL)
    until(lambda: not record.is_alive())
    (left,) = record.session_members()
    record.terminate_group(grace_seconds=10)
    until(lambda: not psutil.pid_exists(left.pid) or left.status() == psutil.STATUS_ZOMBIE)


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(
    start: Callable[[str], ProcessRecord],
) -> None:
    record = start(STUBBORN)
    record.terminate_group(grace_seconds=0.3)
    assert not record.is_alive()


def test_a_process_outlives_a_killed_launcher(tmp_path: Path) -> None:
    record_file = tmp_path / "sleeper.json"
    launcher = f"""
import os, signal, sys
from pathlib import Path
from firstcause.local.process_record import launch
record = launch("sleeper", [sys.executable, "-c", {SLEEPER!r}], env=dict(os.environ),
                log_file=Path({str(tmp_path / "log")!r}), cwd=Path({str(tmp_path)!r}))
record.write(Path({str(record_file)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", launcher], check=False).returncode == -9
    record = ProcessRecord.read(record_file)
    assert record is not None
    try:
        assert record.is_alive()
    finally:
        record.terminate_group(grace_seconds=5)
    assert not record.is_alive()


def test_a_missing_program_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FirstcauseError, match="no-such-program is not there"):
        launch("x", ["no-such-program"], env={}, log_file=tmp_path / "log", cwd=tmp_path)
