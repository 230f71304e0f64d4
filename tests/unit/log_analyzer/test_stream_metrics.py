"""What Prometheus is told of the streaming jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from log_analyzer.stream_metrics import StreamCollector
from spark.driver.heartbeat_writer import ProgressFile
from spark.streaming.lag import lag_messages


def figures(folder: Path) -> dict[tuple[str, str], float]:
    return {
        (sample.name.removeprefix("firstcause_stream_"), sample.labels["stream"]): sample.value
        for family in StreamCollector(folder).collect()
        for sample in family.samples
    }


def test_lag_and_ages_are_told_by_job(tmp_path: Path) -> None:
    logs = ProgressFile(tmp_path / "store_logs.progress.json", "store_logs")
    logs.write(3, trigger_active=True, lag_messages=1200)
    ProgressFile(tmp_path / "store_spans.progress.json", "store_spans").write(
        -1, trigger_active=False
    )
    told = figures(tmp_path)
    assert told["lag_messages", "store_logs"] == 1200
    assert ("lag_messages", "store_spans") not in told
    for job in ("store_logs", "store_spans"):
        assert 0 <= told["heartbeat_age_seconds", job] < 60


def test_a_dead_driver_shows_by_the_age_of_its_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ProgressFile(tmp_path / "store_logs.progress.json", "store_logs").write(3, trigger_active=True)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 600)
    assert figures(tmp_path)["heartbeat_age_seconds", "store_logs"] >= 600


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"job": "x"}', b'{"job": "x", "updated_at": "y"}']
)
def test_a_broken_heartbeat_is_no_figure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.progress.json").write_bytes(content)
    assert figures(tmp_path) == {}


def test_the_lag_is_what_kafka_has_beyond_the_batch() -> None:
    source = {
        "latestOffset": {"logs": {"0": 110, "1": 50, "2": 7}},
        "endOffset": {"logs": {"0": 100, "1": 50}},
    }
    assert lag_messages({"sources": [source]}) == 10
    unknown = {"latestOffset": None, "endOffset": {"logs": {"0": 1}}}
    for progress in (None, {}, {"sources": []}, {"sources": [unknown]}):
        assert lag_messages(progress) is None
