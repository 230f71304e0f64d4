"""A million dead letters: how large their topic gets, and what it takes to send them back.

`python -m bench.dead_letters` starts a Kafka of its own. First a flood of letters, larger than the
topic's bound: the bytes of the topic's folders are added up as long as it lasts. Then as many
letters within the bound are sent back by a process that is killed with SIGKILL on its way, and by a
second one. Exits with 1 if the topic passed its bound, a process took more than a gigabyte, or a
letter was not sent exactly once.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from bench.running_installation import running_installation
from firstcause.dead_letters import headers as dead_letter
from firstcause.kafka.topic_snapshot import count_from, read_to_current_end
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings
from tests.installation import Installation

GIB: Final = 1024**3
MIB: Final = 1024**2
MEMORY_BOUND_BYTES: Final = GIB
# Of the bytes of a flood, so that most of its letters have to go.
BOUND_SHARE: Final = 0.5
KILL_AT_SHARE: Final = 0.4
VISIBLE_SECONDS: Final = 60.0
GROUP: Final = "bench_dead_letters"
REPLAY: Final = """
import orjson, sys
from dataclasses import asdict
from firstcause.dead_letters.replay import replay_dead_letters
from firstcause.dead_letters.request import ReplayRequest
from firstcause.settings import load_settings
settings = load_settings()
request = ReplayRequest(fixes=("add_missing_offset",), max_count=int(sys.argv[1]))
config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
print(orjson.dumps(asdict(replay_dead_letters(settings, request, config))).decode())
"""


def letter(number: int, size: int) -> bytes:
    """A log event without the offset of its time, of about so many bytes that differ."""
    noise = os.urandom(max(0, size - 200) // 2).hex()
    fields = {
        "log_id": str(uuid.UUID(int=number + 1)),
        "timestamp": "2026-01-22T00:00:00",
        "service_name": f"service-{number % 20}",
        "level": "INFO",
        "message": f"entry {number} {noise}",
    }
    return orjson.dumps(fields)


def send_letters(settings: Settings, count: int, size: int, rate: float) -> float:
    """Sends so many letters, at most `rate` a second; returns the seconds it took."""
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "acks": "all",
            "linger.ms": 20,
            "queue.buffering.max.messages": 0,
        }
    )
    began = time.monotonic()
    for number in range(count):
        if number % 1_000 == 0:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        producer.produce(
            settings.kafka_dead_letter_topic,
            value=letter(number, size),
            headers={
                dead_letter.REASON: "bad_timestamp",
                dead_letter.TOPIC: settings.kafka_logs_topic,
                dead_letter.PARTITION: "0",
                dead_letter.OFFSET: str(number),
                dead_letter.CONSUMER: "store_logs",
            },
        )
        producer.poll(0)
    assert producer.flush(120) == 0
    return time.monotonic() - began


def folder_bytes(kafka_data: Path, topic: str) -> int:
    """What a topic takes on the disk, its indexes and what is about to be deleted included.

    Kafka sets aside the indexes of a new segment at their full length, as files with holes.
    """
    total = 0
    for path in kafka_data.glob(f"**/{topic}-*/*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


@contextmanager
def largest_size(kafka_data: Path, topic: str) -> Iterator[list[int]]:
    """Measures without a pause; the list's only item is the largest size so far."""
    largest, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            largest[0] = max(largest[0], folder_bytes(kafka_data, topic))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield largest
    finally:
        over.set()
        thread.join()


def flood(installation: Installation, count: int, size: int, rate: float) -> bool:
    """Whether the topic stayed within its bound."""
    bound = max(64 * MIB, int(count * size * BOUND_SHARE))
    changes = {"kafka_dead_letter_max_bytes": bound}
    settings = installation.fresh_names().model_copy(update=changes)
    ensure_topics(settings)
    topic = settings.kafka_dead_letter_topic
    with largest_size(installation.home / "kafka", topic) as largest:
        seconds = send_letters(settings, count, size, rate)
    left = sum(1 for _ in read_to_current_end(topic, _config(settings), group_id=GROUP))
    print(
        f"flood: {count:,} letters of {size:,} bytes in {seconds:.0f} s "
        f"({count * size / MIB / seconds:.1f} MiB/s); bound {bound / MIB:,.0f} MiB, "
        f"largest {largest[0] / MIB:,.0f} MiB, {left:,} letters left",
        flush=True,
    )
    return largest[0] <= bound


def replay(installation: Installation, count: int, size: int) -> bool:
    """Whether each letter went back once, through a kill, within the memory."""
    settings = installation.fresh_names()
    ensure_topics(settings)
    send_letters(settings, count, size, rate=float("inf"))
    config, topic = _config(settings), settings.kafka_logs_topic
    first = _start(settings, count)
    began = time.monotonic()
    while first.poll() is None and (
        count_from(topic, config, {}, group_id=GROUP) < KILL_AT_SHARE * count
    ):
        time.sleep(0.2)
    first.kill()
    killed_peak, _ = _end(first)
    before = len(_sent_back(settings, count))
    print(f"killed after {time.monotonic() - began:.0f} s, {before:,} sent back", flush=True)
    began = time.monotonic()
    second = _start(settings, count)
    peak, told = _end(second)
    seconds = time.monotonic() - began
    summary: dict[str, Any] = orjson.loads(told)
    deadline = time.monotonic() + VISIBLE_SECONDS
    while (found := _sent_back(settings, count)) != list(range(count)):
        if time.monotonic() > deadline:
            break
    is_once = found == list(range(count))
    print(
        f"replay: resumed {summary['resumed']}, read {summary['letters']:,}, sent "
        f"{summary['replayed']:,} in {seconds:.0f} s; peak memory {killed_peak / MIB:,.0f} and "
        f"{peak / MIB:,.0f} MiB; {len(found):,} in the topic of logs, each once: {is_once}",
        flush=True,
    )
    return bool(
        is_once
        and summary["resumed"]
        and 0 < before < count
        and max(peak, killed_peak) <= MEMORY_BOUND_BYTES
    )


def _start(settings: Settings, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", REPLAY, str(count + 1)],
        cwd=PROJECT_ROOT,
        env={**os.environ, **settings_environment(settings)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


def _end(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Largest resident memory of the process in bytes, and what it printed."""
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024, told


def _sent_back(settings: Settings, count: int) -> list[int]:
    """Numbers of the letters that readers of the logs see, each as often as it is there."""
    times = [0] * count
    messages = read_to_current_end(settings.kafka_logs_topic, _config(settings), group_id=GROUP)
    for message in messages:
        headers: Any = dict(message.headers() or ())
        times[int(headers[dead_letter.REPLAY_OF].decode().rpartition("/")[2])] += 1
    return list(
        itertools.chain.from_iterable([number] * often for number, often in enumerate(times))
    )


def _config(settings: Settings) -> dict[str, Any]:
    return {"bootstrap.servers": settings.kafka_bootstrap_servers}


def main() -> int:
    """Prints a line for each part; see --help."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--letters", type=int, default=1_000_000)
    options.add_argument("--bytes", type=int, default=1_000)
    options.add_argument("--rate", type=float, default=20_000.0, help="letters a second of a flood")
    given = options.parse_args()
    with running_installation("kafka") as made:
        within = flood(made, given.letters, given.bytes, given.rate)
        once = replay(made, given.letters, given.bytes)
    return 0 if within and once else 1


if __name__ == "__main__":
    sys.exit(main())
