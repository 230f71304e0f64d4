"""Opens Cassandra sessions with the settings that all parts share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    OperationTimedOut,
    Session,
)
from cassandra.concurrent import execute_concurrent, execute_concurrent_with_args
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage
from cassandra.query import PreparedStatement

# The driver; mypy takes the folder of the same name for it.
from cassandra import ConsistencyLevel, RequestExecutionException  # type: ignore[attr-defined]
from firstcause.errors import FirstcauseError
from firstcause.settings import Settings

# Named, so that no other is tried and warned about first; Cassandra 4 and 5 know it.
PROTOCOL_VERSION: Final = 5

# So many queries of one caller are under way at the same time.
QUERIES_AT_ONCE: Final = 64

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
                # What was stored is seen by whoever reads next, and survives a lost node.
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
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


def prepare_all(session: Session, statements: Mapping[str, str]) -> dict[str, PreparedStatement]:
    """Prepares named statements, one round trip each. Blocks; raises the driver's errors."""
    return {name: session.prepare(cql) for name, cql in statements.items()}


def rows_of_each(
    session: Session,
    statement: PreparedStatement,
    values: Sequence[tuple[object, ...]],
    timeout_seconds: float | None = None,
) -> list[list[Any]]:
    """The rows of a query with each of these values, in their order, all pages of them.

    `QUERIES_AT_ONCE` are under way at the same time. Blocks for `timeout_seconds` over all of
    them, or without it for the session's own timeout a query.

    Raises:
        DriverException, NoHostAvailable: the driver's, the first there is.
    """
    ends_at = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    found: list[list[Any]] = []
    for first in range(0, len(values), QUERIES_AT_ONCE):
        profile: Any = EXEC_PROFILE_DEFAULT
        if ends_at is not None:
            if time.monotonic() >= ends_at:
                raise OperationTimedOut(f"{len(values) - first} queries were not begun")
            # What is left of the time is asked anew, so that all of them together keep to it.
            profile = session.execution_profile_clone_update(
                EXEC_PROFILE_DEFAULT, request_timeout=max(0.01, ends_at - time.monotonic())
            )
        results = execute_concurrent_with_args(
            session,
            statement,
            values[first : first + QUERIES_AT_ONCE],
            concurrency=QUERIES_AT_ONCE,
            raise_on_first_error=True,
            execution_profile=profile,
        )
        found += [list(result.result_or_exc) for result in results]
    return found


def pages_in_time(
    session: Session,
    queries: Sequence[tuple[PreparedStatement | str, tuple[object, ...]]],
    timeout_seconds: float,
) -> list[list[Any] | Exception]:
    """The first page of each query's rows, or why it is not there: Cassandra is away or late.

    All are asked at once: one that waited for its turn would add its time to theirs. Blocks for
    little longer than `timeout_seconds`.

    Raises:
        Exception: the driver's, when no repetition would help (no such table).
    """
    if not queries:
        return []
    profile = session.execution_profile_clone_update(
        EXEC_PROFILE_DEFAULT, request_timeout=timeout_seconds
    )
    results = execute_concurrent(
        session,
        queries,
        concurrency=len(queries),
        raise_on_first_error=False,
        execution_profile=profile,
    )
    for success, found in results:
        if not success and not isinstance(found, AWAY):
            raise found
    return [found.current_rows if success else found for success, found in results]
