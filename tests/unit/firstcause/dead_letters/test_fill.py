"""How full the dead-letter topic is, as a store job tells the others."""

from __future__ import annotations

import math
from pathlib import Path

from firstcause.dead_letters.fill import DeadLetterFill, read_fill, write_fill
from firstcause.settings import Settings
from log_analyzer import metrics


def settings_at(home: Path) -> Settings:
    return Settings(_env_file=None, firstcause_home=home)  # type: ignore[call-arg]


def test_a_measurement_is_read_as_it_was_written(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    assert read_fill(settings) is None
    write_fill(settings, DeadLetterFill(7, 100))
    assert read_fill(settings) == DeadLetterFill(7, 100)
    (settings.checkpoints_dir / "dead_letter_fill.json").write_text("{")
    assert read_fill(settings) is None


def test_a_warning_comes_long_before_letters_are_deleted() -> None:
    """From half of the bound on the oldest go."""
    assert not DeadLetterFill(24, 100).is_worth_a_warning
    assert DeadLetterFill(25, 100).is_worth_a_warning


def test_the_metric_follows_the_measurement(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    metrics.show_settings(settings)
    [metric] = metrics.DEAD_LETTER_BYTES.collect()
    assert math.isnan(metric.samples[0].value)
    write_fill(settings, DeadLetterFill(7, 100))
    [metric] = metrics.DEAD_LETTER_BYTES.collect()
    assert metric.samples[0].value == 7
