"""How the analyzers of a group share the partitions of their topics, also after kills."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter

import pytest
from confluent_kafka.admin import AdminClient

from firstcause.kafka.topics import ensure_topics
from firstcause.settings import PROJECT_ROOT, Settings
from tests.integration.log_analyzer.analyzer_parts import eventually

pytestmark = pytest.mark.integration

CONSUMING = """
from confluent_kafka import Consumer
from firstcause.settings import load_settings
from log_analyzer.intake.consumer_setup import consumer_config
settings = load_settings()
consumer = Consumer(consumer_config(settings))
consumer.subscribe([settings.kafka_logs_topic, settings.kafka_escalations_topic])
while True:
    consumer.poll(0.2)
"""


def shares(settings: Settings) -> list[Counter[str]]:
    """By member of the group, how many partitions of each topic it has."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    group = settings.analyzer_group
    found = admin.describe_consumer_groups([group])[group].result(30)
    return [
        Counter(one.topic for one in member.assignment.topic_partitions) for member in found.members
    ]


def test_no_analyzer_has_more_than_its_share_of_a_topic_also_after_kills(
    settings: Settings, product_env: dict[str, str]
) -> None:
    names = ("kafka_logs_topic", "kafka_escalations_topic", "kafka_dead_letter_topic")
    suffix = uuid.uuid4().hex[:8]
    own = settings.model_copy(
        update={name: f"{getattr(settings, name)}_{suffix}" for name in (*names, "analyzer_group")}
    )
    ensure_topics(own)
    env = product_env | {name.upper(): getattr(own, name) for name in (*names, "analyzer_group")}
    partitions = own.kafka_logs_partitions
    members: list[subprocess.Popen[bytes]] = []

    def started() -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-c", CONSUMING]
        members.append(
            subprocess.Popen(arguments, env=env, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL)
        )
        return members[-1]

    def fair(count: int) -> None:
        def is_fair(found: list[Counter[str]]) -> bool:
            most = math.ceil(partitions / count)
            logs = [one[own.kafka_logs_topic] for one in found]
            return len(found) == count and sum(logs) == partitions and max(logs) <= most

        eventually(lambda: shares(own), is_fair, 60)

    try:
        first = started()
        started()
        fair(2)
        started()
        fair(3)
        os.kill(first.pid, signal.SIGKILL)
        fair(2)
        started()
        fair(3)
    finally:
        for member in members:
            member.kill()
            member.wait(30)
