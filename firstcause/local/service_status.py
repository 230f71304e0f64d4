"""The state of each local service."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

import psutil

from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import Service, record_path
from firstcause.local.shutdown import driver_records
from firstcause.settings import Settings


class State(StrEnum):
    """What a service is doing."""

    RUNNING = "running"
    STARTING = "starting"
    NOT_ANSWERING = "not answering"
    CRASHED = "crashed"
    STOPPED = "stopped"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One line of `firstcause status`.

    Attributes:
        memory_bytes: of all its processes: proportional set size where the system tells it,
            else resident set size. None while it does not run.
        uptime_seconds: since its process started; None while it does not run.
    """

    name: str
    state: State
    address: str
    pid: int | None
    memory_bytes: int | None
    uptime_seconds: float | None
    log_file: str

    @property
    def is_wrong(self) -> bool:
        """True when a person should look: it should run and does not."""
        return self.state in {State.CRASHED, State.NOT_ANSWERING}


def service_statuses(settings: Settings, services: Sequence[Service]) -> list[ServiceStatus]:
    """The services, remote ones too, then the Spark drivers. Blocks for 10 s at the most."""
    with ThreadPoolExecutor(max_workers=max(1, len(services))) as pool:
        statuses = list(pool.map(lambda service: _status(settings, service), services))
    if not settings.kafka_is_local:
        statuses.append(_remote("kafka", settings.kafka_bootstrap_servers))
    if not settings.cassandra_is_local:
        contact_points = settings.cassandra_contact_points
        statuses.append(_remote("cassandra", f"{contact_points}:{settings.cassandra_port}"))
    for path in driver_records(settings):
        record = ProcessRecord.read(path)
        if record is not None:
            state = State.RUNNING if record.is_alive() else _ended(record)
            statuses.append(_of_record(f"driver {record.name}", state, "", record))
    return statuses


def _status(settings: Settings, service: Service) -> ServiceStatus:
    record = ProcessRecord.read(record_path(settings, service.name))
    if record is None:
        return ServiceStatus(
            service.name, State.STOPPED, service.address, None, None, None, str(service.log_file)
        )
    if not record.is_alive():
        state = _ended(record)
    elif service.is_ready(record):
        state = State.RUNNING
    elif time.time() - record.create_time < service.start_timeout_seconds:
        state = State.STARTING
    else:
        state = State.NOT_ANSWERING
    return _of_record(service.name, state, service.address, record)


def _of_record(name: str, state: State, address: str, record: ProcessRecord) -> ServiceStatus:
    alive = record.is_alive()
    return ServiceStatus(
        name=name,
        state=state,
        address=address,
        pid=record.pid if alive else None,
        memory_bytes=sum(map(_memory_bytes, record.session_members())) if alive else None,
        uptime_seconds=time.time() - record.create_time if alive else None,
        log_file=record.log_file,
    )


def _remote(name: str, address: str) -> ServiceStatus:
    return ServiceStatus(name, State.REMOTE, address, None, None, None, "")


def _ended(record: ProcessRecord) -> State:
    """A service that ended with the machine did not crash."""
    return State.STOPPED if record.start.is_before_boot else State.CRASHED


def _memory_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", 0) or memory.rss)
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
