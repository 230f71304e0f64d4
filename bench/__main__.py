"""All benchmarks with one command: `make bench`. Writes its table into bench/README.md.

Takes about half an hour; wants a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.analyzer import measure_analyzer
from bench.freshness import Freshness, measure_freshness
from bench.generator import Figure, measure_building, measure_sending
from bench.learning import Learning, figure, measure_learning
from bench.running_installation import running_installation
from bench.store_job import measure_catch_up
from bench.storm import StormTold, measure_storms, summary
from bench.template_miner import measure_rate
from firstcause.kafka.topics import ensure_topics
from firstcause.local import installation as local
from firstcause.local.service_status import ServiceStatus, service_statuses
from firstcause.settings import PROJECT_ROOT
from firstcause.storage.migrations import migrate
from tests.streaming_driver import StoreDriver, running

README = PROJECT_ROOT / "bench" / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
MIB = 1024 * 1024
# What the page asks of a figure: events a second, and times the reference.
DEMANDS = {
    "ready events sent": (0.0, 1.0),
    "store job, catching up": (20_000.0, 0.8),
    "analyzer, 5 % errors": (0.0, 0.7),
}
FRESHNESS_P95_SECONDS = 3.0


def main() -> None:
    """Runs all of it; see --help."""
    options = argparse.ArgumentParser(description="All benchmarks; the table goes into README.md.")
    options.add_argument("--events", type=int, default=800_000)
    options.add_argument("--store-events", type=int, default=1_600_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--storms", type=int, default=20)
    options.add_argument("--live-seconds", type=float, default=60.0)
    options.add_argument("--print", action="store_true", help="leave bench/README.md as it is")
    given = options.parse_args()
    with running_installation("kafka,cassandra", local_cassandra_heap="1536m") as made:
        figures = measure_building(given.events)
        figures.append(measure_rate(given.events // 8))
        learned = measure_learning(given.events)
        figures.append(figure(learned))
        figures += measure_sending(
            made.settings.kafka_bootstrap_servers,
            made.settings.jars_dir / "kafka",
            given.events // 2,
        )
        figures.append(measure_catch_up(made, given.store_events, given.rounds))
        figures.append(measure_analyzer(made, given.events, given.rounds))
        storms = measure_storms(made, given.storms)
        made.run("up")
        ensure_topics(made.settings)
        migrate(made.settings)
        # The checkpoint of the last comparison names another topic.
        shutil.rmtree(made.settings.checkpoints_dir, ignore_errors=True)
        with running(StoreDriver(made.settings, made.env)):
            freshness = measure_freshness(made.settings, 2_000.0, given.live_seconds)
            memory = service_statuses(made.settings, local.local_services(made.settings))
    text = report(given.rounds, figures, learned, storms, freshness, memory)
    print(text)
    if not given.print:
        before, rest = README.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def report(
    rounds: int,
    figures: Iterable[Figure],
    learned: Learning,
    storms: Sequence[StormTold],
    freshness: Freshness,
    memory: Iterable[ServiceStatus],
) -> str:
    """The tables in Markdown, headed by the machine that they were measured on."""
    lines = [
        f"{_machine()} Rounds of store job and analyzer: {rounds}.",
        "",
        "| figure | ours | reference | reference's | ratio |",
        "|---|---:|---|---:|---:|",
        *(
            f"| {one.name} | {one.value:,.0f}/s | {one.reference} | "
            f"{one.reference_value:,.0f}/s | {one.ratio:.2f} |"
            for one in figures
        ),
        "",
        f"The profile learned has {learned.profile_bytes:,} bytes for {learned.services} services; "
        f"50 services like these have {learned.bytes_of_50_services:,}.",
        "",
        summary(storms),
        "",
        f"Produced to readable in Cassandra, {freshness.rate_per_second:,.0f} events/s, all "
        f"services running, {freshness.probes} probes: p50 {freshness.p50_seconds:.2f} s, "
        f"p95 {freshness.p95_seconds:.2f} s, longest {freshness.max_seconds:.2f} s.",
        "",
        missed(figures, freshness),
        "",
        "| process, at the end of that | memory (proportional set size) |",
        "|---|---:|",
        *_memory(list(memory)),
    ]
    return "\n".join(lines)


def missed(figures: Iterable[Figure], freshness: Freshness) -> str:
    """Which of the page's demands these figures do not meet, in a sentence."""
    told = []
    for one in figures:
        rate, ratio = DEMANDS.get(one.name, (0.0, 0.0))
        if one.value < rate:
            told.append(f"{one.name}: {one.value:,.0f}/s, has to be {rate:,.0f}/s")
        if one.ratio < ratio and "as it comes" not in one.reference:
            told.append(f"{one.name}: {one.ratio:.2f} x the reference, has to be {ratio} x")
    if freshness.p95_seconds > FRESHNESS_P95_SECONDS:
        told.append(
            f"produced to readable: p95 {freshness.p95_seconds:.2f} s, has to be "
            f"{FRESHNESS_P95_SECONDS:.0f} s"
        )
    return f"Missed on this machine: {'; '.join(told) or 'nothing'}."


def _memory(statuses: list[ServiceStatus]) -> list[str]:
    known = [(one.name, one.memory_bytes) for one in statuses if one.memory_bytes is not None]
    total = sum(size for _, size in known)
    return [f"| {name} | {size / MIB:,.0f} MiB |" for name, size in [*known, ("all", total)]]


def _machine() -> str:
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores ({_processor()}), "
        f"{memory:.0f} GiB of memory, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
