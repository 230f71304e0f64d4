"""How the partitions of each topic are shared out among analyzers, also after a kill."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from confluent_kafka.admin import AdminClient

from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import eventually

pytestmark = pytest.mark.integration

# Joins the group as the analyzer does, and reads until it is killed.
MEMBER = """
from confluent_kafka import Consumer
from firstcause.settings import load_settings
from log_analyzer.intake.consumer_setup import consumer_config
settings = load_settings()
consumer = Consumer(consumer_config(settings))
consumer.subscribe([settings.kafka_logs_topic, settings.kafka_escalations_topic])
while True:
    consumer.poll(1.0)
"""


@pytest.fixture
def own(services: Installation) -> Settings:
    """Topics and a group of the test's own."""
    fresh = services.fresh_names().model_copy(
        update={"analyzer_group": f"analyzers_{uuid.uuid4().hex[:8]}"}
    )
    ensure_topics(fresh)
    return fresh


@contextmanager
def member(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, **settings_environment(settings)}
    with subprocess.Popen([sys.executable, "-c", MEMBER], env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def shares(settings: Settings) -> dict[str, list[int]]:
    """By topic, how many partitions each member of the analyzers' group has, the most first."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    group = settings.analyzer_group
    described = admin.describe_consumer_groups([group])[group].result(timeout=10)
    found: dict[str, list[int]] = {}
    for topic in (settings.kafka_logs_topic, settings.kafka_escalations_topic):
        counts = (
            Counter(one.topic for one in each.assignment.topic_partitions)[topic]
            for each in described.members
        )
        found[topic] = sorted(counts, reverse=True)
    return found


def await_fair_shares(settings: Settings, members: int) -> None:
    """Waits until so many members share all partitions of both topics as evenly as they can.

    A member that has just joined is in the group before the partitions are shared out again.
    """
    metadata = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers}).list_topics(
        timeout=10
    )
    partitions = {name: len(topic.partitions) for name, topic in metadata.topics.items()}

    def is_fair(now: dict[str, list[int]]) -> bool:
        return all(
            len(counts) == members
            and sum(counts) == partitions[topic]
            and counts[0] <= math.ceil(partitions[topic] / members)
            for topic, counts in now.items()
        )

    eventually(lambda: shares(settings), is_fair)


def test_two_and_three_analyzers_share_each_topic_fairly_also_after_a_kill(own: Settings) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(member(own))
        await_fair_shares(own, 2)
        third = stack.enter_context(member(own))
        await_fair_shares(own, 3)
        third.kill()
        await_fair_shares(own, 2)
        stack.enter_context(member(own))
        await_fair_shares(own, 3)
