"""The HTTP doors' Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter

REQUESTS = Counter(
    "firstcause_ingest_requests", "Requests by what they bring and the status of the answer",
    ["signal", "status"],
)  # fmt: skip
