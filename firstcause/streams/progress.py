"""The heartbeat of a streaming driver: the small file that it writes each second, as data.

`spark.driver.heartbeat_writer` writes it. Supervision, the analyzer's metrics and the watch over
the pipeline read it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

SUFFIX: Final = ".progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """One heartbeat. All times are seconds since the epoch, by the driver's clock.

    Attributes:
        pid: the Python process that drives the stream.
        job: name of the job, such as `store_logs`.
        batch_id: the last finished batch; -1 before the first.
        batch_finished_at: when that batch finished; before the first, when the driver began.
        trigger_active: a batch is being worked on.
        updated_at: when this heartbeat was written.
        fatal_error: set once, when no restart can mend what stopped the driver: one line for
            people that says what to do. A supervisor then fails at once.
        lag_messages: messages in Kafka beyond the last finished batch; None when not known.
        is_stopped: the driver was stopped and has ended; no further heartbeat is due.
    """

    pid: int
    job: str
    batch_id: int
    batch_finished_at: float
    trigger_active: bool
    updated_at: float
    fatal_error: str | None = None
    lag_messages: int | None = None
    is_stopped: bool = False

    @classmethod
    def read(cls, path: Path) -> Progress | None:
        """The heartbeat in `path`; None when there is none, or when it is no heartbeat.

        A broken file is treated like a missing one: the next heartbeat replaces it within a
        second; if none does, the driver has stalled.
        """
        try:
            fields = orjson.loads(path.read_bytes())
            fatal_error, lag = fields.get("fatal_error"), fields.get("lag_messages")
            return cls(
                pid=int(fields["pid"]),
                job=str(fields["job"]),
                batch_id=int(fields["batch_id"]),
                batch_finished_at=float(fields["batch_finished_at"]),
                trigger_active=bool(fields["trigger_active"]),
                updated_at=float(fields["updated_at"]),
                fatal_error=None if fatal_error is None else str(fatal_error),
                lag_messages=None if lag is None else int(lag),
                is_stopped=bool(fields.get("stopped")),
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None


def progress_in(folder: Path) -> Iterator[Progress]:
    """The heartbeat of each job in a folder, by file name; what is no heartbeat is left out."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        found = Progress.read(path)
        if found is not None:
            yield found
