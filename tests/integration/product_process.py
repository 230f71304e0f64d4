"""Commands of the product as processes of their own, and messages to a topic."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings

FLUSH_SECONDS = 30


@contextmanager
def product_process(
    settings: Settings, env: dict[str, str], command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`firstcause COMMAND` with these settings; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "firstcause.cli.app", command],
        cwd=PROJECT_ROOT,
        env={**env, **settings_environment(settings)},
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def send(settings: Settings, topic: str, messages: Iterable[tuple[str, bytes]]) -> None:
    """Sends keys and values; they are acknowledged when it returns."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "linger.ms": 20})
    for key, value in messages:
        producer.produce(topic, key=key, value=value)
        producer.poll(0)
    assert producer.flush(FLUSH_SECONDS) == 0
