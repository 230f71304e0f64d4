"""Log lines of the processes, as they reach the file that others write to as well."""

import io
import json
import sys

import pytest
import stamina
import structlog

from firstcause.settings import Settings
from firstcause.structured_logging import configure_logging


class RecordedWrites(io.StringIO):
    """Keeps each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def test_a_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's line can't come between a line and its end."""
    stream = RecordedWrites()
    monkeypatch.setattr(sys, "stderr", stream)
    try:
        configure_logging(Settings())
        structlog.get_logger().warning("batch_searched", batch_id=1)
        structlog.get_logger().warning("probe_stored")
    finally:
        structlog.reset_defaults()
    assert [json.loads(text)["event"] for text in stream.writes] == [
        "batch_searched",
        "probe_stored",
    ]
    assert all(text.endswith("\n") for text in stream.writes)


@pytest.mark.parametrize(("log_format", "told"), [("json", True), ("console", False)])
def test_attempts_are_logged_for_machines_alone(
    monkeypatch: pytest.MonkeyPatch, log_format: str, told: bool
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    try:
        configure_logging(Settings(log_format=log_format))
        for attempt in stamina.retry_context(on=KeyError, wait_initial=0, wait_jitter=0):
            with attempt:
                if attempt.num == 1:
                    raise KeyError
    finally:
        structlog.reset_defaults()
        stamina.instrumentation.set_on_retry_hooks(None)
    assert ("retry_scheduled" in stream.getvalue()) is told
