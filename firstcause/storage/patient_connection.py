"""The connection of a process that may start before Cassandra and its tables."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from cassandra.cluster import DriverException, NoHostAvailable, Session

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from firstcause.storage import cassandra

PAUSE_MAX_SECONDS: Final = 10.0

T = TypeVar("T")

_log = structlog.get_logger()


def connect_patiently(
    settings: Settings, stopping: threading.Event, prepare: Callable[[Session], T]
) -> tuple[Session, T] | None:
    """Connects, and prepares statements; blocks until both work, or `stopping` is set.

    The caller shuts the session's cluster down.

    Args:
        settings: name the cluster and the keyspace.
        stopping: ends the waiting.
        prepare: makes what needs the tables. They may be missing until `migrate` has run.

    Returns:
        The session and what `prepare` made; None if it was stopped before.
    """
    failures = 0
    while not stopping.is_set():
        session: Session | None = None
        try:
            session = cassandra.connect(settings)
            return session, prepare(session)
        except (FirstcauseError, DriverException, NoHostAvailable) as error:
            if session is not None:
                session.cluster.shutdown()
            failures += 1
            pause = min(PAUSE_MAX_SECONDS, 0.5 * 2 ** min(failures, 6))
            _log.warning("waiting_for_cassandra", reason=str(error), again_in_seconds=pause)
            stopping.wait(pause)
    return None
