"""Writes docs/metrics.md: `python docs/metrics_page.py`. Every metric of every process of ours.

A test compares the page with the code, and the table below with the modules that define metrics.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from firstcause.kafka.group_lag import GroupLagCollector
from log_analyzer.stream_metrics import StreamCollector

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "metrics.md"
UNITS = ("seconds", "bytes", "messages", "events", "errors", "tokens")
HEAD = """# Metrics

Each long-running process of Firstcause has a page that [Prometheus](monitoring.md) reads. This
page lists all metrics. `python docs/metrics_page.py` writes it from the code.

A counter has the ending `_total` in queries; a histogram has `_bucket`, `_sum` and `_count`. Where
no unit is given, the figure is a number of what the text says. Each process also tells of itself,
by the Prometheus client library: `process_resident_memory_bytes`, `process_cpu_seconds_total` and
so on.
"""


@dataclass(frozen=True)
class Process:
    """A process with a page of metrics: what starts it, the setting of its port, its modules."""

    name: str
    command: str
    port_setting: str
    path: str
    modules: tuple[str, ...]


PROCESSES = (
    Process(
        "analyzer",
        "firstcause analyzer",
        "ANALYZER_METRICS_PORT",
        "/metrics",
        ("log_analyzer.metrics", "log_analyzer.stream_metrics", "firstcause.kafka.group_lag"),
    ),
    Process(
        "ingest",
        "firstcause ingest",
        "INGEST_METRICS_PORT",
        "/metrics",
        ("ingest.bridge.metrics", "ingest.http.metrics", "firstcause.kafka.group_lag"),
    ),
    Process(
        "search-indexer",
        "firstcause search-indexer",
        "SEARCH_METRICS_PORT",
        "/metrics",
        ("search.indexer.metrics",),
    ),
    Process("api", "firstcause api", "API_PORT", "/metrics", ("api.metrics",)),
)
# Metrics that are made at each scrape.
COLLECTORS = {
    "log_analyzer.stream_metrics": StreamCollector(Path("none")).collect,
    "firstcause.kafka.group_lag": GroupLagCollector("", "", ()).describe,
}


@dataclass(frozen=True)
class Documented:
    """One metric: its name without endings, its type, unit, labels and text."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def unit(self) -> str:
        """The unit that its name tells; empty for a plain number."""
        return next((unit for unit in UNITS if self.name.endswith(f"_{unit}")), "")

    @property
    def series(self) -> frozenset[str]:
        """The names that queries use."""
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        return frozenset(self.name + ending for ending in endings.get(self.kind, ("",)))


def metrics_of(process: Process) -> list[Documented]:
    """The metrics of a process, by name."""
    found = [metric for module in process.modules for metric in _metrics_of(module)]
    return sorted(found, key=lambda one: one.name)


def _metrics_of(module: str) -> Iterator[Documented]:
    if module in COLLECTORS:
        for family in COLLECTORS[module]():
            yield _documented(family, tuple(getattr(family, "_labelnames", ())))
        return
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, MetricWrapperBase):
            for family in value.describe():
                yield _documented(family, (*value._labelnames, *_state_label(family)))


def _state_label(family: Metric) -> tuple[str, ...]:
    return (family.name,) if family.type == "stateset" else ()


def _documented(family: Metric, labels: tuple[str, ...]) -> Documented:
    kind = "gauge" if family.type == "stateset" else family.type
    return Documented(family.name, kind, labels, family.documentation)


def page() -> str:
    """The text of the page."""
    parts = [HEAD]
    for process in PROCESSES:
        parts.append(
            f"## {process.name}\n\n`{process.command}` serves `{process.path}` on "
            f"`{process.port_setting}`.\n\n"
            "| metric | type | unit | labels | what it tells |\n|---|---|---|---|---|"
        )
        for one in metrics_of(process):
            labels = ", ".join(f"`{label}`" for label in one.labels)
            text = one.text.rstrip(".").replace("|", "\\|").replace("<*>", "`<*>`")
            parts.append(f"| `{one.name}` | {one.kind} | {one.unit} | {labels} | {text} |")
        parts.append("")
    return "\n".join(parts).replace("``<*>``", "`<*>`").rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
