"""From produced to readable: how old a log is when Cassandra first shows it."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from cassandra.cluster import Session

from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.log_partition import shard_of
from generators.output.kafka_producer import connect_producer, produce
from generators.output.message_batch import MessageBatch, paced
from generators.stream.event_stream import EventStream, GeneratorParameters

# A driver that has just started, beside services that have just started, is behind for about a
# minute: their compilers are at work.
WARM_SECONDS = 90.0
PROBES_PER_SECOND = 10
POLL_SECONDS = 0.05
GIVE_UP_SECONDS = 60.0
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from produced to readable, over all probes."""

    rate_per_second: float
    probes: int
    p50_seconds: float
    p95_seconds: float
    max_seconds: float


@dataclass(slots=True)
class _Probe:
    key: tuple[str, datetime, int, datetime, str]
    sent_at: float


def measure_freshness(
    settings: Settings, rate_per_second: float, seconds: float, seed: int = 7
) -> Freshness:
    """Sends a live stream and looks every 50 ms for ten events of each second.

    An event counts as produced when it is handed to the Kafka client. A store driver must
    be running on these settings.
    """
    waiting: list[_Probe] = []
    ages: list[float] = []
    done = threading.Event()
    with cassandra.session(settings) as session:
        reader = threading.Thread(target=_watch, args=(session, waiting, ages, done))
        reader.start()
        stream = EventStream(
            GeneratorParameters(
                rate_per_second, WARM_SECONDS + seconds, seed=seed, start=datetime.now(UTC)
            )
        )
        live = _probed(paced(stream.batches(), origin_us=int(time.time() * 1e6)), waiting)
        produce(connect_producer(settings), settings.kafka_logs_topic, live)
        done.set()
        reader.join()
    if waiting:
        raise TimeoutError(f"{len(waiting)} events are not readable after a minute")
    cuts = statistics.quantiles(ages, n=100)
    return Freshness(rate_per_second, len(ages), cuts[49], cuts[94], max(ages))


def _probed(batches: Iterator[MessageBatch], waiting: list[_Probe]) -> Iterator[MessageBatch]:
    began, due = time.time(), time.time() + WARM_SECONDS
    for batch in batches:
        now = time.time()
        if now >= due and now - began >= WARM_SECONDS:
            waiting.append(_Probe(_key(batch.values[-1]), now))
            due = now + 1 / PROBES_PER_SECOND
        yield batch


def _key(value: bytes) -> tuple[str, datetime, int, datetime, str]:
    event = orjson.loads(value)
    timestamp = datetime.fromisoformat(event["timestamp"])
    minute = timestamp.replace(second=0, microsecond=0)
    shard = shard_of(event["log_id"])
    return event["service_name"], minute, shard, timestamp, event["log_id"]


def _watch(
    session: Session, waiting: list[_Probe], ages: list[float], done: threading.Event
) -> None:
    query = session.prepare(
        "SELECT log_id FROM logs WHERE service_name = ? AND minute = ? AND shard = ? "
        "AND timestamp = ?"
    )
    ended_at: float | None = None
    while not (done.is_set() and not waiting):
        ended_at = ended_at or (time.time() if done.is_set() else None)
        if ended_at and time.time() - ended_at > GIVE_UP_SECONDS:
            return
        for probe in list(waiting):
            rows = session.execute(query, probe.key[:4])
            if any(str(row.log_id) == probe.key[4] for row in rows):
                ages.append(time.time() - probe.sent_at)
                waiting.remove(probe)
        time.sleep(POLL_SECONDS)
