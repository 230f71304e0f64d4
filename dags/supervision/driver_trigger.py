"""Watches a streaming driver from the triggerer, which holds no worker slot.

The triggerer calls `on_kill` only when a person acts on the task (marks it failed or
successful, clears it). A triggerer that stops, restarts or is killed leaves the driver alone:
the trigger is then run again, here or elsewhere, and goes on watching.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from firstcause.local.process_record import ProcessRecord
from firstcause.streams.progress import Progress
from spark.driver.process import DriverFiles, refuse_elsewhere, stop_driver
from spark.driver.stall_watch import StallLimits, StallWatch

# A person who marks a run failed wants the driver gone; what it had in hand is done again.
KILL_GRACE_SECONDS = 0.5
# A driver that lived so long died of something new, so it is restarted without a delay.
SETTLED_SECONDS = 60.0


class DriverTrigger(BaseTrigger):
    """Fires one event when the driver needs attention, with a `status` and a `reason`.

    `dead`: the process ended. `stalled`: it lives without progress. `fatal`: it said itself
    that no restart helps. `finished`: `run_until` is over.

    Args:
        record: the driver's process, by `record_fields`.
        files: its files, by `file_fields`.
        limits: how long it may be silent, as `asdict(StallLimits)`.
        run_until: seconds since the epoch at which the stream is to be finished; 0 for never.
        restart_delay_seconds: wait before telling of a driver that died soon after its start.
        poll_seconds: how often to look.
    """

    def __init__(
        self,
        record: dict[str, Any],
        files: dict[str, str],
        limits: dict[str, float],
        run_until: float = 0.0,
        restart_delay_seconds: float = 0.0,
        poll_seconds: float = 1.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.record = record_of(record)
        self.files = DriverFiles(
            files["job"], *(Path(files[name]) for name in ("record", "progress", "log"))
        )
        self.limits = StallLimits(**limits)
        self.run_until = run_until
        self.restart_delay_seconds = restart_delay_seconds
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments, as the triggerer needs them."""
        return (
            "dags.supervision.driver_trigger.DriverTrigger",
            {
                "record": record_fields(self.record),
                "files": file_fields(self.files),
                "limits": asdict(self.limits),
                "run_until": self.run_until,
                "restart_delay_seconds": self.restart_delay_seconds,
                "poll_seconds": self.poll_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks once every `poll_seconds` until the driver needs attention.

        Raises:
            FirstcauseError: the driver was started on another machine than this triggerer's.
        """
        refuse_elsewhere(self.files, self.record)
        watch = StallWatch(self.record.create_time, self.limits)
        while True:
            # Files may lie on a slow disk, and a blocked triggerer stops every trigger it has.
            verdict = await asyncio.to_thread(self._look, watch, time.time())
            if verdict is not None:
                break
            await asyncio.sleep(self.poll_seconds)
        lived_seconds = time.time() - self.record.create_time
        if verdict["status"] == "dead" and lived_seconds < SETTLED_SECONDS:
            await asyncio.sleep(self.restart_delay_seconds)
        yield TriggerEvent({**verdict, "pid": self.record.pid})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Stops the driver: a person marked the task failed or successful, or cleared it."""
        self.log.info("Stopping driver %s of %s.", self.record.pid, self.files.job)
        await asyncio.to_thread(stop_driver, self.files, grace_seconds=KILL_GRACE_SECONDS)

    def _look(self, watch: StallWatch, now: float) -> dict[str, str] | None:
        progress = Progress.read(self.files.progress)
        # The predecessor's heartbeat says nothing about this driver.
        own = progress if progress and progress.updated_at >= self.record.create_time else None
        if own is not None and own.fatal_error:
            return {"status": "fatal", "reason": own.fatal_error}
        if not self.record.is_alive():
            return {"status": "dead", "reason": "its process ended"}
        if self.run_until and now >= self.run_until:
            return {"status": "finished", "reason": "its time is over"}
        stall = watch.observe(own, now)
        return {"status": "stalled", "reason": stall} if stall else None


def record_fields(record: ProcessRecord) -> dict[str, Any]:
    """A process record as JSON takes it; the command line stays out of Airflow's database."""
    return {**asdict(record), "command": []}


def record_of(fields: dict[str, Any]) -> ProcessRecord:
    """The process record of `record_fields`."""
    return ProcessRecord.from_fields(fields)


def file_fields(files: DriverFiles) -> dict[str, str]:
    """A driver's files as JSON takes them."""
    return {name: str(value) for name, value in asdict(files).items()}
