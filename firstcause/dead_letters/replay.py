"""Sends dead letters back to their topics, each once, also when it is killed and retried.

What was sent back is remembered in a ledger: a compacted topic beside the dead letters, keyed
by the letter's identity, written in the same Kafka transaction as the message itself.
So it does not matter which reasons or fixes a run chose, how often a letter stands in the
dead-letter topic, or where a run was killed. Only letters that are readable after their fixes
are sent, so none comes back and no run goes round in circles.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import (
    KafkaError,
    KafkaException,
    Message,
    Producer,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.destination import DeadLetter, Returned, StaysUnreadable, returned
from firstcause.dead_letters.fixes import SourcePosition
from firstcause.errors import FirstcauseError
from firstcause.kafka.topic_snapshot import (
    KAFKA_TIMEOUT_SECONDS,
    messages_now,
    without_producer_settings,
)
from firstcause.settings import Settings

LETTERS_PER_TRANSACTION: Final = 500
TRANSACTION_TIMEOUT_MS: Final = 60_000
GROUP_ID: Final = "dead_letter_replay"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to send back.

    Attributes:
        reasons: values of `dlq.reason`; empty for all.
        fixes: names out of `FIXES`, applied in this order.
        max_count: at most so many letters; the others wait for the next run.
        dry_run: send nothing, only count what would be sent.
    """

    reasons: frozenset[str] = frozenset()
    fixes: tuple[str, ...] = ()
    max_count: int = 10_000
    dry_run: bool = False


@dataclass(slots=True)
class ReplaySummary:
    """What became of the letters. `still_unreadable` counts by the reason they would have now."""

    letters: int = 0
    replayed: int = 0
    replayed_before: int = 0
    other_reasons: int = 0
    without_source: int = 0
    beyond_max_count: int = 0
    still_unreadable: dict[str, int] = field(default_factory=dict)

    def add_unreadable(self, reason: str) -> None:
        """Counts a letter that stays one."""
        self.still_unreadable[reason] = self.still_unreadable.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class _Letter:
    identity: str
    source: SourcePosition
    back: Returned


def replay_dead_letters(
    settings: Settings, request: ReplayRequest, kafka_config: Mapping[str, Any]
) -> ReplaySummary:
    """Sends the letters that the dead-letter topic holds now; later ones wait for the next run.

    Blocks until all are acknowledged. A retry after a crash sends what is missing and nothing
    twice. Of two runs at a time the earlier one is fenced off by Kafka and raises.

    Args:
        settings: names the topics.
        request: which letters, with which fixes.
        kafka_config: librdkafka settings of the connection (addresses, security).

    Raises:
        FirstcauseError: Kafka does not answer, or did not take what was sent; nothing of the
            transaction in hand was sent then.
    """
    try:
        return _replay(settings, request, kafka_config)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        raise FirstcauseError(
            f"Kafka did not take the dead letters: {reason.str()}. Look at `firstcause status`, "
            "then run the replay again: nothing is sent twice."
        ) from error


def ledger_topic(settings: Settings) -> str:
    """The topic that remembers which letters were sent back."""
    return f"{settings.kafka_dead_letter_topic}_replayed"


def _replay(
    settings: Settings, request: ReplayRequest, kafka_config: Mapping[str, Any]
) -> ReplaySummary:
    summary = ReplaySummary()
    _ensure_ledger(settings, kafka_config)
    producer = None if request.dry_run else _transactional_producer(settings, kafka_config)
    # Read after the producer fenced off every earlier run, so that nothing is added meanwhile.
    done = {
        _bytes(message.key()).decode()
        for message in messages_now(ledger_topic(settings), kafka_config, group_id=GROUP_ID)
    }
    batch: list[_Letter] = []
    letters = messages_now(settings.kafka_dead_letter_topic, kafka_config, group_id=GROUP_ID)
    for message in letters:
        letter = _chosen(message, settings, request, done, summary)
        if letter is None:
            continue
        done.add(letter.identity)
        summary.replayed += 1
        batch.append(letter)
        if len(batch) >= LETTERS_PER_TRANSACTION and producer is not None:
            _send(producer, batch, settings)
            batch = []
    if batch and producer is not None:
        _send(producer, batch, settings)
    return summary


def _chosen(
    message: Message,
    settings: Settings,
    request: ReplayRequest,
    done: set[str],
    summary: ReplaySummary,
) -> _Letter | None:
    summary.letters += 1
    pairs: Any = message.headers() or ()
    value = message.value()
    found = DeadLetter(
        headers={name: _bytes(text) for name, text in pairs},
        key=_bytes(message.key()),
        value=None if value is None else _bytes(value),
    )
    source = found.source
    reason = found.headers.get(dead_letter.REASON, b"").decode("utf-8", "replace")
    letter = None
    if source is None:
        summary.without_source += 1
    elif _identity(source, message) in done:
        summary.replayed_before += 1
    elif request.reasons and reason not in request.reasons:
        summary.other_reasons += 1
    elif summary.replayed >= request.max_count:
        summary.beyond_max_count += 1
    else:
        try:
            back = returned(found, source, request.fixes, settings, _now_ms())
            letter = _Letter(_identity(source, message), source, back)
        except StaysUnreadable as error:
            summary.add_unreadable(error.reason)
    return letter


def _now_ms() -> int:
    return int(time.time() * 1000)


def _identity(source: SourcePosition, message: Message) -> str:
    """The source position, and a digest: a topic that was made anew counts from 0 again."""
    return f"{source} {hashlib.sha256(_bytes(message.value())).hexdigest()[:32]}"


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _send(producer: Producer, letters: list[_Letter], settings: Settings) -> None:
    now_ms = str(_now_ms()).encode()
    producer.begin_transaction()
    try:
        for letter in letters:
            producer.produce(
                letter.back.topic,
                key=letter.back.key,
                value=letter.back.value,
                headers={dead_letter.REPLAY_OF: str(letter.source).encode()},
            )
            producer.produce(ledger_topic(settings), key=letter.identity.encode(), value=now_ms)
        producer.commit_transaction(KAFKA_TIMEOUT_SECONDS)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.txn_requires_abort():
            producer.abort_transaction(KAFKA_TIMEOUT_SECONDS)
        raise


def _transactional_producer(settings: Settings, kafka_config: Mapping[str, Any]) -> Producer:
    producer = Producer(
        {
            **{name: kafka_config[name] for name in kafka_config if name != "message.timeout.ms"},
            "transactional.id": f"firstcause-replay-{settings.kafka_dead_letter_topic}",
            "message.max.bytes": settings.kafka_max_message_bytes,
            # librdkafka wants a delivery to be given up before its transaction is.
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "delivery.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "queue.buffering.max.messages": 100_000,
            "queue.buffering.max.kbytes": 2_000_000,
        }
    )
    producer.init_transactions(KAFKA_TIMEOUT_SECONDS)
    return producer


def _ensure_ledger(settings: Settings, kafka_config: Mapping[str, Any]) -> None:
    admin = AdminClient(without_producer_settings(kafka_config))
    topic = NewTopic(
        ledger_topic(settings),
        num_partitions=1,
        replication_factor=settings.kafka_replication_factor,
        config={"cleanup.policy": "compact"},
    )
    for request in admin.create_topics([topic]).values():
        try:
            request.result(KAFKA_TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
