"""The services and tasks of one installation, and the lock that allows one change at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.kafka import topics
from firstcause.local.daemons.airflow import airflow_database_task, airflow_services
from firstcause.local.daemons.analyzer import analyzer_service
from firstcause.local.daemons.api import api_service
from firstcause.local.daemons.cassandra_node import cassandra_service
from firstcause.local.daemons.ingest import ingest_service
from firstcause.local.daemons.kafka import kafka_service
from firstcause.local.daemons.postgres import postgres_service
from firstcause.local.daemons.search_indexer import search_indexer_service
from firstcause.local.monitoring import (
    MONITORING_NAMES,
    monitoring_services,
    monitoring_was_started,
)
from firstcause.local.service import Service, Task
from firstcause.settings import Settings
from firstcause.storage import migrations

LOCK_TIMEOUT_SECONDS: Final = 600.0

SERVICE_NAMES: Final = (
    "kafka",
    "cassandra",
    "postgres",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "analyzer",
    "ingest",
    "search-indexer",
    "api",
)

# Names that stand for several services.
GROUPS: Final = {
    "airflow": tuple(
        name for name in SERVICE_NAMES if name == "postgres" or name.startswith("airflow-")
    ),
    "monitoring": MONITORING_NAMES,
}


def local_services(settings: Settings, *, with_monitoring: bool = False) -> list[Service]:
    """All services that run on this machine, in the order that people expect to see.

    Prometheus and Alertmanager are among them if wanted, or from their start until `down`.
    """
    services = []
    if settings.kafka_is_local:
        services.append(kafka_service(settings))
    if settings.cassandra_is_local:
        services.append(cassandra_service(settings))
    airflow = [postgres_service(settings), *airflow_services(settings)]
    services += [*airflow, analyzer_service(settings), ingest_service(settings)]
    if settings.search_enabled:
        services.append(search_indexer_service(settings))
    if settings.api_enabled:
        services.append(api_service(settings))
    if with_monitoring or monitoring_was_started(settings):
        services += monitoring_services(settings)
    return services


def start_tasks(settings: Settings, services: Sequence[Service]) -> list[Task]:
    """The tasks of a start of these services: each runs once its dependencies answer."""
    names = {service.name for service in services}
    wanted = frozenset().union(*(service.depends_on for service in services))
    tasks = [
        Task("topics", lambda: topics.ensure_topics(settings), None, frozenset({"kafka"})),
        Task("migrations", lambda: migrations.migrate(settings), None, frozenset({"cassandra"})),
        airflow_database_task(settings),
    ]
    return [task for task in tasks if task.name in wanted or task.depends_on & names]


def chosen(services: Sequence[Service], names: Sequence[str]) -> list[Service]:
    """The services with these names or groups; all when no name is given.

    Raises:
        FirstcauseError: there is no service or group of a name.
    """
    known = {*SERVICE_NAMES, *MONITORING_NAMES, *GROUPS}
    if unknown := sorted(set(names) - known):
        raise FirstcauseError(
            f"There is no service {', '.join(unknown)}; there are {', '.join(sorted(known))}."
        )
    wanted = {member for name in names for member in GROUPS.get(name, (name,))}
    return [service for service in services if not names or service.name in wanted]


@contextmanager
def exclusive(settings: Settings, tell: Callable[[str], None]) -> Iterator[None]:
    """Lets one `up` or `down` of an installation run at a time; the next one waits, and says so.

    The lock ends with its process, however that ends.

    Raises:
        FirstcauseError: another one was still at it after ten minutes.
    """
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    # Beside `run`, which `down --wipe` removes while it holds the lock.
    with (settings.firstcause_home / "lock").open("a+") as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                lock.seek(0)
                owner = lock.read().strip() or "unknown"
                if not told:
                    tell(f"waiting for another firstcause to finish (pid {owner})")
                    told = True
                if time.monotonic() > deadline:
                    raise FirstcauseError(
                        f"Another `firstcause up` or `down` does not end: look at pid {owner}."
                    ) from None
                time.sleep(0.2)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
