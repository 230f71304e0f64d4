"""Metrics of the Spark streaming jobs, from the heartbeats that their drivers write.

The analyzer serves them, because it has the page that Prometheus reads. A driver that is dead or
hangs shows by the age of its heartbeat or batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from firstcause.streams.progress import progress_in


class StreamCollector(Collector):
    """Reads the heartbeat of each job in a folder at each scrape; times by one clock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge a figure; the label of the job is `stream`, as Prometheus has its own `job`."""
        heartbeat = _gauge("heartbeat_age_seconds", "Time since the driver's last heartbeat")
        batch = _gauge("batch_age_seconds", "Time since the last finished batch, while one is due")
        lag = _gauge("lag_messages", "Messages in Kafka beyond the last finished batch")
        now = time.time()
        for one in progress_in(self._folder):
            heartbeat.add_metric([one.job], max(0.0, now - one.updated_at))
            batch.add_metric([one.job], max(0.0, now - one.batch_finished_at))
            if one.lag_messages is not None:
                lag.add_metric([one.job], one.lag_messages)
        yield from (heartbeat, batch, lag)


def _gauge(name: str, help_text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"firstcause_stream_{name}", help_text, labels=["stream"])
