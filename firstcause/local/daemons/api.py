"""The read API and its pages as a local service."""

from __future__ import annotations

import sys
from pathlib import Path

from firstcause.local.daemons.environment import process_environment
from firstcause.local.daemons.http_probe import answer_of
from firstcause.local.service import Service
from firstcause.settings import Settings


def api_service(settings: Settings) -> Service:
    """`firstcause api`, once Kafka has its topics and Cassandra its tables."""
    return Service(
        name="api",
        command=(str(Path(sys.executable).parent / "firstcause"), "api"),
        env=process_environment(settings),
        ports={"API_PORT": settings.api_port},
        address=f"http://{api_reached_at(settings)}:{settings.api_port}",
        log_file=settings.logs_dir / "api.log",
        is_ready=lambda _record: api_answers(settings),
        depends_on=frozenset({"topics", "migrations"}),
        start_timeout_seconds=60.0,
        stop_rank=0,
        stop_grace_seconds=15.0,
    )


def api_answers(settings: Settings) -> bool:
    """Whether it answers, and Cassandra and Kafka answer it, within 3 s."""
    return answer_of(f"http://{api_reached_at(settings)}:{settings.api_port}/ready") is not None


def api_reached_at(settings: Settings) -> str:
    """The host by which programs on this machine reach the API."""
    if settings.api_host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
