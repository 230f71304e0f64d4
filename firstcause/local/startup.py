"""Starts services and tasks in the order of their dependencies, in parallel where possible."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord, launch
from firstcause.local.service import (
    Service,
    Task,
    last_log_lines,
    log_size_bytes,
    record_path,
    set_large_log_aside,
)
from firstcause.settings import Settings

POLL_SECONDS: Final = 0.5


class Phase(StrEnum):
    """How far a service or a task is."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(slots=True)
class StepProgress:
    """One service or task on its way up; written by its thread, read by the one that shows it.

    Attributes:
        began: `time.monotonic()` when its dependencies were ready; None before.
        ended: the same when it was ready or failed; None before.
        log_start_bytes: how long the log was when it began.
    """

    name: str
    waits_for: frozenset[str]
    log_file: Path | None
    phase: Phase = Phase.WAITING
    began: float | None = None
    ended: float | None = None
    log_start_bytes: int = 0

    def begin(self) -> None:
        """Its dependencies are ready: from now on its time counts and its log is its own."""
        if self.log_file is not None:
            self.log_start_bytes = log_size_bytes(self.log_file)
        self.began, self.phase = time.monotonic(), Phase.STARTING

    def end(self, phase: Phase) -> None:
        """It is ready or has failed."""
        self.ended, self.phase = time.monotonic(), phase

    def last_log_lines(self, count: int) -> list[str]:
        """The last lines that it has logged since it began."""
        if self.log_file is None:
            return []
        return last_log_lines(self.log_file, count, after_bytes=self.log_start_bytes)

    @property
    def seconds(self) -> float:
        """Time since it began, until it ended."""
        if self.began is None:
            return 0.0
        return (self.ended or time.monotonic()) - self.began


class Startup:
    """One start of several services and tasks. Services that run already are left as they are."""

    def __init__(self, settings: Settings, steps: Sequence[Service | Task]) -> None:
        names = {step.name for step in steps}
        self._settings = settings
        self._steps = steps
        # A dependency that is not part of this start is taken to be there.
        self.progress = {
            step.name: StepProgress(step.name, step.depends_on & names, step.log_file)
            for step in steps
        }
        self._ready = {step.name: threading.Event() for step in steps}
        self._cancelled = threading.Event()

    def run(self, show: Callable[[Sequence[StepProgress]], None]) -> None:
        """Blocks until all are ready; calls `show` twice a second meanwhile.

        What has started stays when another fails: `firstcause status` shows it.

        Raises:
            FirstcauseError: the first failure: a process died, or did not answer in time.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(self._steps))) as pool:
            futures: list[Future[None]] = [pool.submit(self._run, step) for step in self._steps]
            try:
                pending = set(futures)
                while pending:
                    done, pending = wait(pending, POLL_SECONDS, return_when=FIRST_EXCEPTION)
                    show(list(self.progress.values()))
                    for future in done:
                        future.result()
            finally:
                self._cancelled.set()

    def _run(self, step: Service | Task) -> None:
        progress = self.progress[step.name]
        for name in progress.waits_for:
            while not self._ready[name].wait(POLL_SECONDS):
                if self._cancelled.is_set():
                    return
        progress.begin()
        try:
            if isinstance(step, Task):
                step.run()
            else:
                self._start(step)
        except BaseException:
            progress.end(Phase.FAILED)
            raise
        if not self._cancelled.is_set():
            progress.end(Phase.READY)
            self._ready[step.name].set()

    def _start(self, service: Service) -> None:
        path = record_path(self._settings, service.name)
        record = ProcessRecord.read(path)
        if record is None or not record.is_alive():
            if set_large_log_aside(service.log_file):
                self.progress[service.name].log_start_bytes = 0
            service.prepare()
            if self._cancelled.is_set():
                return
            record = launch(
                service.name,
                service.command,
                env=service.env,
                log_file=service.log_file,
                cwd=self._settings.firstcause_home,
            )
            record.write(path)
        deadline = time.monotonic() + service.start_timeout_seconds
        while not self._cancelled.is_set():
            if not record.is_alive():
                raise FirstcauseError(f"{service.name} died while starting. {self._tail(service)}")
            if service.is_ready(record):
                return
            if time.monotonic() > deadline:
                raise FirstcauseError(
                    f"{service.name} did not answer within "
                    f"{service.start_timeout_seconds:.0f} s. {self._tail(service)}"
                )
            self._cancelled.wait(POLL_SECONDS)

    def _tail(self, service: Service) -> str:
        lines = self.progress[service.name].last_log_lines(8)
        told = "".join(f"\n    {line}" for line in lines) or " (nothing)"
        return f"Its log, {service.log_file}, ends with:{told}"
