"""The bridge's Prometheus metrics: each named and explained here, nowhere else."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "firstcause_ingest_records", "Records read, by topic and the format they were read as",
    ["topic", "format"],
)  # fmt: skip
EVENTS = Counter("firstcause_ingest_events", "Log events written to the topic of logs", ["topic"])
SPANS = Counter("firstcause_ingest_spans", "Span messages written to the topic of spans", ["topic"])
DEAD_LETTERS = Counter(
    "firstcause_ingest_dead_letters", "Records that could not be read, by reason",
    ["topic", "reason"],
)  # fmt: skip
GUESSED_LEVELS = Counter(
    "firstcause_ingest_guessed_levels", "Events whose source told no level", ["topic"]
)
ODD_FIELDS = Counter(
    "firstcause_ingest_odd_fields", "Fields that could not be read and were kept as attributes",
    ["topic"],
)  # fmt: skip
TRANSACTION_SECONDS = Histogram(
    "firstcause_ingest_transaction_seconds", "Time from reading a batch to its commit"
)
ABORTED = Counter("firstcause_ingest_aborted_transactions", "Transactions given up and begun anew")
HELD = Gauge("firstcause_ingest_held_events", "Events that wait for more of their lines")
