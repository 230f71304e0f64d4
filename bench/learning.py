"""How fast normal is learned, and how large it is.

Learned as the workers of the job `learn_normal` do it: from Arrow batches of stored rows to encoded
rows of a profile, in shares of whole traces, two workers beside each other; then all of it is
merged. Making the events does not count. The reference learns nothing: it only makes log events
of the same batches.

    python -m bench.learning
    python -m bench.learning --events 10000000
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pyarrow as pa

from bench.generator import Figure
from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.storage.stored_time import ms_from_datetime
from generators.stream.event_stream import EventStream, GeneratorParameters
from root_cause.normal.codec import decode, encode
from root_cause.normal.learned_counts import Normal, merge
from root_cause.quiet_hours.quiet_stretches import TimeRange
from spark.normal.learner import EVENTS_OF_PARTITION, learn_partition
from spark.normal.stored_traces import COLUMNS, read_rows, rows_of_batches

EVENTS_PER_SECOND = 1_000.0
BATCH_ROWS = 10_000
WORKERS = 2
SERVICES = 50
START = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker made of its share: the rows, and how long it took, on the clock."""

    rows: dict[str, bytes]
    events: int
    seconds: float
    reading_seconds: float


@dataclass(frozen=True, slots=True)
class Learning:
    """What was measured.

    Attributes:
        rate_per_second: events a second, all workers and the merging together, on the clock.
        reference_per_second: the same of the reading alone.
        profile_bytes: of the whole profile, as it is stored.
        services: that it has.
    """

    events: int
    rate_per_second: float
    reference_per_second: float
    profile_bytes: int
    services: int

    @property
    def bytes_of_50_services(self) -> int:
        """The size with 50 services like these."""
        return self.profile_bytes * SERVICES // self.services


def measure_learning(events: int) -> Learning:
    """Learns about so many events of the project's generator with two workers."""
    shares = max(WORKERS, events // EVENTS_OF_PARTITION)
    # A forked worker would take over what this process holds.
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as workers:
        done = list(workers.map(learn_share, range(shares)))
    begin = time.perf_counter()
    normal: Normal = merge(decode(share.rows) for share in done)
    merging_seconds = time.perf_counter() - begin
    count = sum(share.events for share in done)
    learning_seconds = sum(share.seconds for share in done) / WORKERS
    reading_seconds = sum(share.reading_seconds for share in done) / WORKERS
    return Learning(
        events=count,
        rate_per_second=count / (learning_seconds + merging_seconds),
        reference_per_second=count / reading_seconds,
        profile_bytes=sum(map(len, encode(normal).values())),
        services=len(normal.services),
    )


def figure(measured: Learning) -> Figure:
    """The rate as a row of the table of all benchmarks."""
    return Figure(
        "normal learned, two workers",
        measured.rate_per_second,
        "the same rows read, nothing learned",
        measured.reference_per_second,
    )


def learn_share(number: int) -> Share:
    """What one worker does; each number has traces of its own."""
    seconds = EVENTS_OF_PARTITION / EVENTS_PER_SECOND
    start = START + timedelta(seconds=number * seconds)
    parameters = GeneratorParameters(EVENTS_PER_SECOND, seconds, seed=number, start=start)
    start_ms = ms_from_datetime(start)
    whole = TimeRange(start_ms, start_ms + int(seconds * 1000) + 1)
    batches = _batches(
        [
            read_log_event(value, start_ms)
            for batch in EventStream(parameters).batches()
            for value in batch.values
        ]
    )
    begin = time.perf_counter()
    read_rows(rows_of_batches(batches))
    reading_seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    [learned] = learn_partition([whole])(batches)
    seconds_taken = time.perf_counter() - begin
    rows = {row["service_name"]: row["profile"] for row in learned.to_pylist()}
    count = sum(learned.column("events").to_pylist())
    return Share(rows, count, seconds_taken, reading_seconds)


def _batches(events: Iterable[LogEvent]) -> list[pa.RecordBatch]:
    """The events as Spark hands stored rows to a worker."""
    columns = dict.fromkeys(COLUMNS)
    rows: list[dict[str, Any]] = [
        {
            **columns,
            "trace": event.trace_id or event.log_id,
            "at_ms": event.timestamp_ms,
            "service_name": event.service_name,
            "log_id": event.log_id,
            "level": event.level,
            "message": event.message,
            "logger": event.logger,
            "trace_id": event.trace_id,
            "span_id": event.span_id,
            "parent_span_id": event.parent_span_id,
            "latency_ms": event.latency_ms,
        }
        for event in events
    ]
    return [
        pa.RecordBatch.from_pylist(rows[begin : begin + BATCH_ROWS])
        for begin in range(0, len(rows), BATCH_ROWS)
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=1)
    given = options.parse_args()
    measured = [measure_learning(given.events) for _ in range(given.rounds)]
    one = measured[0]
    rate = statistics.median(round_.rate_per_second for round_ in measured)
    reference = statistics.median(round_.reference_per_second for round_ in measured)
    print(
        f"normal learned of {one.events:,} events by {WORKERS} workers: {rate:,.0f}/s "
        f"(reading alone {reference:,.0f}/s); profile of {one.services} services "
        f"{one.profile_bytes:,} bytes, of {SERVICES} like these {one.bytes_of_50_services:,}"
    )


if __name__ == "__main__":
    main()
