"""The bridge killed again and again in the middle of mixed records, and what it wrote.

    python -m bench.ingest.kills --records 200000 --kills 50

Records of twenty containers: lines, stack traces a line a record, pieces of a line, JSON of
loggers, and records that cannot be read. Afterwards every event is counted by what it says: each
once, none torn, dead letters with their reasons. Ends with status 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bench.running_installation import running_installation
from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from tests.integration.ingest.ingest_process import bridge, own_settings, read, send

CONTAINERS: Final = 20
PIECES: Final = 3
PIECE_CHARS: Final = 300
FRAMES: Final = 4
WAIT_SECONDS: Final = 600.0
LEAST_SECONDS: Final = 0.5
MOST_SECONDS: Final = 6.0
_CYCLE: Final = (
    "line",
    "json",
    "trace",
    "json",
    "line",
    "json",
    "pieces",
    "json",
    "line",
    "rubbish",
)


@dataclass(slots=True)
class Sent:
    """What was sent, and what has to come of it."""

    records: list[tuple[str, bytes]] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    traces: set[str] = field(default_factory=set)
    letters: Counter[bytes] = field(default_factory=Counter)


def mixed(records: int) -> Sent:
    """At least as many records, containers in turns, so that their lines lie among each other's."""
    sent, number = Sent(), 0
    while len(sent.records) < records:
        runs = [
            list(_run(_CYCLE[(number + at) % len(_CYCLE)], f"c{at}", number, sent))
            for at in range(CONTAINERS)
        ]
        for place in range(max(map(len, runs))):
            sent.records += [run[place] for run in runs if place < len(run)]
        number += 1
    return sent


def _run(kind: str, container: str, number: int, sent: Sent) -> Iterator[tuple[str, bytes]]:
    name = f"{container}/{number}"
    if kind == "rubbish":
        value = b"\xff\xfe" + name.encode()
        sent.letters[value] += 1
        yield container, value
        return
    sent.messages[f"event {name}"] += 1
    if kind == "line":
        yield container, _docker(container, f"INFO event {name}\n")
    elif kind == "json":
        text = json.dumps({"level": "warn", "msg": f"event {name}"})
        yield container, _docker(container, f"{text}\n")
    elif kind == "trace":
        sent.traces.add(f"event {name}")
        yield container, _docker(container, f"ERROR event {name}\n")
        yield container, _docker(container, f"a.b.Failed: {name}\n")
        for frame in range(FRAMES):
            yield container, _docker(container, f"\tat a.b.C.f{frame}(C.java:{frame})\n")
    else:
        line = json.dumps({"level": "info", "msg": f"event {name}", "pad": "x" * PIECE_CHARS * 2})
        cut = [line[at : at + PIECE_CHARS] for at in range(0, len(line), PIECE_CHARS)]
        assert len(cut) == PIECES
        for piece in cut:
            yield container, _docker(container, piece, "F" if piece is cut[-1] else "P")


def _docker(container: str, line: str, part: str = "F") -> bytes:
    record = {"log": line, "stream": "stderr", "container_name": container, "_p": part}
    return json.dumps({**record, "time": "2026-11-22T09:20:00.5Z"}).encode()


def faults(sent: Sent, events: list[dict[str, Any]], letters: list[Any]) -> list[str]:
    """What is wrong with what came out: lost, repeated, torn; empty when nothing is."""
    found = []
    got = Counter(event["message"] for event in events)
    for name, missing in (("lost", sent.messages - got), ("repeated or torn", got - sent.messages)):
        if missing:
            found.append(f"{missing.total()} events {name}: {list(missing)[:3]}")
    if len({event["log_id"] for event in events}) != len(events):
        found.append("two events have one id")
    for event in events:
        wanted = FRAMES + 1 if event["message"] in sent.traces else 0
        if event.get("exception", "").count("\n") != wanted:
            found.append(f"a torn stack trace: {event['message']}")
    came = Counter(message.value() for message in letters)
    if came != sent.letters:
        found.append(f"{came.total()} dead letters, {sent.letters.total()} sent")
    if any(dict(message.headers()).get(dead_letter.REASON) != b"not_utf8" for message in letters):
        found.append("a dead letter without its reason")
    return found


def run(settings: Settings, env: dict[str, str], sent: Sent, kills: int, seed: int) -> list[str]:
    """Sends all, kills the bridge `kills` times at moments of chance, and accounts for all."""
    rng = random.Random(seed)
    for number in range(kills):
        send(settings, sent.records[_part(number, kills, len(sent.records))])
        with bridge(settings, env) as process:
            # Moments of chance: in its start, in a transaction, between two.
            time.sleep(rng.uniform(LEAST_SECONDS, MOST_SECONDS))
            if process.poll() is not None:
                return [f"the bridge ended by itself with status {process.returncode}"]
    deadline = time.monotonic() + WAIT_SECONDS
    with bridge(settings, env):
        events: list[Any] = []
        while len(events) < sent.messages.total() and time.monotonic() < deadline:
            events = read(settings, settings.kafka_logs_topic)
        letters = read(settings, settings.kafka_dead_letter_topic)
    return faults(sent, [json.loads(message.value()) for message in events], letters)


def _part(index: int, parts: int, length: int) -> slice:
    return slice(index * length // parts, (index + 1) * length // parts)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    sent = mixed(given.records)
    with running_installation("kafka") as made:
        settings = own_settings(made.fresh_names(), made.settings.firstcause_home)
        found = run(settings, made.env, sent, given.kills, given.seed)
    print(
        f"{len(sent.records):,} records, {given.kills} kills: {sent.messages.total():,} events, "
        f"{len(sent.traces):,} with a stack trace, {sent.letters.total():,} dead letters; "
        + ("each once, none torn" if not found else "; ".join(found[:5]))
    )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
