"""The ingest service as a process, with topics of its own, and what it has written."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import yaml

from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from tests.installation import free_ports
from tests.integration.product_process import product_process
from tests.integration.product_process import send as send_to

WAIT_SECONDS = 90.0


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


def bridge(
    settings: Settings, env: dict[str, str]
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return product_process(settings, env, "ingest")


def send(settings: Settings, records: list[tuple[str, bytes]]) -> None:
    send_to(settings, settings.ingest_lines_topic, records)


def read(settings: Settings, topic: str) -> list[Any]:
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    return list(read_to_current_end(topic, config, group_id=f"test_{uuid.uuid4().hex}"))


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
