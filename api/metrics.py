"""The API's Prometheus metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter(
    "firstcause_api_requests", "Requests by route and status of the answer", ["route", "status"]
)
SECONDS: Final = Histogram(
    "firstcause_api_request_seconds", "Time until the answer begins, by route", ["route"]
)
READING: Final = Gauge("firstcause_api_reading", "Requests that read the stores now")
REFUSED: Final = Counter(
    "firstcause_api_refused", "Requests refused for load, by reason", ["reason"]
)
ALERTS: Final = Counter(
    "firstcause_api_webhook_alerts",
    "Alerts that came by webhook, by what became of them",
    ["outcome"],
)
KEY_FIGURES: Final = Counter(
    "firstcause_api_key_figures",
    "Answers of /kpi and /services, by where they were read: redis (hot state) or cassandra",
    ["source"],
)
TAILS: Final = Gauge("firstcause_api_tails", "Live tails that are open now")
