"""Checks what a start needs; each lack is reported in one line with its remedy.

Pure checks over what was found; `inspect_host` does the looking. What must be there before
Python is (`python3.11`, `make`) is checked by the Makefile.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.java import find_java
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import Service, record_path
from firstcause.settings import Settings

JAVA_MAJOR: Final = 17
# Measured with all services up, and a little air.
MEMORY_NEEDED_BYTES: Final = {
    "kafka": 400 * 2**20,
    "cassandra": 1600 * 2**20,
    "postgres": 150 * 2**20,
    "airflow-scheduler": 500 * 2**20,
    "airflow-api-server": 300 * 2**20,
    "airflow-dag-processor": 200 * 2**20,
    "airflow-triggerer": 200 * 2**20,
    "analyzer": 150 * 2**20,
    "ingest": 150 * 2**20,
    "api": 150 * 2**20,
    "search-indexer": 300 * 2**20,
}
# What a Spark driver takes beside its heap: the JVM itself and the Python process.
DRIVER_OVERHEAD_BYTES: Final = 512 * 2**20
DISK_NEEDED_BYTES: Final = 2 * 2**30


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port that another process uses; its name is empty if the system does not show it."""

    service: str
    setting: str
    port: int
    process: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found on this machine.

    Attributes:
        java_major: release of the Java that would be used; None when there is none.
        missing_jars: profiles of `deploy/pom.xml` whose jars are not there.
        memory_bytes: what can be had without swapping.
        disk_bytes: free where the data goes.
        ports_in_use: ports that a service to be started needs and somebody else has.
    """

    java_major: int | None
    missing_jars: tuple[str, ...]
    memory_bytes: int
    disk_bytes: int
    ports_in_use: tuple[PortUse, ...]


def missing_prerequisites(
    found: Surroundings, services: Sequence[str], home: Path, driver_heaps_bytes: Sequence[int]
) -> list[str]:
    """What is missing to start these services: one line each, with what mends it. Pure.

    Airflow's scheduler starts the Spark drivers, so their memory counts where the scheduler does.
    """
    lines = []
    if found.java_major is None:
        lines.append(
            "Java 17 is missing: apt-get install -y openjdk-17-jre-headless, or set JAVA_HOME"
        )
    elif found.java_major != JAVA_MAJOR:
        lines.append(
            f"Java is {found.java_major}, and 17 is needed: apt-get install -y "
            "openjdk-17-jre-headless, then set JAVA_HOME to it"
        )
    if found.missing_jars:
        lines.append(f"The jars of {' and '.join(found.missing_jars)} are missing: make jars")
    needed_bytes = sum(MEMORY_NEEDED_BYTES.get(name, 0) for name in services)
    has_drivers = "airflow-scheduler" in services
    if has_drivers:
        needed_bytes += sum(heap + DRIVER_OVERHEAD_BYTES for heap in driver_heaps_bytes)
    if found.memory_bytes < needed_bytes:
        remedy = "LOCAL_CASSANDRA_HEAP" + (" or SPARK_DRIVER_MEMORY" if has_drivers else "")
        lines.append(
            f"Memory: {_gigabytes(found.memory_bytes)} are free, {_gigabytes(needed_bytes)} are "
            f"needed: end other programs, or lower {remedy}"
        )
    if found.disk_bytes < DISK_NEEDED_BYTES:
        lines.append(
            f"Disk: {_gigabytes(found.disk_bytes)} are free at {home}, "
            f"{_gigabytes(DISK_NEEDED_BYTES)} are needed: make room, or set FIRSTCAUSE_HOME"
        )
    for use in found.ports_in_use:
        by = f" by {use.process}" if use.process else ""
        lines.append(
            f"Port {use.port} of {use.service} is in use{by}: end that, or set {use.setting}"
        )
    return lines


def memory_setting_bytes(name: str, text: str) -> int:
    """The size that a setting of Spark's memory, such as 2g or 800m, names; MiB without a unit.

    Raises:
        FirstcauseError: it is no such size.
    """
    match = re.fullmatch(r"(\d+)\s*([kmgt]?)b?", text.strip().lower())
    if match is None:
        raise FirstcauseError(f"{name} is {text}: give a size such as 2g or 800m.")
    return int(match[1]) << {"k": 10, "m": 20, "": 20, "g": 30, "t": 40}[match[2]]


def java_major(version_output: str) -> int | None:
    """The major release in the output of `java -version`: 8 for 1.8, 17 for 17.0.15."""
    match = re.search(r'version "(?:1\.)?(\d+)', version_output)
    return int(match[1]) if match else None


def check(settings: Settings, services: Sequence[Service]) -> None:
    """Checks the requirements of the services that do not run yet. Blocks for a second.

    Raises:
        FirstcauseError: something is missing; each lack is one line. Nothing was started.
    """
    to_start = [service for service in services if not _runs(settings, service)]
    if not to_start:
        return
    lines = missing_prerequisites(
        inspect_host(settings, to_start),
        [service.name for service in to_start],
        settings.firstcause_home,
        [
            memory_setting_bytes("SPARK_DRIVER_MEMORY", settings.spark_driver_memory),
            memory_setting_bytes("SPARK_SPANS_DRIVER_MEMORY", settings.spark_spans_driver_memory),
        ],
    )
    if lines:
        raise FirstcauseError("\n".join(lines))


def inspect_host(settings: Settings, services: Sequence[Service]) -> Surroundings:
    """Looks at Java, jars, memory, disk and ports for the services that are to be started."""
    settings.firstcause_home.mkdir(parents=True, exist_ok=True)
    jar_folders = {
        "kafka": ("kafka",),
        "cassandra": ("cassandra",),
        "airflow-scheduler": ("spark",),
    }
    profiles = [name for service in services for name in jar_folders.get(service.name, ())]
    return Surroundings(
        java_major=_installed_java_major(),
        missing_jars=tuple(
            name for name in profiles if not any((settings.jars_dir / name).glob("*.jar"))
        ),
        memory_bytes=int(psutil.virtual_memory().available),
        disk_bytes=shutil.disk_usage(settings.firstcause_home).free,
        ports_in_use=tuple(_ports_in_use(services)),
    )


def _runs(settings: Settings, service: Service) -> bool:
    record = ProcessRecord.read(record_path(settings, service.name))
    return record is not None and record.is_alive()


def _installed_java_major() -> int | None:
    java = find_java()
    if java is None:
        return None
    told = subprocess.run(
        [str(java), "-version"], capture_output=True, text=True, timeout=30, check=False
    )
    return java_major(told.stderr + told.stdout)


def _ports_in_use(services: Sequence[Service]) -> list[PortUse]:
    uses = []
    owners: Mapping[int, str] | None = None
    for service in services:
        for setting, port in service.ports.items():
            if _can_bind(port):
                continue
            owners = _listening_processes() if owners is None else owners
            uses.append(PortUse(service.name, setting, port, owners.get(port, "")))
    return uses


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the services do: connections of the one before that still linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _listening_processes() -> dict[int, str]:
    """The listening processes that the system shows to this user, by port."""
    owners = {}
    for process in psutil.process_iter(["name"]):
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    owners[connection.laddr.port] = f"{process.info['name']} (pid {process.pid})"
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue  # another user's, or gone
    return owners


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GB"
