"""Stops the services that `up` started, and the Spark drivers that Airflow started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import Service, record_path
from firstcause.settings import Settings

DRIVER_STOP_RANK: Final = 1


def driver_records(settings: Settings) -> list[Path]:
    """The records that Spark drivers keep of themselves."""
    return sorted((settings.run_dir / "drivers").glob("*.json"))


def stop(
    settings: Settings,
    services: Sequence[Service],
    *,
    stop_driver: Callable[[str], None] | None,
    tell: Callable[[str], None],
) -> None:
    """Stops by rank, equal ranks together; removes the records. Blocks; harmless when repeated.

    `stop_driver` stops the Spark driver of a job, given its name; None leaves drivers alone.
    Airflow goes first, so that nothing restarts a driver; then drivers and the analyzer;
    Kafka and Cassandra last.

    Raises:
        FirstcauseError: a process outlived SIGKILL.
    """
    ranks = {one.stop_rank for one in services} | ({DRIVER_STOP_RANK} if stop_driver else set())
    for rank in sorted(ranks):
        stops: list[Callable[[], str | None]] = [
            partial(_stop_service, settings, one) for one in services if one.stop_rank == rank
        ]
        if stop_driver is not None and rank == DRIVER_STOP_RANK:
            # Looked up only now: until Airflow has stopped, it may still start one.
            stops += [partial(_stop_driver, path, stop_driver) for path in driver_records(settings)]
        with ThreadPoolExecutor(max_workers=max(1, len(stops))) as pool:
            stopped = list(pool.map(lambda stop_one: stop_one(), stops))
        for name in stopped:
            if name:
                tell(f"{name} stopped")


def clear_crashed(settings: Settings, services: Sequence[Service]) -> None:
    """Stops what crashed services left behind, children that may still hold their ports."""
    for service in services:
        record = ProcessRecord.read(record_path(settings, service.name))
        if record is not None and not record.is_alive():
            record.terminate_group(service.stop_grace_seconds, service.leader_stop_signal)


def _stop_service(settings: Settings, service: Service) -> str | None:
    """Stops a service; its name, or None when there was nothing to stop."""
    path = record_path(settings, service.name)
    record = ProcessRecord.read(path)
    if record is None:
        return None
    was_there = bool(record.session_members())
    record.terminate_group(service.stop_grace_seconds, service.leader_stop_signal)
    path.unlink(missing_ok=True)
    return record.name if was_there else None


def _stop_driver(path: Path, stop_driver: Callable[[str], None]) -> str | None:
    """Stops a driver; its name, or None when there was nothing to stop."""
    record = ProcessRecord.read(path)
    if record is None:
        return None
    was_there = bool(record.session_members())
    stop_driver(record.name)
    path.unlink(missing_ok=True)
    return record.name if was_there else None
