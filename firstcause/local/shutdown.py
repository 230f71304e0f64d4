"""Stopping: all that `up` started, and the Spark drivers that Airflow started, nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import Service, record_path
from firstcause.settings import Settings

DRIVER_STOP_RANK: Final = 1
DRIVER_GRACE_SECONDS: Final = 15.0

# What `--wipe` removes below FIRSTCAUSE_HOME; anything else there is not ours to remove.
WIPED: Final = (
    "airflow",
    "cassandra",
    "checkpoints",
    "kafka",
    "logs",
    "run",
    "slack_preview.jsonl",
    "slack_preview.lock",
    "slack_preview_pictures",
)


def driver_records(settings: Settings) -> list[Path]:
    """The records that Spark drivers keep of themselves."""
    return sorted((settings.run_dir / "drivers").glob("*.json"))


def stop(
    settings: Settings,
    services: Sequence[Service],
    *,
    with_drivers: bool,
    tell: Callable[[str], None],
) -> None:
    """Stops by rank, equal ranks together; removes the records. Blocks; harmless when repeated.

    Airflow goes first, so that nothing restarts a driver; then drivers and the analyzer;
    Kafka and Cassandra last.

    Raises:
        FirstcauseError: a process outlived SIGKILL.
    """
    stops = [
        (service.stop_rank, service.stop_grace_seconds, record_path(settings, service.name))
        for service in services
    ]
    ranks = {rank for rank, _, _ in stops} | ({DRIVER_STOP_RANK} if with_drivers else set())
    for rank in sorted(ranks):
        batch = [(grace, path) for its_rank, grace, path in stops if its_rank == rank]
        if with_drivers and rank == DRIVER_STOP_RANK:
            # Looked up only now: until Airflow has stopped, it may still start one.
            batch += [(DRIVER_GRACE_SECONDS, path) for path in driver_records(settings)]
        with ThreadPoolExecutor(max_workers=max(1, len(batch))) as pool:
            stopped = list(pool.map(lambda one: _stop_one(one[1], one[0]), batch))
        for name in stopped:
            if name:
                tell(f"{name} stopped")


def clear_crashed(settings: Settings, services: Sequence[Service]) -> None:
    """Stops what crashed services left behind, children that may still hold their ports."""
    for service in services:
        record = ProcessRecord.read(record_path(settings, service.name))
        if record is not None and not record.is_alive():
            record.terminate_group(service.stop_grace_seconds)


def wipe(settings: Settings) -> None:
    """Removes the data of the local services. The jars stay."""
    for name in WIPED:
        path = settings.firstcause_home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _stop_one(path: Path, grace_seconds: float) -> str | None:
    """Stops a recorded process; its name, or None when there was nothing to stop."""
    record = ProcessRecord.read(path)
    if record is None:
        return None
    was_there = bool(record.session_members())
    record.terminate_group(grace_seconds)
    path.unlink(missing_ok=True)
    return record.name if was_there else None
