"""Starts a detached process, and records it in a file so that it is found again.

The pid alone proves nothing: after a reboot, or on another machine, it may be anybody's. A process
is ours only while its pid and its start (host, boot, kernel ticks) match. Wall clock times do not
serve: the kernel's boot time, from which they are computed, moves with the clock.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from firstcause.errors import FirstcauseError
from firstcause.local.process_start import ProcessStart


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One detached process: leader of a session of its own.

    Attributes:
        pid: process id; also the id of its session and of its process group.
        start: when and where it began: its identity, with the pid.
        create_time: seconds since the epoch, by the clock at its start; for people and to compare
            with times of the same clock.
        name: what people call it, such as `kafka` or `store`.
        command: the arguments it was started with.
        log_file: where its standard output and error go.
    """

    pid: int
    start: ProcessStart
    create_time: float
    name: str
    command: tuple[str, ...]
    log_file: str

    @classmethod
    def of(
        cls, process: subprocess.Popen[bytes], name: str, command: Sequence[str], log_file: Path
    ) -> ProcessRecord:
        """The record of a child just started with `start_new_session=True`.

        Raises:
            FirstcauseError: the child has ended already and was reaped.
        """
        start = ProcessStart.of(process.pid)
        if start is None:
            raise FirstcauseError(f"{name} ended as it started: see {log_file}")
        return cls(process.pid, start, time.time(), name, tuple(command), str(log_file))

    @classmethod
    def read(cls, path: Path) -> ProcessRecord | None:
        """The record in `path`; None when there is no such file.

        Raises:
            FirstcauseError: the file is no record; it is named.
        """
        try:
            fields = orjson.loads(path.read_bytes())
            return cls.from_fields(fields)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise FirstcauseError(
                f"{path} is no process record: remove it, then look for the process by hand."
            ) from error

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> ProcessRecord:
        """The record of `asdict`, as JSON gives it back.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or has another type.
        """
        start = fields["start"]
        return cls(
            pid=int(fields["pid"]),
            start=ProcessStart(str(start["host"]), str(start["boot_id"]), int(start["ticks"])),
            create_time=float(fields["create_time"]),
            name=str(fields["name"]),
            command=tuple(map(str, fields["command"])),
            log_file=str(fields["log_file"]),
        )

    def write(self, path: Path) -> None:
        """Writes the record in one step: a reader sees the old file or the new one, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        beside.replace(path)

    def process(self) -> psutil.Process | None:
        """The process itself while it runs; None when it ended, or its pid is another's now."""
        if ProcessStart.of(self.pid) != self.start:
            return None
        try:
            process = psutil.Process(self.pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None

    def is_alive(self) -> bool:
        """True while the very process runs; a zombie does not."""
        return self.process() is not None

    def session_members(self) -> list[psutil.Process]:
        """All living processes of its session on this machine, also after the leader's own end."""
        if self.start.is_before_boot or self.start.is_elsewhere:
            return []
        if psutil.pid_exists(self.pid) and not self.is_alive() and not _is_zombie(self.pid):
            return []  # the pid is another's now, so the session is gone
        members = []
        for process in psutil.process_iter():
            try:
                in_session = os.getsid(process.pid) == self.pid
                if in_session and process.status() != psutil.STATUS_ZOMBIE:
                    members.append(process)
            except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                continue  # ended meanwhile, or another user's and so not ours
        return members

    def terminate_group(
        self, grace_seconds: float = 10.0, leader_signal: signal.Signals | None = None
    ) -> None:
        """Stops the process and all of its session: SIGTERM, a wait, then SIGKILL.

        With `leader_signal` the process itself gets this signal and the others none: it ends
        them. Blocks for `grace_seconds` and 5 s more at the most. Harmless when all have ended,
        and when called again.

        Raises:
            FirstcauseError: something outlived SIGKILL.
        """
        leader = self.process()
        members = self.session_members()
        if leader_signal is not None and leader is not None:
            _signal([leader], leader_signal)
        else:
            _signal(members, signal.SIGTERM)
        left = self._wait_until_gone(members, grace_seconds)
        if left:
            _signal(left, signal.SIGKILL)
            left = self._wait_until_gone(left, 5.0)
        if left:
            pids = ", ".join(str(process.pid) for process in left)
            raise FirstcauseError(f"{self.name} could not be stopped: pid {pids} outlives SIGKILL.")

    def _wait_until_gone(
        self, members: list[psutil.Process], wait_seconds: float
    ) -> list[psutil.Process]:
        deadline = time.monotonic() + wait_seconds
        while members and time.monotonic() < deadline:
            # Short waits: a dead process that its parent has not reaped yet counts as ended.
            _, members = psutil.wait_procs(members, timeout=0.1)
            members = [member for member in members if not _is_zombie(member.pid)]
        return self.session_members()


def launch(
    name: str, command: Sequence[str], *, env: Mapping[str, str], log_file: Path, cwd: Path
) -> ProcessRecord:
    """Starts a detached process: own session, no standard input, output appended to a file.

    It outlives its launcher. `env` is its whole environment. Does not wait for anything.

    Raises:
        FirstcauseError: the program is not there, or it ended at once.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        try:
            process = subprocess.Popen(
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # What it writes (previews, data, logs of tasks) is for its owner alone.
                umask=0o077,
            )
        except FileNotFoundError as error:
            raise FirstcauseError(f"{name} cannot start: {command[0]} is not there.") from error
    return ProcessRecord.of(process, name, command, log_file)


def _signal(processes: Sequence[psutil.Process], signal_number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(signal_number)
        except psutil.NoSuchProcess:
            continue  # ended between the look and the signal


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
