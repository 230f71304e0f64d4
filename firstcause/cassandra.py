"""Access to Cassandra: one session a process, with the settings that all parts share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    OperationTimedOut,
    Session,
)
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage

# The driver; mypy takes the folder of the same name for it.
from cassandra import RequestExecutionException  # type: ignore[attr-defined]
from firstcause.errors import FirstcauseError
from firstcause.settings import Settings

# Named, so that no other is tried and warned about first; Cassandra 4 and 5 know it.
PROTOCOL_VERSION: Final = 5

# Cassandra is away, slow or overloaded: the same may work later. Anything else will not.
# ErrorMessage itself is what the driver has no class for: a node that starts, stops, is overloaded.
AWAY: Final = (
    NoHostAvailable,
    OperationTimedOut,
    RequestExecutionException,
    ConnectionException,
    ErrorMessage,
)


def connect(
    settings: Settings, *, keyspace: str | None = None, request_timeout_seconds: float = 15.0
) -> Session:
    """Opens a session; blocks until a node answers, 10 s a node at the most.

    `session.cluster.shutdown()` closes it. Rows come as named tuples. The keyspace is the
    settings' unless another (or "" for none) is named.

    Raises:
        FirstcauseError: no node answers, or the keyspace is not there yet.
    """
    cluster = Cluster(
        settings.cassandra_hosts,
        port=settings.cassandra_port,
        connect_timeout=10,
        protocol_version=PROTOCOL_VERSION,
        # A node that was away for a minute is taken back within a second or two.
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(
                load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
                request_timeout=request_timeout_seconds,
            )
        },
    )
    name = settings.cassandra_keyspace if keyspace is None else keyspace
    try:
        return cluster.connect(name or None)
    except NoHostAvailable as error:
        cluster.shutdown()
        address = f"{settings.cassandra_contact_points}:{settings.cassandra_port}"
        if "Keyspace" in str(error):
            raise FirstcauseError(
                f"Keyspace {name} is not in Cassandra at {address}: run `firstcause migrate`."
            ) from error
        raise FirstcauseError(
            f"Cassandra does not answer at {address}: run `firstcause up`, or look at "
            "`firstcause status`."
        ) from error


@contextmanager
def session(
    settings: Settings, *, keyspace: str | None = None, request_timeout_seconds: float = 15.0
) -> Iterator[Session]:
    """`connect` for a `with` block; the cluster is shut down at its end."""
    opened = connect(settings, keyspace=keyspace, request_timeout_seconds=request_timeout_seconds)
    try:
        yield opened
    finally:
        opened.cluster.shutdown()
