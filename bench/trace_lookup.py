"""Traces looked up by the index on `logs`, and by a small table beside it; what each costs a write.

`python -m bench.trace_lookup` needs a running Cassandra (`firstcause up --only cassandra`), makes a
keyspace of its own there and drops it. Rows lie in so many SSTables, a minute in each, as in a day
that is still being written; nothing compacts them. The small table leads to partitions, and in each
the same index finds the trace's rows: there it asks one partition, and so one SSTable.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.settings import load_settings
from firstcause.storage import cassandra
from firstcause.storage.log_partition import shard_of

KEYSPACE = "bench_trace_lookup"
SERVICES = [f"service-{number}" for number in range(20)]
ROWS_OF_TRACE = 12
SERVICES_OF_TRACE = 4
LOOKUPS_AT_ONCE = 24
START = datetime(2026, 3, 1, tzinfo=UTC)

LOGS = """CREATE TABLE {name} (service_name text, minute timestamp, shard tinyint,
timestamp timestamp, log_id uuid, level text, message text, trace_id text,
PRIMARY KEY ((service_name, minute, shard), timestamp, log_id))
WITH compaction = {{'class': 'TimeWindowCompactionStrategy', 'enabled': 'false'}}
AND memtable_flush_period_in_ms = 2000"""
PLACES = """CREATE TABLE trace_places (trace_id text, service_name text, minute timestamp,
shard tinyint, PRIMARY KEY (trace_id, service_name, minute, shard))
WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'enabled': 'false'}
AND memtable_flush_period_in_ms = 2000"""
FLUSH_SECONDS = 4.5

Row = tuple[Any, ...]


def traces(count: int, flushes: int) -> Iterator[list[list[Row]]]:
    """For each flush the rows of its traces."""
    chance = random.Random(7)
    for flush in range(flushes):
        yield [trace(chance, flush) for _ in range(count // flushes)]


def trace(chance: random.Random, flush: int) -> list[Row]:
    trace_id = uuid.UUID(int=chance.getrandbits(128)).hex
    names = chance.sample(SERVICES, SERVICES_OF_TRACE)
    at = START + timedelta(minutes=flush, seconds=chance.random() * 50)
    rows = []
    for step in range(ROWS_OF_TRACE):
        log_id = uuid.UUID(int=chance.getrandbits(128))
        minute = at.replace(second=0, microsecond=0)
        name = names[step % SERVICES_OF_TRACE]
        shard = shard_of(str(log_id))
        rows.append((name, minute, shard, at, log_id, "INFO", "x" * 200, trace_id))
    return rows


def write(session: Session, statement: Any, rows: Iterable[Row]) -> float:
    begun = time.perf_counter()
    for done in execute_concurrent_with_args(session, statement, list(rows), concurrency=64):
        assert done.success
    return time.perf_counter() - begun


def milliseconds(look: Callable[[list[str]], int], ids: list[str], rounds: int) -> list[float]:
    """How long so many lookups at once take, each round."""
    chance, took = random.Random(11), []
    for _ in range(rounds):
        some = chance.sample(ids, LOOKUPS_AT_ONCE)
        begun = time.perf_counter()
        found = look(some)
        took.append((time.perf_counter() - begun) * 1000)
        assert found == LOOKUPS_AT_ONCE * ROWS_OF_TRACE, found
    return took


def run(session: Session, count: int, flushes: int) -> None:
    for name in ("indexed", "plain"):
        session.execute(LOGS.format(name=name))
    session.execute("CREATE INDEX by_trace ON indexed (trace_id) USING 'sai'")
    session.execute(PLACES)
    columns = "(service_name, minute, shard, timestamp, log_id, level, message, trace_id)"
    insert = {
        name: session.prepare(f"INSERT INTO {name} {columns} VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        for name in ("indexed", "plain")
    }
    places = session.prepare(
        "INSERT INTO trace_places (trace_id, service_name, minute, shard) VALUES (?, ?, ?, ?)"
    )
    seconds = dict.fromkeys(("indexed", "plain", "places"), 0.0)
    ids: list[str] = []
    for some in traces(count, flushes):
        rows = [row for one in some for row in one]
        ids += [one[0][7] for one in some]
        seconds["indexed"] += write(session, insert["indexed"], rows)
        seconds["plain"] += write(session, insert["plain"], rows)
        keys = dict.fromkeys((row[7], *row[:3]) for row in rows)
        seconds["places"] += write(session, places, keys)
        time.sleep(FLUSH_SECONDS)
    total = count // flushes * flushes * ROWS_OF_TRACE
    print(f"{total} rows, {len(ids)} traces, {flushes} SSTables")
    for name, took in seconds.items():
        print(f"written, {name}: {took:.1f} s ({total / took:,.0f} rows of logs/s)")

    by_index = session.prepare("SELECT * FROM indexed WHERE trace_id = ? LIMIT 500")
    by_trace = session.prepare(
        "SELECT service_name, minute, shard FROM trace_places WHERE trace_id = ?"
    )
    in_place = session.prepare(
        "SELECT * FROM indexed WHERE service_name = ? AND minute = ? AND shard = ? AND trace_id = ?"
    )

    def index(some: list[str]) -> int:
        answers = execute_concurrent_with_args(session, by_index, [(one,) for one in some])
        return sum(len(list(answer.result_or_exc)) for answer in answers)

    def table(some: list[str]) -> int:
        answers = execute_concurrent_with_args(session, by_trace, [(one,) for one in some])
        keys = [
            (*place, one)
            for one, answer in zip(some, answers, strict=True)
            for place in answer.result_or_exc
        ]
        found = execute_concurrent_with_args(session, in_place, keys)
        return sum(len(list(answer.result_or_exc)) for answer in found)

    for name, look in (("index", index), ("small table", table)) * 2:
        rounds = milliseconds(look, ids, 30)
        print(
            f"{LOOKUPS_AT_ONCE} traces at once, {name}: median {statistics.median(rounds):.0f} ms, "
            f"longest {max(rounds):.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=30_000)
    parser.add_argument("--sstables", type=int, default=30)
    options = parser.parse_args()
    settings = load_settings()
    with cassandra.session(settings, keyspace="", request_timeout_seconds=60) as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
        session.execute(
            f"CREATE KEYSPACE {KEYSPACE} WITH replication = "
            "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
        )
        session.set_keyspace(KEYSPACE)
        try:
            run(session, options.traces, options.sstables)
        finally:
            session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")


if __name__ == "__main__":
    main()
