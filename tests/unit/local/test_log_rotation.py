"""Log files of processes that go on writing."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from firstcause.local.log_rotation import rotate_large_logs
from firstcause.local.process_record import launch

WRITER = """
import sys, time
for n in range(100_000):
    print(f"line {n:06d} " + "x" * 80, flush=True)
    time.sleep(0.0005)
"""


def test_a_running_process_goes_on_in_the_emptied_file(tmp_path: Path) -> None:
    log_file = tmp_path / "kafka.log"
    record = launch(
        "kafka", [sys.executable, "-c", WRITER], env=os.environ, log_file=log_file, cwd=tmp_path
    )
    try:
        deadline = time.monotonic() + 60
        rotations = 0
        while rotations < 3:
            assert time.monotonic() < deadline
            rotations += len(rotate_large_logs(tmp_path, large_bytes=10_000))
            assert log_file.stat().st_size < 1_000_000
            time.sleep(0.01)
    finally:
        record.terminate_group(5)
    # No hole at the beginning, and the older lines are beside it.
    assert log_file.read_bytes()[:1] in {b"l", b""}
    assert (tmp_path / "kafka.log.1").read_text().startswith("line ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kafka.log", "kafka.log.1"]


def test_small_logs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "analyzer.log").write_text("one line\n")
    assert rotate_large_logs(tmp_path) == []
    assert (tmp_path / "analyzer.log").read_text() == "one line\n"
