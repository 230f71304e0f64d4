"""Logs in Cassandra as the store job writes them, without the store job."""

from __future__ import annotations

from collections.abc import Iterable
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
)


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
