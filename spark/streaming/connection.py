"""A streaming job's own session with Cassandra: waited for at the start, asked before a query."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import stamina
from cassandra.cluster import DriverException, NoHostAvailable, Session

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from firstcause.storage import cassandra
from spark.driver.heartbeat_writer import ProgressFile
from spark.streaming.query import GIVE_UP_SECONDS, ServiceAway

CASSANDRA_RETRY_MAX_SECONDS: Final = 3.0

Prepared = TypeVar("Prepared")


def connect_when_there(
    settings: Settings,
    topic: str,
    prepare: Callable[[Session], Prepared],
    progress: ProgressFile,
    stop: threading.Event,
) -> tuple[Session, Prepared] | None:
    """Opens Cassandra and prepares what is written; None when `stop` was set while it waited.

    Blocks while Cassandra is away or has no tables yet, 15 minutes at the most, and keeps the
    heartbeat fresh meanwhile. `prepare` raises the driver's errors while the tables are missing.

    Raises:
        FirstcauseError: what was missing still when the time was over.
    """
    for attempt in stamina.retry_context(
        on=FirstcauseError,
        attempts=None,
        timeout=GIVE_UP_SECONDS,
        wait_initial=0.5,
        wait_max=CASSANDRA_RETRY_MAX_SECONDS,
    ):
        with attempt:
            if stop.is_set():
                return None
            progress.write(-1, trigger_active=False)
            session = cassandra.connect(settings)
            try:
                return session, prepare(session)
            except (DriverException, NoHostAvailable) as error:
                session.cluster.shutdown()
                raise FirstcauseError(
                    f"Cassandra cannot take the {topic} ({error}): run `firstcause migrate`, "
                    "or look at `firstcause status`."
                ) from error
    return None


def check_cassandra(session: Session) -> None:
    """Blocks for seconds at the most.

    Raises:
        ServiceAway: Cassandra does not answer; Spark's jobs would only fail.
    """
    try:
        session.execute("SELECT release_version FROM system.local")
    except (DriverException, NoHostAvailable) as error:
        raise ServiceAway(f"Cassandra does not answer: {error}") from error
