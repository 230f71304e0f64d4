"""The start time of a process, independent of changes of the clock. Linux only."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

# Of the fields behind the name in /proc/PID/stat: `starttime`, number 22 of proc(5).
_START_TIME_FIELD = 22 - 3


@dataclass(frozen=True, slots=True)
class ProcessStart:
    """What tells a process from a later one with the same pid.

    Attributes:
        host: name of the machine.
        boot_id: of the boot that it began in, as the kernel tells it.
        ticks: kernel clock ticks from that boot to its start.
    """

    host: str
    boot_id: str
    ticks: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The start of the process that has this pid here and now; None when there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name, in brackets, may hold spaces and brackets.
        ticks = int(stat.rpartition(")")[2].split()[_START_TIME_FIELD])
        return cls(socket.gethostname(), boot_id(), ticks)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it began on another machine, whose processes cannot be seen from here."""
        return self.host != socket.gethostname()

    @property
    def is_before_boot(self) -> bool:
        """Whether it began here before this machine's last boot, so that nothing of it is left."""
        return not self.is_elsewhere and self.boot_id != boot_id()


@cache
def boot_id() -> str:
    """The id of this machine's present boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
