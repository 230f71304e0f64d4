"""How fast the store job catches up, beside a bare connector job on the same topic."""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bench.generator import Figure, parameters
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from generators.output.kafka_producer import connect_producer, produce
from generators.output.message_batch import MessageBatch
from generators.stream.event_stream import EventStream
from tests.installation import Installation
from tests.streaming_driver import StoreDriver, running

# One line in so many is cut in half, so that dead letters are part of the work.
MALFORMED_EVERY = 100
# The JVM's compiler works through the first batches; both jobs are measured behind them.
WARM_BATCHES = 5
DONE_SECONDS = 600.0
STDERR_CHARS = 3_000
# A second of simulated time holds this many events: minutes and shards as a busy shop has them.
EVENTS_PER_SECOND = 5_000.0


@dataclass(frozen=True, slots=True)
class Batch:
    """A finished micro-batch; `finished_at` in seconds since the epoch."""

    records: int
    finished_at: float


def measure_catch_up(installation: Installation, events: int, rounds: int) -> Figure:
    """Events a second from the end of the warm-up to the end of the topic; jobs take turns."""
    settings = installation.fresh_names()
    ensure_topics(settings)
    sent = fill(settings, events)
    speeds: dict[str, list[float]] = {"ours": [], "bare": []}
    jobs: dict[str, Callable[[Installation, Settings, int], list[Batch]]] = {
        "bare": _run_bare,
        "ours": _run_ours,
    }
    for _ in range(rounds):
        for name, run in jobs.items():
            fresh = installation.fresh_names()
            target = settings.model_copy(
                update={
                    "cassandra_keyspace": fresh.cassandra_keyspace,
                    "kafka_dead_letter_topic": fresh.kafka_dead_letter_topic,
                }
            )
            ensure_topics(target)
            migrate(target)
            shutil.rmtree(target.checkpoints_dir, ignore_errors=True)
            speeds[name].append(
                warm_rate(run(replace(installation, settings=target), target, sent))
            )
            # What it has left to compact would slow down whoever comes next.
            with cassandra.session(target, keyspace="") as session:
                session.execute(f"DROP KEYSPACE {target.cassandra_keyspace}", timeout=60)
    ours, bare = (statistics.median(speeds[name]) for name in ("ours", "bare"))
    return Figure("store job, catching up", ours, "bare connector job, no checks", bare)


def fill(settings: Settings, events: int) -> int:
    """Sends about so many events, some cut in half; returns how many."""
    spread = replace(
        parameters(events),
        rate_per_second=EVENTS_PER_SECOND,
        duration_seconds=events / EVENTS_PER_SECOND,
    )
    batches = _with_malformed(EventStream(spread).batches())
    return produce(connect_producer(settings), settings.kafka_logs_topic, batches).delivered


def warm_rate(batches: list[Batch]) -> float:
    """Records a second behind the warm-up batches."""
    cold, warm = batches[:WARM_BATCHES], batches[WARM_BATCHES:]
    seconds = warm[-1].finished_at - cold[-1].finished_at
    return sum(batch.records for batch in warm) / seconds


def _with_malformed(batches: Iterable[MessageBatch]) -> Iterator[MessageBatch]:
    number = itertools.count()
    for batch in batches:
        values = [
            value[: len(value) // 2] if next(number) % MALFORMED_EVERY == 0 else value
            for value in batch.values
        ]
        yield replace(batch, values=values)


def _run_bare(installation: Installation, settings: Settings, _: int) -> list[Batch]:
    driver = StoreDriver(settings, installation.env)
    command = driver.command()
    command[-1] = str(PROJECT_ROOT / "bench" / "apps" / "bare_store.py")
    done = subprocess.run(
        command,
        env=driver.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DONE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the bare job failed:\n{done.stderr[-STDERR_CHARS:]}")
    lines = [line[6:] for line in done.stdout.splitlines() if line.startswith("BATCH ")]
    return [Batch(**json.loads(line)) for line in lines if json.loads(line)["records"]]


def _run_ours(installation: Installation, settings: Settings, sent: int) -> list[Batch]:
    driver = StoreDriver(settings, installation.env)
    driver.files.log.unlink(missing_ok=True)
    deadline = time.monotonic() + DONE_SECONDS
    with running(driver):
        done = _logged(driver.files.log)
        while sum(batch.records for batch in done) < sent:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the store job is not done: {driver.log_tail()}")
            time.sleep(1.0)
            done = _logged(driver.files.log)
    return done


def _logged(log: Path) -> list[Batch]:
    if not log.exists():
        return []
    entries = [
        json.loads(line)
        for line in log.read_text(errors="replace").splitlines()
        if line.startswith("{") and '"batch_stored"' in line
    ]
    return [
        Batch(entry["records"], datetime.fromisoformat(entry["timestamp"]).timestamp())
        for entry in entries
        if entry["records"]
    ]
