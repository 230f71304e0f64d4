"""The bridge as a process: topics, metrics, and the loop until it is told to stop."""

from __future__ import annotations

import signal
import threading

import structlog
from prometheus_client import start_http_server

from firstcause.errors import FirstcauseError
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from firstcause.structured_logging import configure_logging
from ingest.bridge.transactions import Bridge
from ingest.sources import load_sources

_log = structlog.get_logger()


def run_bridge(settings: Settings) -> None:
    """Runs the bridge until SIGTERM or SIGINT. Blocks.

    Raises:
        FirstcauseError: a mistake in the mapping file, no Kafka, a taken port, or transactions
            that Kafka refuses.
    """
    configure_logging(settings)
    sources = load_sources(settings.ingest_sources_file)
    ensure_topics(settings, sources=sources)
    bridge = Bridge(settings, sources)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        start_http_server(settings.ingest_metrics_port, addr="127.0.0.1")
    except OSError as error:
        raise FirstcauseError(
            f"Port {settings.ingest_metrics_port} is taken: stop the other bridge or set "
            "INGEST_METRICS_PORT."
        ) from error
    _log.info("ingest_started", topics=sorted(sources), group=settings.ingest_group)
    bridge.run(stopping)
