"""The ingest service as a local service."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from firstcause.local.daemons.environment import process_environment
from firstcause.local.service import Service
from firstcause.settings import Settings


def ingest_service(settings: Settings) -> Service:
    """`firstcause ingest`, once Kafka has its topics."""
    return Service(
        name="ingest",
        command=(str(Path(sys.executable).parent / "firstcause"), "ingest"),
        env=process_environment(settings),
        ports={
            "INGEST_HTTP_PORT": settings.ingest_http_port,
            "INGEST_METRICS_PORT": settings.ingest_metrics_port,
        },
        address=f"http://127.0.0.1:{settings.ingest_http_port}",
        log_file=settings.logs_dir / "ingest.log",
        is_ready=lambda _record: ingest_answers(settings),
        depends_on=frozenset({"topics"}),
        start_timeout_seconds=60.0,
        stop_rank=1,
        stop_grace_seconds=40.0,
    )


def ingest_answers(settings: Settings) -> bool:
    """Whether its HTTP door answers within 3 s."""
    try:
        url = f"http://127.0.0.1:{settings.ingest_http_port}/health"
        return httpx.get(url, timeout=3.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
