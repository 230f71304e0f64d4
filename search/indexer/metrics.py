"""The indexer's Prometheus metrics: each named and explained here, nowhere else."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("firstcause_search_messages", "Messages consumed")
UNREADABLE = Counter(
    "firstcause_search_unreadable",
    "Messages that are no log event; the store job puts them on the dead-letter topic",
)
INDEXED = Counter("firstcause_search_indexed", "Log events made findable, repetitions included")
BATCH_EVENTS = Histogram(
    "firstcause_search_batch_events",
    "Log events of one commit",
    buckets=(1, 10, 100, 1_000, 5_000, 20_000, 100_000),
)
COMMIT_SECONDS = Histogram("firstcause_search_commit_seconds", "Time until a batch is findable")
LAG = Gauge("firstcause_search_lag_messages", "Messages in Kafka that are not findable yet")
BLOCKED = Gauge(
    "firstcause_search_blocked",
    "1 while the index or Cassandra takes no writes, or Cassandra has not answered since the start",
)
HOURS_REMOVED = Counter("firstcause_search_hours_removed", "Hours removed by their age")
TEMPLATES_UNPLACED = Counter(
    "firstcause_search_templates_unplaced",
    "Logs whose message found no place in a full leaf of the template tree: their pattern is `<*>`",
)
