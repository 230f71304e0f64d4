"""The contract of a local service: start, health check, stop."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord
from firstcause.settings import PROJECT_ROOT, Settings

DEPLOY_DIR: Final = PROJECT_ROOT / "deploy"
LOG_TAIL_BYTES: Final = 16 * 1024
LARGE_LOG_BYTES: Final = 20 * 2**20


def _nothing_to_prepare() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Service:
    """One detached process that answers a protocol.

    Attributes:
        name: what people call it; also names its record and its log file.
        command: program and arguments.
        env: its whole environment.
        ports: the ports that it binds, by the name of the setting that moves each.
        address: where people or clients reach it; empty when nobody does.
        log_file: where its output goes.
        is_ready: whether the given process answers its own protocol now. Blocks for 5 s at
            the most and raises nothing.
        prepare: what must be there before it starts, such as rendered configuration. Called
            before each start; may block for a minute.
        depends_on: names of the services and tasks that must be ready first.
        start_timeout_seconds: longest time from launch to the first answer.
        stop_rank: lower stops earlier; equal ranks stop together.
        stop_grace_seconds: time between the stop signal and SIGKILL.
        leader_stop_signal: the signal on which its first process ends all others in order; by
            default each process of its session gets SIGTERM.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    ports: Mapping[str, int]
    address: str
    log_file: Path
    is_ready: Callable[[ProcessRecord], bool]
    prepare: Callable[[], None] = _nothing_to_prepare
    depends_on: frozenset[str] = frozenset()
    start_timeout_seconds: float = 180.0
    stop_rank: int = 0
    stop_grace_seconds: float = 10.0
    leader_stop_signal: signal.Signals | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Something done once on the way up, such as migrations. `run` may block for minutes."""

    name: str
    run: Callable[[], object]
    log_file: Path | None = None
    depends_on: frozenset[str] = field(default_factory=frozenset)


def record_path(settings: Settings, name: str) -> Path:
    """Where the record of a service is kept."""
    return settings.run_dir / f"{name}.json"


def render_config(template: Path, target: Path, values: Mapping[str, object]) -> None:
    """Fills in a template's `${names}` and writes the result.

    Raises:
        FirstcauseError: the template asks for a name that there is no value for.
    """
    try:
        text = Template(template.read_text(encoding="utf-8")).substitute(values)
    except (KeyError, ValueError) as error:
        raise FirstcauseError(f"{template}: no value for {error}.") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def last_log_lines(log_file: Path, count: int, *, after_bytes: int = 0) -> list[str]:
    """The last lines of a log that have a word; none when there is no log yet.

    `after_bytes` is where to begin: earlier lines were written by another process.
    """
    try:
        with log_file.open("rb") as log:
            log.seek(max(after_bytes, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines if any(map(str.isalnum, line))][-count:]


def set_large_log_aside(log_file: Path) -> bool:
    """Renames a log beyond `LARGE_LOG_BYTES` to `.1`, over the one before; says whether it did.

    For use before a start: a running process would go on writing to the renamed file.
    """
    if log_size_bytes(log_file) <= LARGE_LOG_BYTES:
        return False
    log_file.replace(log_file.with_name(f"{log_file.name}.1"))
    return True


def log_size_bytes(log_file: Path) -> int:
    """How long a log is; 0 when there is none."""
    return log_file.stat().st_size if log_file.exists() else 0


def port_is_open(port: int) -> bool:
    """Whether something on this machine takes connections on a port; no proof of an answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
