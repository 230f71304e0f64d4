"""Runs background work in repeated passes; a failed pass is retried by the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from firstcause.storage.cassandra import AWAY
from log_analyzer import metrics

TICK_SECONDS: Final = 0.5
PAUSE_MAX_SECONDS: Final = 10.0

_log = structlog.get_logger()


def run_passes(name: str, run_once: Callable[[], None], stopping: threading.Event) -> None:
    """Calls `run_once` each `TICK_SECONDS` until `stopping`, whatever Cassandra does.

    A pass that fails is logged and done again with growing pauses, at most 10 s.
    """
    failures = 0
    while not stopping.is_set():
        try:
            run_once()
            failures = 0
        except AWAY as error:
            failures += 1
            _log.warning("store_away", worker=name, reason=f"{type(error).__name__}: {error}"[:300])
        except Exception:  # noqa: BLE001 - told, counted, and tried again in the next pass
            failures += 1
            metrics.WORKER_FAILURES.labels(worker=name).inc()
            _log.exception("worker_pass_failed", worker=name)
        stopping.wait(min(PAUSE_MAX_SECONDS, TICK_SECONDS * 2 ** min(failures, 5)))
