"""Decides from its heartbeats when a streaming driver has stalled.

A live process is no proof of progress. The driver writes its progress file once a second
(`spark.driver.heartbeat_writer`); whoever supervises it reads the file as `Progress` and asks
`StallWatch`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firstcause.settings import Settings
from firstcause.streams.progress import Progress


@dataclass(frozen=True, slots=True)
class StallLimits:
    """How long a driver may be silent, in seconds.

    Attributes:
        startup_seconds: from its start to its first heartbeat (a JVM, jars, a checkpoint).
        heartbeat_seconds: between two heartbeats; a driver that asks an absent Kafka for its
            offsets may be silent for a minute.
        batch_seconds: one batch.
    """

    startup_seconds: float = 120.0
    heartbeat_seconds: float = 120.0
    batch_seconds: float = 300.0

    @classmethod
    def of(cls, settings: Settings) -> StallLimits:
        """The limits that go with `SPARK_STALL_SECONDS`."""
        return cls(
            heartbeat_seconds=min(120.0, settings.spark_stall_seconds),
            batch_seconds=settings.spark_stall_seconds,
        )


def is_stalled(
    progress: Progress | None,
    now: float,
    started_at: float,
    limits: StallLimits,
    active_since: float | None = None,
) -> str | None:
    """Why the driver counts as stalled; None when it does not.

    Args:
        progress: its newest heartbeat. One from before `started_at` is its predecessor's.
        now: seconds since the epoch.
        started_at: when the driver's process began, seconds since the epoch.
        limits: how long it may be silent.
        active_since: when the batch that is being worked on was first seen. Without it a batch
            counts from the end of the one before, which is too early on a quiet topic.
    """
    if progress is None or progress.updated_at < started_at:
        silent_seconds = now - started_at
        if silent_seconds > limits.startup_seconds:
            return f"no heartbeat {silent_seconds:.0f} s after its start"
        return None
    silent_seconds = now - progress.updated_at
    if silent_seconds > limits.heartbeat_seconds:
        return f"no heartbeat for {silent_seconds:.0f} s"
    if progress.trigger_active:
        batch_seconds = now - max(progress.batch_finished_at, active_since or 0.0, started_at)
        if batch_seconds > limits.batch_seconds:
            return f"batch {progress.batch_id + 1} has been running for {batch_seconds:.0f} s"
    return None


@dataclass(slots=True)
class StallWatch:
    """Looks at one driver again and again, and remembers since when its batch is running."""

    started_at: float
    limits: StallLimits
    _batch: tuple[int, float] | None = field(default=None, init=False)
    _active_since: float = field(default=0.0, init=False)

    def observe(self, progress: Progress | None, now: float) -> str | None:
        """Takes in the newest heartbeat; tells why the driver counts as stalled, or None."""
        batch = (
            (progress.batch_id, progress.batch_finished_at)
            if progress is not None and progress.trigger_active
            else None
        )
        if batch != self._batch:
            self._batch, self._active_since = batch, now
        return is_stalled(progress, now, self.started_at, self.limits, self._active_since)
