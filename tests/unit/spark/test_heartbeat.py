"""When a streaming driver counts as stalled, and how its heartbeat is read."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.streams.progress import Progress
from spark.driver.heartbeat_writer import ProgressFile
from spark.driver.stall_watch import StallLimits, StallWatch, is_stalled

LIMITS = StallLimits(startup_seconds=120, heartbeat_seconds=30, batch_seconds=300)
STARTED = 1_000.0


def beat(at: float, *, active: bool = False, batch_id: int = 4, finished: float = 1_000.0):
    return Progress(7, "store_logs", batch_id, finished, active, updated_at=at)


@pytest.mark.parametrize(
    ("progress", "now", "stalled"),
    [
        (None, STARTED + 119, False),
        (None, STARTED + 121, True),
        (beat(STARTED - 1), STARTED + 119, False),  # the predecessor's
        (beat(STARTED - 1), STARTED + 121, True),
        (beat(5_000), 5_029, False),
        (beat(5_000), 5_031, True),
        (beat(5_000, active=True, finished=4_701), 5_000, False),
        (beat(5_000, active=True, finished=4_699), 5_000, True),
        (beat(5_000, active=False, finished=2_000), 5_000, False),  # a quiet topic
    ],
)
def test_stall_rules(progress: Progress | None, now: float, stalled: bool) -> None:
    assert (is_stalled(progress, now, STARTED, LIMITS) is not None) == stalled


def test_the_first_batch_after_a_quiet_day_gets_its_whole_time() -> None:
    watch = StallWatch(STARTED, LIMITS)
    day_later = STARTED + 86_400
    working = beat(day_later, active=True)
    for second in range(0, 300, 10):
        now = day_later + second
        assert watch.observe(replace(working, updated_at=now), now) is None
    now = day_later + 301
    assert watch.observe(replace(working, updated_at=now), now) == (
        "batch 5 has been running for 301 s"
    )


def test_each_batch_has_a_time_of_its_own() -> None:
    watch = StallWatch(STARTED, LIMITS)
    now = STARTED
    for batch_id in range(20):
        for _ in range(25):
            now += 10
            heartbeat = beat(now, active=True, batch_id=batch_id, finished=STARTED)
            assert watch.observe(heartbeat, now) is None


@given(st.binary())
def test_whatever_the_file_holds_is_a_heartbeat_or_none(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        progress = Progress.read(Path(file.name))
    assert progress is None or isinstance(progress, Progress)


def test_what_the_driver_writes_is_what_the_supervisor_reads(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints" / "store_logs.progress.json"
    assert Progress.read(file) is None
    ProgressFile(file, "store_logs").write(3, trigger_active=True)
    progress = Progress.read(file)
    assert progress is not None
    assert (progress.job, progress.batch_id, progress.trigger_active) == ("store_logs", 3, True)
    assert progress.fatal_error is None
