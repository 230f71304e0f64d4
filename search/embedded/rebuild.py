"""Makes logs findable again from the rows that Cassandra keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

from firstcause.events.log_event import TEXT_FIELDS, TRACE_FIELDS, LogEvent
from firstcause.storage.log_history import DaysByService, LogHistory, LogQuery, LogRow
from firstcause.storage.stored_time import ms_from_datetime
from search.embedded.writer import HourWriters

HOUR: Final = timedelta(hours=1)
BATCH_EVENTS: Final = 20_000
# Messages of two megabytes each must not fill the memory.
BATCH_CHARS: Final = 32_000_000

_FIELDS: Final = (*TEXT_FIELDS, *TRACE_FIELDS, "status_code", "latency_ms", "attributes")


def rebuild(
    history: LogHistory,
    writers: HourWriters,
    start: datetime,
    end: datetime,
    told: Callable[[datetime, int], None] = lambda *_: None,
) -> int:
    """Puts the stored logs of all services in [start, end] into the index; how many there were.

    Hour by hour, the newest first. What is in the index already is replaced, and what Cassandra
    does not have is left alone, so a repetition changes nothing. Blocks for as long as the reading
    takes; `told` is called after each hour with its beginning and the count so far.

    Raises:
        IndexWriteError: the index takes no writes.
        DriverException, NoHostAvailable: the Cassandra driver's.
    """
    services = sorted(history.services())
    # Of a long time, which days hold logs at all.
    stored = history.stored_days(start, end)
    count = 0
    for hour in _hours(start, end, stored):
        first, last = max(hour, start), min(hour + HOUR - timedelta(milliseconds=1), end)
        for batch in _batches(history, services, first, last):
            writers.put(batch)
            count += len(batch)
        told(hour, count)
    return count


def event_of(row: LogRow) -> LogEvent:
    """The log event that was stored as this row."""
    present = {name: row[name] for name in _FIELDS if name in row}
    return LogEvent(
        str(row["log_id"]),
        ms_from_datetime(row["timestamp"]),
        row["service_name"],
        row["level"],
        row["message"],
        **present,
    )


def _hours(start: datetime, end: datetime, stored: DaysByService | None) -> Iterator[datetime]:
    """The beginnings of the hours that touch [start, end], newest first."""
    if stored is None:
        hour = end.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while hour + HOUR > start:
            yield hour
            hour -= HOUR
        return
    for day in sorted({day for days in stored.values() for day in days}, reverse=True):
        midnight = datetime.combine(day, time(), UTC)
        hours = (midnight + number * HOUR for number in reversed(range(24)))
        yield from (hour for hour in hours if hour + HOUR > start and hour <= end)


def _batches(
    history: LogHistory, services: list[str], first: datetime, last: datetime
) -> Iterator[list[LogEvent]]:
    batch: list[LogEvent] = []
    chars = 0
    for service in services:
        # An hour lies in one day: no other is asked for.
        days = {service: (first.astimezone(UTC).date(),)}
        for row in history.of_service(LogQuery(service, first, last), days=days):
            batch.append(event_of(row))
            chars += len(batch[-1].message)
            if len(batch) >= BATCH_EVENTS or chars >= BATCH_CHARS:
                yield batch
                batch, chars = [], 0
    if batch:
        yield batch
