"""Faults of databases, their connections and disks. How real ones look: docs/fault-types.md."""

from __future__ import annotations

import dataclasses

from generators.cases.faults.deployment import SECOND_US
from generators.cases.faults.fault import FaultSetting, FaultType, uses_database, writes
from generators.cases.simulation.condition import Where
from generators.cases.simulation.effects import LostLines, ResourceTrouble, Wait
from generators.cases.simulation.world import LoneLine
from generators.log_template import LogTemplate, parse_log_template


def slow_query(to: FaultSetting) -> None:
    """Queries of some operations take seconds; loud: some run into the lock's time limit."""
    draw = to.draw
    names = list(to.system.topology.services[to.culprit].operations)
    some = frozenset(draw.sample(names, draw.randint(1, len(names))))
    where = Where(to.culprit, some | to.one_operation().operations)
    wait = Wait(to.patience_ms * draw.uniform(0.6, 1.6), 0.8)
    said: tuple[LogTemplate, ...] = ()
    if draw.happens(0.5):
        said = (
            parse_log_template("WARN Slow query: {elapsed_ms} ms so far, {rows} rows examined"),
        )
    limit_ms = None if to.silent else to.patience_ms * draw.uniform(0.3, 0.9)
    over_limit = to.error(
        "Lock wait timeout exceeded; try restarting transaction",
        java="com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException",
        python="pymysql.err.OperationalError",
    )
    to.world.add(
        ResourceTrouble(
            where, to.course(40), to.share(), draw, wait=wait, said=said, limit_ms=limit_ms,
            over_limit=(over_limit,), resource=to.database,
        )
    )  # fmt: skip


def connection_pool_exhausted(to: FaultSetting) -> None:
    """Requests wait for a free connection; some get one, others give up at the pool's limit."""
    draw = to.draw
    limit_ms = draw.choice((to.patience_ms * 0.5, 5_000.0, 30_000.0))
    where = to.some_replicas()
    over_limit = to.error(
        f"HikariPool-1 - Connection is not available, request timed out after {limit_ms:.0f}ms"
        if to.runtime == "java"
        else f"QueuePool limit reached, connection timed out, timeout {limit_ms / 1000:.1f}",
        java="java.sql.SQLTransientConnectionException",
        python="sqlalchemy.exc.TimeoutError",
    )
    to.world.add(
        ResourceTrouble(
            where, to.course(45), to.share(0.6, 1.0), draw, wait=Wait(limit_ms * 0.8, 0.9),
            limit_ms=limit_ms, over_limit=(over_limit,), resource=to.database, before_use=True,
        )
    )  # fmt: skip
    if draw.happens(0.5):
        waiting = parse_log_template("WARN Pool is exhausted, {queue_depth} requests are waiting")
        _say_often(to, where, waiting, every_seconds=draw.uniform(10, 30))


def expired_credentials(to: FaultSetting) -> None:
    """The database refuses the login: new connections fail at once, open ones live on a while."""
    refused = to.error(
        f'FATAL: password authentication failed for user "{to.culprit}"',
        java="org.postgresql.util.PSQLException",
        python="psycopg2.OperationalError",
    )
    to.world.add(
        ResourceTrouble(
            to.some_replicas(0.7), to.course(60), to.share(0.7, 1.0), to.draw, wait=Wait(12, 0.5),
            said=(refused,), status=500, resource=to.database, before_use=True,
        )
    )  # fmt: skip


def disk_full(to: FaultSetting) -> None:
    """Writes fail, reads go on. Silent: the log lies on the full disk too, and its lines go."""
    where = to.some_replicas()
    course = to.course(30)
    full = to.error(
        "could not extend file: No space left on device",
        java="java.io.IOException",
        python="OSError",
    )
    trouble = ResourceTrouble(
        where, course, to.share(0.6, 1.0), to.draw, wait=Wait(5, 0.6), said=(full,), status=500,
        resource=to.database, writes_alone=True,
    )  # fmt: skip
    if to.silent:
        trouble = dataclasses.replace(trouble, said=())
        to.world.add(LostLines(where, course))
    to.world.add(trouble)


def _say_often(to: FaultSetting, where: Where, line: LogTemplate, *, every_seconds: float) -> None:
    at_us = to.start_us + int(every_seconds * SECOND_US)
    replicas = sorted(where.replicas) or range(len(to.world.replicas[to.culprit]))
    while at_us < to.end_us:
        replica = to.draw.choice(list(replicas))
        to.world.lone_lines.append(LoneLine(at_us, to.culprit, replica, line, "Monitor"))
        at_us += int(every_seconds * to.draw.uniform(0.7, 1.3) * SECOND_US)


STORAGE_FAULTS = (
    FaultType("slow_query", slow_query, uses_database, uses_database),
    FaultType("connection_pool_exhausted", connection_pool_exhausted, uses_database),
    FaultType("expired_credentials", expired_credentials, uses_database),
    FaultType("disk_full", disk_full, writes, writes),
)
