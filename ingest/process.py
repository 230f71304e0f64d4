"""The ingest process: topics, metrics, the HTTP doors and the bridge until it is told to stop."""

from __future__ import annotations

import signal
import threading

import structlog
from prometheus_client import REGISTRY, start_http_server

from firstcause.errors import FirstcauseError
from firstcause.kafka.group_lag import GroupLagCollector
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from firstcause.structured_logging import configure_logging
from ingest.bridge.transactions import Bridge
from ingest.http.server import HttpDoors
from ingest.sources import load_sources

_log = structlog.get_logger()


def run_ingest(settings: Settings) -> None:
    """Runs the bridge and the HTTP doors until SIGTERM or SIGINT. Blocks.

    Raises:
        FirstcauseError: a mistake in the mapping file, no Kafka, a taken port, or transactions
            that Kafka refuses.
    """
    configure_logging(settings)
    sources = load_sources(settings.ingest_sources_file)
    doors_topics = {
        settings.ingest_otlp_logs_topic,
        settings.ingest_otlp_spans_topic,
        settings.ingest_lines_topic,
    }
    ensure_topics(settings, sources={*sources, *doors_topics})
    bridge = Bridge(settings, sources)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    REGISTRY.register(
        GroupLagCollector(settings.kafka_bootstrap_servers, settings.ingest_group, sources)
    )
    try:
        start_http_server(settings.ingest_metrics_port, addr=settings.ingest_metrics_host)
    except OSError as error:
        raise FirstcauseError(
            f"Port {settings.ingest_metrics_port} is taken: stop the other bridge or set "
            "INGEST_METRICS_PORT."
        ) from error
    doors = HttpDoors(settings)
    doors.start()
    _log.info(
        "ingest_started",
        topics=sorted(sources),
        group=settings.ingest_group,
        address=f"{settings.ingest_http_host}:{settings.ingest_http_port}",
    )
    try:
        bridge.run(stopping)
    finally:
        doors.stop()
