"""The ingest service as a process, with topics of its own, and what it has written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from confluent_kafka import KafkaError, KafkaException, Producer

from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings
from tests.installation import free_ports

WAIT_SECONDS = 90.0
NO_LEADER_YET = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}


def own_settings(settings: Settings, folder: Path) -> Settings:
    """Topics, a group and a mapping file of the test's own."""
    suffix = uuid.uuid4().hex[:8]
    topics = {
        "ingest_lines_topic": f"shipped_{suffix}",
        "ingest_otlp_logs_topic": f"otlp_logs_{suffix}",
        "ingest_otlp_spans_topic": f"otlp_spans_{suffix}",
    }
    formats = ("auto", "otlp_proto", "otlp_proto_spans")
    entries = [
        {"topic": topic, "format": name, "service": "fallback"}
        for topic, name in zip(topics.values(), formats, strict=True)
    ]
    file = folder / "sources.yaml"
    file.write_text(yaml.safe_dump({"sources": entries}), "utf-8")
    metrics_port, http_port = free_ports(2)
    fresh = settings.model_copy(
        update={
            **topics,
            "kafka_logs_topic": f"logs_{suffix}",
            "kafka_spans_topic": f"spans_{suffix}",
            "kafka_dead_letter_topic": f"letters_{suffix}",
            "ingest_group": f"ingest_{suffix}",
            "ingest_sources_file": file,
            "ingest_metrics_port": metrics_port,
            "ingest_http_port": http_port,
        }
    )
    ensure_topics(fresh, sources=list(topics.values()))
    return fresh


@contextmanager
def bridge(settings: Settings, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "firstcause.cli.app", "ingest"],
        cwd=PROJECT_ROOT,
        env={**env, **settings_environment(settings)},
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def send(settings: Settings, records: list[tuple[str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "linger.ms": 20})
    for key, value in records:
        producer.produce(settings.ingest_lines_topic, key=key, value=value)
        producer.poll(0)
    assert producer.flush(30) == 0


def read(settings: Settings, topic: str) -> list[Any]:
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return list(read_to_current_end(topic, config, group_id=f"test_{uuid.uuid4().hex}"))
        except KafkaException as failure:
            # A topic that was just made may have no leader yet.
            if failure.args[0].code() not in NO_LEADER_YET or time.monotonic() > deadline:
                raise


def await_events(settings: Settings, count: int) -> list[dict[str, Any]]:
    """All log events, once there are as many; more than that is seen as well."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = [
            json.loads(message.value()) for message in read(settings, settings.kafka_logs_topic)
        ]
        if len(found) >= count or time.monotonic() > deadline:
            return found


def await_health(settings: Settings) -> str:
    """The address of the HTTP doors, once they answer."""
    address = f"http://127.0.0.1:{settings.ingest_http_port}"
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            assert httpx.get(f"{address}/health", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            assert time.monotonic() < deadline
        else:
            return address
