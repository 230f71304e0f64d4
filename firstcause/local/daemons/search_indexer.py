"""The indexer of search as a local service."""

from __future__ import annotations

import sys
from pathlib import Path

from firstcause.local.daemons.environment import process_environment
from firstcause.local.daemons.http_probe import answer_of
from firstcause.local.service import Service
from firstcause.settings import Settings


def search_indexer_service(settings: Settings) -> Service:
    """`firstcause search-indexer`, once Kafka has its topics and Cassandra its tables."""
    return Service(
        name="search-indexer",
        command=(str(Path(sys.executable).parent / "firstcause"), "search-indexer"),
        env=process_environment(settings),
        ports={"SEARCH_METRICS_PORT": settings.search_metrics_port},
        address=f"http://127.0.0.1:{settings.search_metrics_port}",
        log_file=settings.logs_dir / "search-indexer.log",
        is_ready=lambda _record: search_indexer_answers(settings),
        depends_on=frozenset({"topics", "migrations"}),
        start_timeout_seconds=60.0,
        stop_rank=1,
        stop_grace_seconds=20.0,
    )


def search_indexer_answers(settings: Settings) -> bool:
    """Whether its metrics page answers within 3 s."""
    return answer_of(f"http://127.0.0.1:{settings.search_metrics_port}/") is not None
