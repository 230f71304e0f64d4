"""Real SDKs and loggers against the ingest service: what they send is one event each."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from firstcause.settings import Settings
from tests.integration.ingest.ingest_process import (
    await_events,
    await_health,
    bridge,
    own_settings,
    read,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    return own_settings(settings, tmp_path)


def send_by_opentelemetry(address: str) -> tuple[str, int]:
    """An ERROR with an exception inside of a span; returns the trace id and the time in ms."""
    resource = Resource.create({"service.name": "pay", "k8s.pod.name": "pay-0"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{address}/v1/traces")))
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{address}/v1/logs")))
    at_ns = time.time_ns()
    with tracing.get_tracer("t").start_as_current_span("charge") as span:
        try:
            raise ValueError("no card")
        except ValueError as error:
            logs.get_logger("shop.pay").emit(
                timestamp=at_ns,
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body="charge failed",
                exception=error,
            )
        trace_id = f"{span.get_span_context().trace_id:032x}"
    logs.shutdown()
    tracing.shutdown()
    return trace_id, at_ns // 1_000_000


def structlog_line() -> str:
    out = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
    )
    try:
        raise ValueError("no stock")
    except ValueError:
        logger.exception("reserve failed", service="stock")
    return out.getvalue()


def logging_lines() -> str:
    """Python's own logger: a line and a traceback of several, as a container writes them."""
    out = io.StringIO()
    logger = logging.Logger("shop.cart")
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    logger.addHandler(handler)
    try:
        raise KeyError("host")
    except KeyError:
        logger.exception("cannot add")
    return out.getvalue()


NODE = """
const pino = require('pino'), winston = require('winston');
pino().error({err: new Error('no route'), name: 'node-pino'}, 'ship failed');
const w = winston.createLogger({defaultMeta: {service: 'node-winston'}, format:
  winston.format.combine(winston.format.timestamp(), winston.format.errors({stack: true}),
  winston.format.json()), transports: [new winston.transports.Console()]});
w.error(new Error('no paper'));
"""


def node_lines(folder: Path) -> str | None:
    """What pino and winston write; None where Node or its packages cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    (folder / "log.js").write_text(NODE, "utf-8")
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "pino@9", "winston@3"]
    if (
        subprocess.run(npm, check=False, cwd=folder, capture_output=True, timeout=240).returncode
        != 0
    ):
        return None
    return subprocess.run(
        ["node", "log.js"], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_what_sdks_and_loggers_send_is_one_event_each(
    own: Settings, product_env: dict[str, str], tmp_path: Path
) -> None:
    from_node = node_lines(tmp_path)
    from_structlog = structlog_line()
    with bridge(own, product_env):
        address = await_health(own)
        trace_id, at_ms = send_by_opentelemetry(address)
        for _ in range(2):  # the second is a repetition after a lost answer
            found = httpx.post(f"{address}/ingest", content=from_structlog, trust_env=False)
            assert found.json() == {"accepted": 1}
        docker = "".join(
            json.dumps({"log": f"{line}\n", "stream": "stderr", "container_name": "cart"}) + "\n"
            for line in logging_lines().splitlines()
        )
        httpx.post(f"{address}/ingest", content=docker, trust_env=False).raise_for_status()
        if from_node is not None:
            httpx.post(f"{address}/ingest", content=from_node, trust_env=False).raise_for_status()
        events = await_events(own, 4 + (2 if from_node else 0))
        spans = [json.loads(message.value()) for message in read(own, own.kafka_spans_topic)]
    by_service: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_service.setdefault(event["service_name"], []).append(event)
    assert {event["level"] for event in events} == {"ERROR"}
    [pay] = by_service["pay"]
    assert (pay["message"], pay["logger"]) == ("charge failed", "shop.pay")
    assert pay["trace_id"] == trace_id
    assert "ValueError: no card" in pay["exception"]
    assert pay["instance"]
    assert pay["timestamp"].endswith(f"{at_ms % 1_000:03d}Z")
    [span] = spans
    assert (span["trace_id"], span["operation"]) == (trace_id, "charge")
    first, second = by_service["stock"]
    assert first["log_id"] == second["log_id"]
    assert "ValueError: no stock" in first["exception"]
    [cart] = by_service["cart"]
    assert (cart["message"], cart["logger"]) == ("cannot add", "shop.cart")
    assert cart["exception"].endswith("KeyError: 'host'")
    if from_node is None:
        pytest.skip("Node's loggers were left out: there is no node, or its packages cannot be had")
    [pino] = by_service["node-pino"]
    assert pino["message"] == "ship failed"
    assert pino["exception"].startswith("Error: no route")
    [winston] = by_service["node-winston"]
    assert winston["message"] == "no paper"
    assert winston["exception"].startswith("Error: no paper")
