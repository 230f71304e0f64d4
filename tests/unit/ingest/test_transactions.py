"""The bridge's loop when Kafka refuses: what is repeated, what is read again, what ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from ingest.bridge.transactions import Bridge
from ingest.bridge.turn_clock import MAX_TURN_MS, TurnClock
from ingest.sources import Source

TOPIC = "shipped_logs"


class Message:
    """A consumed record."""

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def key(self) -> None:
        return None

    def value(self) -> bytes:
        return b'{"level":"info","msg":"x"}'

    def headers(self) -> list[Any]:
        return []

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_795_343_000_000


class ScriptedConsumer:
    """One message at each poll; remembers where it was sent back to."""

    def __init__(self) -> None:
        self.sought: list[int] = []
        self.failure: Exception | None = None

    def consume(self, *_: object) -> list[Message]:
        return [Message()]

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, 0)]

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.failure is not None:
            raise self.failure
        return [TopicPartition(TOPIC, 0, 3)]

    def seek(self, partition: TopicPartition) -> None:
        self.sought.append(partition.offset)

    def consumer_group_metadata(self) -> object:
        return object()


class ScriptedProducer:
    """Answers each commit as told, then with success."""

    def __init__(self, *answers: KafkaError) -> None:
        self.answers = list(answers)
        self.sent = self.commits = self.aborts = 0

    def begin_transaction(self) -> None:
        self.sent = 0

    def produce(self, *_: object, **__: object) -> None:
        self.sent += 1

    def send_offsets_to_transaction(self, *_: object) -> None:
        """Taken."""

    def commit_transaction(self, _: float) -> None:
        self.commits += 1
        if self.answers:
            raise KafkaException(self.answers.pop(0))

    def abort_transaction(self, _: float) -> None:
        self.aborts += 1


def bridge_of(consumer: ScriptedConsumer, producer: ScriptedProducer, home: Path) -> Bridge:
    sources = {TOPIC: Source(topic=TOPIC)}
    settings = Settings(firstcause_home=home)
    return Bridge(settings, sources, consumer=consumer, producer=producer)  # type: ignore[arg-type]


def test_a_commit_that_timed_out_is_repeated_and_not_aborted(tmp_path: Path) -> None:
    timed_out = KafkaError(KafkaError._TIMED_OUT, "slow", retriable=True)
    producer = ScriptedProducer(timed_out, timed_out)
    bridge_of(ScriptedConsumer(), producer, tmp_path)._turn()
    assert (producer.sent, producer.commits, producer.aborts) == (1, 3, 0)


def test_a_refused_transaction_is_read_again_from_what_was_committed(tmp_path: Path) -> None:
    refused = KafkaError(KafkaError.INVALID_TXN_STATE, "no", txn_requires_abort=True)
    consumer, producer = ScriptedConsumer(), ScriptedProducer(refused)
    bridge = bridge_of(consumer, producer, tmp_path)
    bridge._turn()
    assert (producer.aborts, consumer.sought) == (1, [3])
    bridge._turn()
    assert (producer.sent, producer.commits) == (1, 2)


def test_kafka_that_stays_away_ends_the_bridge_with_one_clear_line(tmp_path: Path) -> None:
    refused = KafkaError(KafkaError.INVALID_TXN_STATE, "no", txn_requires_abort=True)
    consumer, producer = ScriptedConsumer(), ScriptedProducer(refused)
    consumer.failure = KafkaException(KafkaError(KafkaError._TRANSPORT, "away"))
    with pytest.raises(FirstcauseError, match="Start it again"):
        bridge_of(consumer, producer, tmp_path)._turn()
    with pytest.raises(FirstcauseError, match="INGEST_INSTANCE"):
        fenced = KafkaError(KafkaError._FENCED, "other", fatal=True)
        bridge_of(ScriptedConsumer(), ScriptedProducer(fenced), tmp_path)._turn()


def test_a_slow_turn_does_not_age_the_lines_that_wait() -> None:
    real = iter([0, 100, 9_100, 9_200])
    clock = TurnClock(lambda: next(real))
    assert [clock.now_ms() for _ in range(3)] == [100, 100 + MAX_TURN_MS, 200 + MAX_TURN_MS]
