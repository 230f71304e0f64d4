"""The bridge beside a bare loop that consumes and produces, on OTLP in protobuf.

    python -m bench.ingest.throughput --records 400000

The bare loop reads the log events that the bridge has written, from a topic with as many messages,
and writes each as it is, in the same transactions with the same settings of consumer and producer.
Both are counted by CPU time of this process, all its threads, and run in turns.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from confluent_kafka import Consumer, Producer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client import REGISTRY

from bench.generator import Figure
from bench.running_installation import running_installation
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from ingest.bridge.transactions import (
    CALL_SECONDS,
    FETCH_MESSAGES,
    FETCH_SECONDS,
    Bridge,
    consumer_config,
    producer_config,
)
from ingest.sources import Source
from tests.installation import Installation
from tests.integration.product_process import send

BATCH_RECORDS: Final = 100
SERVICES: Final = 20
# What issue and page ask of the bridge.
WANTED_RATIO: Final = 0.35
WANTED_RATE: Final = 15_000.0


class Until(threading.Event):
    """Is set once `reached` says so: how a loop that runs until told is ended by its work."""

    def __init__(self, reached: Callable[[], bool]) -> None:
        super().__init__()
        self._reached = reached

    def is_set(self) -> bool:
        """Also true once it is reached."""
        return super().is_set() or self._reached()


def requests(records: int) -> Iterator[tuple[str, bytes]]:
    """Export requests of `BATCH_RECORDS` log records each, as an SDK's batch processor sends."""
    for number in range(records // BATCH_RECORDS):
        request = ExportLogsServiceRequest()
        resource_logs = request.resource_logs.add()
        service = f"service-{number % SERVICES}"
        for name, text in (
            ("service.name", service),
            ("service.instance.id", f"{service}-{number % 3}"),
            ("k8s.namespace.name", "shop"),
            ("service.version", "1.2.3"),
        ):
            resource_logs.resource.attributes.add(key=name).value.string_value = text
        scope_logs = resource_logs.scope_logs.add()
        scope_logs.scope.name = "com.acme.Checkout"
        for index in range(BATCH_RECORDS):
            one = number * BATCH_RECORDS + index + 1
            record = scope_logs.log_records.add(
                time_unix_nano=1_795_339_200_000_000_000 + one * 1_000_000,
                severity_number=9,
                severity_text="INFO",
                trace_id=one.to_bytes(16, "big"),
                span_id=one.to_bytes(8, "big"),
            )
            record.body.string_value = f"Order {one} was placed in {one % 97} ms"
            for name, text in (("http.request.method", "POST"), ("thread.name", "http-8080")):
                record.attributes.add(key=name).value.string_value = text
        yield service, bytes(request.SerializeToString())


def measure_bridge(installation: Installation, records: int, rounds: int) -> Figure:
    """Records a CPU second of both, the medians of the rounds. Kafka has to be up."""
    ours, bare = [], []
    for _ in range(rounds):
        settings = installation.fresh_names()
        topic = f"{settings.kafka_logs_topic}_otlp"
        ensure_topics(settings, sources=[topic])
        send(settings, topic, requests(records))
        ours.append(records / _bridge_seconds(settings, topic, records))
        copied = settings.model_copy(update={"ingest_group": f"{settings.ingest_group}_bare"})
        bare.append(records / _bare_seconds(copied, records))
    return Figure(
        "ingest bridge, OTLP protobuf, one core",
        statistics.median(ours),
        "bare consume-and-produce loop",
        statistics.median(bare),
    )


def _bridge_seconds(settings: Settings, topic: str, records: int) -> float:
    def written() -> float:
        return REGISTRY.get_sample_value("firstcause_ingest_events_total", {"topic": topic}) or 0

    bridge = Bridge(settings, {topic: Source(topic=topic, format="otlp_proto")})
    started = time.process_time()
    bridge.run(Until(lambda: written() >= records))
    return time.process_time() - started


def _bare_seconds(settings: Settings, records: int) -> float:
    target = f"{settings.kafka_logs_topic}_copy"
    ensure_topics(settings, sources=[target])
    consumer, producer = Consumer(consumer_config(settings)), Producer(producer_config(settings))
    producer.init_transactions(CALL_SECONDS)
    consumer.subscribe([settings.kafka_logs_topic])
    copied, started = 0, time.process_time()
    while copied < records:
        messages = consumer.consume(FETCH_MESSAGES, FETCH_SECONDS)
        if not messages:
            continue
        producer.begin_transaction()
        for message in messages:
            producer.produce(target, key=message.key(), value=message.value())
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()),
            consumer.consumer_group_metadata(),
            CALL_SECONDS,
        )
        producer.commit_transaction(CALL_SECONDS)
        copied += len(messages)
    seconds = time.process_time() - started
    consumer.close()
    return seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--records", type=int, default=400_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with running_installation("kafka") as made:
        figure = measure_bridge(made, given.records, given.rounds)
    print(
        f"{figure.name}: {figure.value:,.0f} records/s of CPU time, {figure.reference} "
        f"{figure.reference_value:,.0f}/s, ratio {figure.ratio:.2f} "
        f"(asked for: {WANTED_RATE:,.0f}/s and {WANTED_RATIO})"
    )


if __name__ == "__main__":
    main()
