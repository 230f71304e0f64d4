"""How fast events are built and sent, each figure beside its reference from the same run.

Built: on one core, in CPU seconds, beside two ways of building the same events with orjson.
Sent: to a real Kafka with acks=all, beside Kafka's own ProducerPerformance on the same bytes.

    python -m bench.generator
    python -m bench.generator --bootstrap 127.0.0.1:19092 --jars .firstcause/jars/kafka --json
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from confluent_kafka.admin import AdminClient

from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from generators.output.kafka_producer import connect_producer, produce, producer_config
from generators.output.message_batch import MessageBatch
from generators.stream.event_stream import EventStream, GeneratorParameters

BUILD_RATE = 300_000.0
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its reference: events a second, and their ratio."""

    name: str
    value: float
    reference: str
    reference_value: float

    @property
    def ratio(self) -> float:
        """The figure in units of its reference."""
        return self.value / self.reference_value


def parameters(events: int) -> GeneratorParameters:
    """A healthy stream of about so many events."""
    start = datetime.now(UTC) - timedelta(seconds=events / BUILD_RATE)
    return GeneratorParameters(BUILD_RATE, events / BUILD_RATE, seed=1, start=start)


def measure_building(events: int) -> list[Figure]:
    """Events a CPU second on one core: ours, serialising alone, and one dictionary an event.

    The first reference has every event as a dictionary already and only calls
    `orjson.dumps`. The second makes for each event what changes in it (ids, time, latency)
    and then calls it, which is how a generator is usually written.
    """
    sample = [
        orjson.loads(value)
        for batch in EventStream(parameters(60_000)).batches()
        for value in batch.values
    ]

    def ours() -> int:
        return sum(len(batch) for batch in EventStream(parameters(events)).batches())

    def dumps_alone() -> int:
        for event in sample:
            orjson.dumps(event)
        return len(sample)

    chance = random.Random(1)

    def dictionary_each() -> int:
        now = datetime.now(UTC)
        for number, event in enumerate(sample):
            made = dict(event)
            made["log_id"] = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            made["timestamp"] = (now + timedelta(microseconds=number)).isoformat()
            made["span_id"] = f"{chance.getrandbits(64):016x}"
            made["latency_ms"] = round(chance.lognormvariate(3, 0.4), 3)
            orjson.dumps(made)
        return len(sample)

    speeds = _medians({"ours": ours, "dumps": dumps_alone, "each": dictionary_each})
    return [
        Figure("events built", speeds["ours"], "orjson.dumps of ready dicts", speeds["dumps"]),
        Figure("events built", speeds["ours"], "a dict an event + orjson", speeds["each"]),
    ]


def _medians(runs: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Median events a CPU second of each run; the runs take turns."""
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.process_time()
            count = run()
            speeds[name].append(count / (time.process_time() - began))
    return {name: statistics.median(values) for name, values in speeds.items()}


def measure_sending(bootstrap_servers: str, kafka_jars: Path, events: int) -> list[Figure]:
    """Events a second that Kafka has acknowledged (acks=all), by the wall clock.

    Ready events are sent by us and by ProducerPerformance: the same bytes, the same batch
    size, linger and compression; and, for the record, ProducerPerformance as it comes
    (random payload of the same size, its own settings). The last figure builds the events
    while it sends. Topics are made for the run and deleted after it.
    """
    mark = uuid.uuid4().hex[:8]
    settings = Settings(
        kafka_bootstrap_servers=bootstrap_servers,
        kafka_logs_topic=f"bench_logs_{mark}",
        kafka_spans_topic=f"bench_spans_{mark}",
        kafka_dead_letter_topic=f"bench_dead_letter_{mark}",
        kafka_alerts_topic=f"bench_alerts_{mark}",
        kafka_escalations_topic=f"bench_escalations_{mark}",
    )
    made = ensure_topics(settings)
    ready = list(EventStream(parameters(events)).batches())
    count = sum(map(len, ready))
    size = sum(len(value) for batch in ready for value in batch.values) // count
    speeds: dict[str, list[float]] = {"ready": [], "built": [], "same": [], "plain": []}
    try:
        with tempfile.TemporaryDirectory() as folder:
            payload = Path(folder) / "payload.jsonl"
            payload.write_bytes(b"\n".join(v for batch in ready for v in batch.values[:5000]))
            same = ["--payload-file", str(payload)]
            for _ in range(ROUNDS):
                speeds["ready"].append(_send(settings, ready))
                speeds["same"].append(
                    _producer_performance(settings, kafka_jars, count, same, tuned=True)
                )
                speeds["built"].append(_build_and_send(settings, events))
                speeds["plain"].append(
                    _producer_performance(
                        settings, kafka_jars, count, ["--record-size", str(size)], tuned=False
                    )
                )
    finally:
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        for done in admin.delete_topics(made).values():
            done.result()
    median = {name: statistics.median(values) for name, values in speeds.items()}
    tuned, plain = "ProducerPerformance, same bytes and settings", "ProducerPerformance as it comes"
    return [
        Figure("ready events sent", median["ready"], tuned, median["same"]),
        Figure("ready events sent", median["ready"], plain, median["plain"]),
        Figure("events built and sent", median["built"], tuned, median["same"]),
        Figure("events built and sent", median["built"], plain, median["plain"]),
    ]


def _send(settings: Settings, batches: list[MessageBatch]) -> float:
    report = produce(connect_producer(settings), settings.kafka_logs_topic, batches)
    return report.delivered / report.seconds


def _build_and_send(settings: Settings, events: int) -> float:
    stream = EventStream(parameters(events))
    report = produce(connect_producer(settings), settings.kafka_logs_topic, stream.batches())
    return report.delivered / report.seconds


def _producer_performance(
    settings: Settings, kafka_jars: Path, count: int, payload: list[str], *, tuned: bool
) -> float:
    ours = producer_config(settings)
    properties = [f"bootstrap.servers={settings.kafka_bootstrap_servers}", "acks=all"]
    if tuned:
        properties += [
            f"batch.size={ours['batch.size']}",
            f"linger.ms={ours['linger.ms']}",
            f"compression.type={ours['compression.type']}",
            "buffer.memory=134217728",
        ]
    done = subprocess.run(
        [
            "java", "-Xmx512m", "-cp", f"{kafka_jars}/*",
            "org.apache.kafka.tools.ProducerPerformance",
            "--topic", settings.kafka_logs_topic, "--num-records", str(count),
            "--throughput", "-1", *payload, "--producer-props", *properties,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )  # fmt: skip
    # The last line tells of the whole run: "N records sent, X records/sec (...)".
    return float(re.findall(r"([\d.]+) records/sec", done.stdout)[-1])


def main() -> None:
    """Prints the figures; see --help."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--bootstrap", help="Kafka's address; without it nothing is sent")
    options.add_argument("--jars", type=Path, help="folder of Kafka's jars")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.bootstrap and not given.jars:
        options.error("--bootstrap needs --jars")
    figures = measure_building(given.events)
    if given.bootstrap:
        figures += measure_sending(given.bootstrap, given.jars, given.events // 2)
    for figure in figures:
        if given.json:
            print(json.dumps(asdict(figure) | {"ratio": figure.ratio}))
        else:
            print(
                f"{figure.name}: {figure.value:,.0f}/s; {figure.reference}: "
                f"{figure.reference_value:,.0f}/s; ratio {figure.ratio:.2f}"
            )


if __name__ == "__main__":
    main()
