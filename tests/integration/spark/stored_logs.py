"""Logs in Cassandra as the store job writes them, without the store job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import UNSET_VALUE

from firstcause.events.log_event import LogEvent
from firstcause.storage.log_partition import shard_of
from firstcause.storage.stored_time import datetime_from_ms

COLUMNS = (
    "instance",
    "logger",
    "error_code",
    "exception",
    "trace_id",
    "span_id",
    "parent_span_id",
    "status_code",
    "latency_ms",
    "user_id",
)
MINUTE_MS = 60_000


def store(session: Session, logs: Iterable[LogEvent]) -> None:
    """Writes each log to its minute and shard; null columns are left unset."""
    names = ("service_name", "minute", "shard", "timestamp", "log_id", "level", "message")
    columns = (*names, *COLUMNS, "attributes")
    statement = session.prepare(
        f"INSERT INTO logs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    )
    rows = [row(log) for log in logs]
    for result in execute_concurrent_with_args(session, statement, rows):
        assert result.success


def keep(session: Session, events: Sequence[LogEvent]) -> None:
    """Stores logs as the store job does, with the tables that lead to them."""
    store(session, events)
    for name, minute in {(one.service_name, one.timestamp_ms // MINUTE_MS) for one in events}:
        at = datetime_from_ms(minute * MINUTE_MS)
        session.execute(
            "INSERT INTO log_minutes (service_name, day, minute) VALUES (%s, %s, %s)",
            (name, at.date(), at),
        )
        session.execute(
            "INSERT INTO services (service_name, last_heard) VALUES (%s, %s)", (name, at)
        )


def row(log: LogEvent) -> tuple[Any, ...]:
    optional = [getattr(log, name) for name in COLUMNS]
    return (
        log.service_name,
        datetime_from_ms(log.timestamp_ms - log.timestamp_ms % 60_000),
        shard_of(log.log_id),
        datetime_from_ms(log.timestamp_ms),
        UUID(log.log_id),
        log.level,
        log.message,
        *(UNSET_VALUE if one is None else one for one in optional),
        log.attributes or UNSET_VALUE,
    )
