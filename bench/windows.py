"""What the query of the window metrics costs, beside a bare count by window.

Both parse and check the same events with the same reader; the bare one is
`groupBy(service, window).count()`. Ours also drops repetitions, and has levels, status classes,
latencies and distinct users and traces. Writing to Cassandra is in neither. Runs take turns.

    python -m bench.windows
    python -m bench.windows --events 600000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firstcause.settings import PROJECT_ROOT
from generators.stream.event_stream import EventStream, GeneratorParameters

EVENTS_PER_SECOND = 2_000.0
BATCH_EVENTS = 10_000
RUN_SECONDS = 900


def main() -> None:
    """Prints the figures; see --help."""
    options = argparse.ArgumentParser(description="The window query beside a bare count.")
    options.add_argument("--events", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=1)
    given = options.parse_args()
    spent: dict[str, list[float]] = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory(prefix="firstcause-bench-") as folder:
        fill(Path(folder), given.events)
        for _ in range(given.rounds):
            for design, seconds in spent.items():
                seconds.append(run(design, Path(folder)))
    ours, bare = (statistics.median(spent[name]) for name in ("ours", "bare"))
    print(
        f"CPU seconds per million events: window metrics {ours:.0f}, bare count by window "
        f"{bare:.0f}, ratio {ours / bare:.2f} ({given.events:,} events, {given.rounds} rounds)."
    )


def fill(folder: Path, events: int) -> None:
    """Writes about so many events, in files of a batch each, the oldest first."""
    parameters = GeneratorParameters(
        rate_per_second=EVENTS_PER_SECOND,
        duration_seconds=events / EVENTS_PER_SECOND,
        scenario=None,
        seed=5,
        start=datetime.now(UTC) - timedelta(hours=1),
    )
    lines = [value for batch in EventStream(parameters).batches() for value in batch.values]
    for number in range(0, len(lines), BATCH_EVENTS):
        path = folder / f"{number:09}.jsonl"
        path.write_bytes(b"\n".join(lines[number : number + BATCH_EVENTS]) + b"\n")
        # Spark takes files by their time.
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))


def run(design: str, folder: Path) -> float:
    """CPU seconds a million events of one design."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.apps.window_query", design, str(folder)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=True,
    )
    result = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{design}: {result['cpu_seconds_per_million']:.0f} of {result['events']:,} events")
    return float(result["cpu_seconds_per_million"])


if __name__ == "__main__":
    main()
