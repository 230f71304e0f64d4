"""One of two analyzers is killed at a random point of a storm, twenty times over.

Each round is a storm of its own, a day of event time from the next, so that each has to become
one incident with one message, whoever died over it.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cassandra.cluster import Session

from firstcause.incidents.view import IncidentView
from firstcause.settings import Settings
from generators.scenario import failing_scenario_names
from tests.e2e.accounting import (
    AnalyzerProcess,
    all_standing,
    check_told_once,
    end_offsets,
    errors_counted,
    group_offsets,
    incidents,
    merged_ones_say_so,
    slack_process,
)
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.storms import a_storm

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

SEED = 20262
ROUNDS = int(os.environ.get("STORM_ROUNDS", "20"))
ERRORS = int(os.environ.get("STORM_ERRORS", "500"))
SETTLED_SECONDS = 180.0
APART = timedelta(days=1)


def test_twenty_kills_in_storms_lose_none_and_tell_each_once(
    settings: Settings, product_env: dict[str, str], session: Session, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    names = failing_scenario_names()
    start = datetime.now(UTC).replace(microsecond=0) - (ROUNDS + 1) * APART
    storms = [
        a_storm(names[n % len(names)], start=start + n * APART, seed=n, errors=ERRORS)
        for n in range(ROUNDS)
    ]
    with ExitStack() as running:
        slack = running.enter_context(slack_process())
        env = {**product_env, **slack.env, "SLACK_PICTURE_AFTER_SECONDS": "3600"}
        background = running.enter_context(ThreadPoolExecutor(1))
        analyzers = [
            running.enter_context(
                AnalyzerProcess(
                    env | {"ANALYZER_METRICS_PORT": "0", "LOG_FORMAT": "json"},
                    tmp_path / f"analyzer{n}.log",
                )
            )
            for n in range(2)
        ]
        for number, storm in enumerate(storms):
            sending = background.submit(storm.send, settings)
            victim = chance.choice(analyzers)
            if chance.random() < 0.3:
                # Between the outbox and Slack, or between Slack and the outbox.
                eventually(lambda known=number: told(session) > known, bool, SETTLED_SECONDS)
            else:
                point = number * ERRORS + chance.randrange(ERRORS)
                eventually(lambda: errors_counted(session), lambda n, p=point: n >= p, 180.0)
            victim.kill()
            victim.start()
            sending.result()
        eventually(
            lambda: sum(group_offsets(settings).values()),
            lambda done: done == sum(map(len, storms)),
            SETTLED_SECONDS,
        )
        views = eventually(
            lambda: incidents(session),
            all_standing,
            SETTLED_SECONDS,
        )
        assert group_offsets(settings) == end_offsets(settings, settings.kafka_logs_topic)
        eventually(lambda: merged_ones_say_so(session), bool, SETTLED_SECONDS)
        # More than ten storms within a minute are a flood: then a digest tells of some.
        check_told_once(session, slack)
    by_day = Counter(int((one.first_ms / 1000 - start.timestamp()) // 86_400) for one in views)
    assert by_day == Counter(range(ROUNDS)), described(views)
    assert [one.error_count for one in sorted(views, key=lambda one: one.first_ms)] == [
        ERRORS
    ] * ROUNDS


def told(session: Session) -> int:
    """How many incidents' messages are on their way or out."""
    return len(list(session.execute("SELECT incident_id FROM incidents")))


def described(views: list[IncidentView]) -> str:
    return "\n".join(
        f"{one.incident_id} {one.first_ms} {one.error_count} {one.services}" for one in views
    )
