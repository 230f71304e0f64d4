"""The watch over the pipeline: once a minute, told once by all instances together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from alerting.alert import Alert
from alerting.pipeline import JobReading, PipelineLimits, Reading
from alerting.windows import MINUTE_MS
from firstcause.alerts.store import StoredAlert
from firstcause.settings import Settings
from log_analyzer.workers.pipeline_reading import PipelineReader, jobs_of
from log_analyzer.workers.pipeline_watch import PipelineWatch
from spark.driver.heartbeat_writer import ProgressFile

START_MS = 1_767_225_600_000
LIMITS = PipelineLimits(silent_ms=15 * MINUTE_MS, stalled_ms=10 * MINUTE_MS)


class Installation:
    """No log has come for 20 minutes, and the wall clock moves by hand."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.stored: dict[str, StoredAlert] = {}
        self.told: list[Alert] = []

    def watch(self) -> PipelineWatch:
        return PipelineWatch(
            read=lambda: Reading(self.now_ms, START_MS - 20 * MINUTE_MS, 0, []),
            store=self,
            limits=LIMITS,
            clock_ms=lambda: self.now_ms,
        )

    def between(
        self, start_ms: int, end_ms: int, service_name: str | None = None
    ) -> Sequence[StoredAlert]:
        return [one for one in self.stored.values() if one.alert.service_name == service_name]

    def turn(self, watch: PipelineWatch, minutes: int = 1) -> None:
        self.now_ms += minutes * MINUTE_MS
        found = watch.look()
        if found is not None:
            self.told += found.news
            for one in found.changed:
                self.stored[str(one.alert_id)] = StoredAlert(one, self.now_ms)


def test_an_alert_is_told_once_by_all_instances_and_after_restarts() -> None:
    own = Installation()
    first, second = own.watch(), own.watch()
    own.turn(first)
    assert own.told == []
    own.turn(first, 15)
    for watch in (second, first, own.watch(), second):
        own.turn(watch)
    assert [one.rule for one in own.told] == ["no_logs"]
    (stored,) = own.stored.values()
    assert stored.alert.last_window_end_ms == own.now_ms


def test_a_minute_is_judged_once() -> None:
    own = Installation()
    watch = own.watch()
    own.turn(watch)
    assert watch.look() is None


def test_while_kafka_is_away_the_analyzer_is_still_one_of_the_jobs(tmp_path: Path) -> None:
    settings = Settings(firstcause_home=tmp_path, kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("log_analyzer.workers.pipeline_reading.TIMEOUT_SECONDS", 0.2)
        found = PipelineReader(settings, clock_ms=lambda: START_MS).read()
    assert found == Reading(START_MS, None, None, [JobReading("analyzer", None, None, None)])


def test_heartbeats_are_read_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    beat = {"pid": 1, "job": "store_logs", "batch_id": 3, "updated_at": 12.5}
    beat |= {"batch_finished_at": 10.0, "lag_messages": 7}
    for name, active in (("a", True), ("b", False)):
        content = json.dumps({**beat, "trigger_active": active})
        (tmp_path / f"{name}.progress.json").write_text(content)
    ProgressFile(tmp_path / "b2.progress.json", "spans").write_stopped()
    (tmp_path / "c.progress.json").write_text("[]")
    (tmp_path / "d.progress.json").write_text("{")
    (tmp_path / "e.progress.json").write_text("{}")
    # Without a batch at work there is nothing that could hang.
    assert jobs_of(tmp_path) == [
        JobReading("store_logs", 12_500, 10_000, 7),
        JobReading("store_logs", 12_500, None, 7),
        JobReading("spans", None, None, None, is_stopped=True),
    ]
