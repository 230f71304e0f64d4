"""The analyzer killed again and again while a receiver of webhooks misbehaves.

    python -m bench.live.webhook_kills --alerts 500 --kills 50

The receiver answers 500, hangs, takes a request and loses the answer, and redirects inward, by
chance. Afterwards each alert was taken at least once, always under one key, or a dead letter has
it; nothing went inward. Ends with status 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from bench.running_installation import running_installation
from firstcause.dead_letters import headers as dead_letter
from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage.migrations import migrate
from firstcause.text.event_time import iso
from tests.e2e.accounting import AnalyzerProcess
from tests.integration.log_analyzer.analyzer_parts import (
    eventually,
    webhooks_have_a_position,
)
from tests.stubs.webhook import Webhooks, serving

# Of a hundred requests; the rest is answered with 200.
SERVER_ERROR, DROP, HANG, INWARD = 15, 10, 1, 3
LEAST_SECONDS: Final = 2.0
MOST_SECONDS: Final = 6.0
START_SECONDS: Final = 120.0
DRAIN_SECONDS: Final = 900.0


def an_alert(number: int) -> dict[str, Any]:
    """An alert that opens no incident: webhooks alone are asked here."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "alert_id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        "event_time": iso(now_ms),
        "service_name": f"service-{number % 40}",
        "rule": "made",
        "severity": "low",
        "window_start": iso(now_ms - 60_000),
        "window_end": iso(now_ms),
    }


def misbehaving(hooks: Webhooks, inward: Webhooks, chance: random.Random, count: int) -> None:
    """Chooses the answers to the next requests."""
    kinds: list[int | tuple[int, str] | str] = [500, "drop", "hang", (307, inward.url), 200]
    weights = [SERVER_ERROR, DROP, HANG, INWARD, 100 - SERVER_ERROR - DROP - HANG - INWARD]
    hooks.answers.extend(chance.choices(kinds, weights, k=count))


def put_aside(settings: Settings) -> set[str]:
    """The alerts that dead letters hold as not delivered."""
    letters = read_to_current_end(
        settings.kafka_dead_letter_topic,
        {"bootstrap.servers": settings.kafka_bootstrap_servers},
        group_id="webhook_kills",
    )
    found = set()
    for letter in letters:
        reason = dict(letter.headers() or []).get(dead_letter.REASON) or b""
        if reason == dead_letter.NOT_DELIVERED.encode():
            found.add(str(orjson.loads(letter.value() or b"")["alert_id"]))
    return found


def run(alerts: int, kills: int, seed: int, folder: Path) -> bool:
    """Runs it all and prints what came of it; True when it is as it has to be."""
    chance = random.Random(seed)
    with (
        running_installation("kafka,cassandra") as installed,
        serving() as hooks,
        serving() as inward,
    ):
        settings = installed.settings
        ensure_topics(settings)
        migrate(settings)
        notifications = folder / "notifications.yaml"
        notifications.write_text(
            "version: 1\n"
            f"receivers: [{{name: hub, webhook: {{url: '{hooks.url}'}}}}]\n"
            "routes: [{receivers: [hub]}]\n"
        )
        own = {"NOTIFICATIONS": str(notifications), "ANALYZER_METRICS_PORT": "0"}
        env = {**os.environ, **settings_environment(settings), **own}
        misbehaving(hooks, inward, chance, 20 * alerts)
        sent = [an_alert(number) for number in range(alerts)]
        wanted = {str(one["alert_id"]) for one in sent}
        shares = [sent[at :: kills + 1] for at in range(kills + 1)]
        process = AnalyzerProcess(
            env, folder / "analyzer.log", ("bench.apps.guarded_analyzer", str(hooks.port))
        )
        for share in shares[:-1]:
            with process:
                tell(settings, share)
                await_a_request(hooks)
                time.sleep(chance.uniform(LEAST_SECONDS, MOST_SECONDS))
        with process:
            tell(settings, shares[-1])
            eventually(
                lambda: wanted - set(taken(hooks)) - put_aside(settings),
                lambda missing: not missing,
                seconds=DRAIN_SECONDS,
            )
        return told(hooks, inward, put_aside(settings), wanted, kills)


def tell(settings: Settings, alerts: Sequence[dict[str, Any]]) -> None:
    """Sends alerts once the analyzer is there to be told."""
    eventually(lambda: webhooks_have_a_position(settings), bool, seconds=START_SECONDS)
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for one in alerts:
        producer.produce(settings.kafka_alerts_topic, orjson.dumps(one), one["service_name"])
    producer.flush(60)


def await_a_request(hooks: Webhooks) -> None:
    """Returns when the analyzer is at work; blocks."""
    before = len(hooks.requests)
    eventually(lambda: len(hooks.requests), lambda now: now > before, seconds=START_SECONDS)


def taken(hooks: Webhooks) -> dict[str, set[str]]:
    """The keys under which each alert was taken."""
    found: dict[str, set[str]] = defaultdict(set)
    for key in list(hooks.taken):
        found[key.partition(".")[0]].add(key)
    return found


def told(
    hooks: Webhooks, inward: Webhooks, letters: set[str], wanted: set[str], kills: int
) -> bool:
    """Prints the figures; True when nothing is lost, doubled under two keys, or went inward."""
    keys = taken(hooks)
    repeated = sum(count - 1 for count in hooks.taken.values())
    missing = wanted - set(keys) - letters
    two_keys = [one for one, known in keys.items() if len(known) > 1]
    print(f"{len(wanted):,} alerts, {kills} SIGKILLs, {len(hooks.requests):,} requests")
    print(f"taken {len(keys):,}, of them again under the same key {repeated:,}")
    print(f"dead letters {len(letters):,}, of them taken as well {len(letters & set(keys)):,}")
    print(f"lost {len(missing)}, with two keys {len(two_keys)}, inward {len(inward.requests)}")
    return not missing and not two_keys and not inward.requests


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firstcause-bench-") as folder:
        return 0 if run(asked.alerts, asked.kills, asked.seed, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
