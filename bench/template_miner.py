"""The template miner beside drain3: lines a CPU second on one core, and grouping accuracy.

Both get the same lines in the same run. drain3 lives in an environment of its own, made on first
use below `.firstcause/bench`: its pins do not go with this project's.

    python -m bench.template_miner
    python -m bench.template_miner --trainticket FOLDER --lines 200000

Accuracy is measured on the fault-free minutes of a TrainTicket recording, if it is there. The
truth is the source line that logged an event; a group is a service and a template, as in the
analyzer. What both made of it is kept below `.firstcause/bench/templates` for reading.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.generator import Figure, parameters
from firstcause.settings import PROJECT_ROOT
from generators.stream.event_stream import EventStream
from log_templates.miner import TemplateMiner

DRAIN3 = "drain3==0.9.11"
HOME = PROJECT_ROOT / ".firstcause" / "bench"
TRAINTICKET = PROJECT_ROOT.parent / "shared" / "data" / "trainticket"
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a miner made of some lines: CPU seconds, the group of each line, texts of groups."""

    cpu_seconds: float
    groups: list[str]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of lines whose group is exactly the true one, and the numbers of groups."""

    lines: int
    ours: float
    drain3: float
    our_groups: int
    drain3_groups: int
    true_groups: int


def measure_rate(lines: int, home: Path = HOME) -> Figure:
    """Lines a CPU second of ours beside drain3's, on messages of the project's own generator."""
    messages = generated_messages(lines)
    ours, theirs = group_with_ours(messages), group_with_drain3(messages, home)
    return Figure(
        "log lines grouped, one core",
        len(messages) / ours.cpu_seconds,
        "drain3",
        len(messages) / theirs.cpu_seconds,
    )


def measure_accuracy(folder: Path = TRAINTICKET, home: Path = HOME) -> Accuracy | None:
    """Grouping accuracy of both on a TrainTicket recording; None where there is none."""
    files = sorted(folder.glob("baseline_logs-*.jsonl.gz"))
    if not files:
        return None
    events = [orjson.loads(line) for file in files for line in _lines(file)]
    messages = [event["message"] for event in events]
    services = [event["service_name"] for event in events]
    truth = [
        (event["service_name"], event["logger"], event["attributes"]["line"]) for event in events
    ]
    ours, theirs = group_with_ours(messages), group_with_drain3(messages, home)
    for name, grouping in (("ours", ours), ("drain3", theirs)):
        _keep_for_reading(home / "templates" / f"{name}.txt", grouping, truth)
    our_groups = list(zip(services, ours.groups, strict=True))
    their_groups = list(zip(services, theirs.groups, strict=True))
    return Accuracy(
        lines=len(messages),
        ours=grouping_accuracy(our_groups, truth),
        drain3=grouping_accuracy(their_groups, truth),
        our_groups=len(set(our_groups)),
        drain3_groups=len(set(their_groups)),
        true_groups=len(set(truth)),
    )


def grouping_accuracy(groups: Sequence[Hashable], truth: Sequence[Hashable]) -> float:
    """The share of lines whose group has exactly the lines of their true one (Zhu et al. 2019)."""
    found, true = _members(groups), _members(truth)
    right = sum(len(lines) for lines in found & true)
    return right / len(groups)


def generated_messages(lines: int) -> list[str]:
    """Messages of a healthy stream of the project's own generator."""
    batches = EventStream(parameters(lines)).batches()
    return [orjson.loads(value)["message"] for batch in batches for value in batch.values]


def group_with_ours(messages: Sequence[str]) -> Grouping:
    """Groups messages with a fresh miner each round; the median time."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        miner = TemplateMiner()
        started = time.process_time()
        templates = [miner.add(message) for message in messages]
        seconds.append(time.process_time() - started)
    groups = [str(template.template_id) for template in templates]
    texts = {group: template.text for group, template in zip(groups, templates, strict=True)}
    return Grouping(statistics.median(seconds), groups, texts)


def group_with_drain3(messages: Sequence[str], home: Path = HOME) -> Grouping:
    """The same with drain3, in a process of its own; makes its environment if it is missing."""
    python = _drain3_python(home)
    with tempfile.TemporaryDirectory(prefix="firstcause-drain3-") as folder:
        lines, result = Path(folder) / "lines", Path(folder) / "result.json"
        lines.write_text("".join(json.dumps(one) + "\n" for one in messages), encoding="utf-8")
        app = Path(__file__).parent / "apps" / "drain3_groups.py"
        subprocess.run([python, app, lines, str(ROUNDS), result], check=True)
        found = json.loads(result.read_text(encoding="utf-8"))
    groups = [str(group) for group in found["groups"]]
    return Grouping(statistics.median(found["cpu_seconds"]), groups, found["texts"])


def _lines(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines()


def _members(groups: Sequence[Hashable]) -> set[frozenset[int]]:
    members: defaultdict[Hashable, set[int]] = defaultdict(set)
    for line, group in enumerate(groups):
        members[group].add(line)
    return {frozenset(lines) for lines in members.values()}


def _keep_for_reading(file: Path, grouping: Grouping, truth: Sequence[Hashable]) -> None:
    sources: defaultdict[str, Counter[Hashable]] = defaultdict(Counter)
    for group, source in zip(grouping.groups, truth, strict=True):
        sources[group][source] += 1
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as out:
        for group, counts in sorted(sources.items(), key=lambda one: -one[1].total()):
            out.write(f"{counts.total():6} {grouping.texts[group]}\n")
            out.writelines(f"         {n:6} {source}\n" for source, n in counts.most_common())


def _drain3_python(home: Path) -> Path:
    environment = home / DRAIN3
    python = environment / "bin" / "python"
    done = environment / "installed"
    if not done.exists():
        venv.create(environment, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", DRAIN3], check=True)
        done.touch()
    return python


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lines", type=int, default=100_000)
    options.add_argument("--trainticket", type=Path, default=TRAINTICKET)
    given = options.parse_args()
    rate = measure_rate(given.lines)
    print(
        f"{rate.name}: {rate.value:,.0f}/s of CPU time, {rate.reference} "
        f"{rate.reference_value:,.0f}/s, ratio {rate.ratio:.2f}"
    )
    accuracy = measure_accuracy(given.trainticket)
    if accuracy is None:
        print(f"No TrainTicket recording in {given.trainticket}: accuracy is not measured.")
        sys.exit()
    print(
        f"grouping accuracy, {accuracy.lines:,} lines of {accuracy.true_groups} true groups: "
        f"{accuracy.ours:.1%} in {accuracy.our_groups} groups, drain3 {accuracy.drain3:.1%} in "
        f"{accuracy.drain3_groups}; read both in {HOME / 'templates'}"
    )


if __name__ == "__main__":
    main()
