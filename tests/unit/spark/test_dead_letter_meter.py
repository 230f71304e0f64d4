"""A broker that tells no sizes costs the measurement and no batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firstcause.dead_letters.fill import read_fill
from firstcause.settings import Settings
from spark.store import dead_letter_meter
from spark.store.dead_letter_meter import DeadLetterMeter


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, firstcause_home=tmp_path)  # type: ignore[call-arg]


def test_what_was_measured_is_kept_and_asked_once_a_minute(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def measure(_session: Any, _servers: str, topic: str) -> int:
        asked.append(topic)
        return 42

    monkeypatch.setattr(dead_letter_meter, "topic_bytes", measure)
    meter = DeadLetterMeter(None, settings)  # type: ignore[arg-type]
    meter.measure_when_due()
    meter.measure_when_due()
    assert asked == [settings.kafka_dead_letter_topic]
    fill = read_fill(settings)
    assert fill is not None
    assert (fill.used_bytes, fill.bound_bytes) == (42, settings.kafka_dead_letter_max_bytes)


def test_a_failed_measurement_fails_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> int:
        raise TypeError("'JavaObject' object is not iterable")

    monkeypatch.setattr(dead_letter_meter, "topic_bytes", fail)
    DeadLetterMeter(None, settings).measure_when_due()  # type: ignore[arg-type]
    assert read_fill(settings) is None
