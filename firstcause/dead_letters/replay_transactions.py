"""Sends letters back in Kafka transactions, each with its notes for the ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.destination import Returned
from firstcause.dead_letters.fixes import SourcePosition
from firstcause.dead_letters.ledger import position_key
from firstcause.dead_letters.request import ReplayRequest
from firstcause.kafka.topic_plan import replayed_topic
from firstcause.kafka.topic_snapshot import KAFKA_TIMEOUT_SECONDS
from firstcause.settings import Settings

LETTERS_PER_TRANSACTION: Final = 500
BYTES_PER_TRANSACTION: Final = 16 * 1024 * 1024
# So often a run that sends little says how far it has come.
LOOKED_AT_PER_TRANSACTION: Final = 20_000
# Room for a transaction, the largest message and what librdkafka keeps beside them.
QUEUE_KIB: Final = 131_072
TRANSACTION_TIMEOUT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ReturnedLetter:
    """A letter on its way back, by the identity that the ledger knows it by."""

    identity: bytes
    source: SourcePosition
    back: Returned


class Outgoing:
    """Sends letters a transaction at a time, each with how far the run has come."""

    def __init__(
        self,
        producer: Producer | None,
        settings: Settings,
        request: ReplayRequest,
        positions: Mapping[int, int],
    ) -> None:
        self._producer = producer
        self._settings = settings
        self._request = request
        self._positions = positions
        self._letters: list[ReturnedLetter] = []
        self._bytes = 0
        self._looked_at = 0

    def add(self, letter: ReturnedLetter) -> None:
        """Takes a letter; it is sent with the others of its transaction."""
        self._letters.append(letter)
        self._bytes += len(letter.back.value)

    def send_when_full(self) -> None:
        """To be called once for each letter that was looked at."""
        self._looked_at += 1
        if (
            len(self._letters) >= LETTERS_PER_TRANSACTION
            or self._bytes >= BYTES_PER_TRANSACTION
            or self._looked_at >= LOOKED_AT_PER_TRANSACTION
        ):
            self._send(is_complete=False)

    def finish(self, *, is_complete: bool) -> None:
        """Sends the rest. A complete run leaves no position: the next begins at the beginning."""
        self._send(is_complete=is_complete)

    def _send(self, *, is_complete: bool) -> None:
        if self._producer is not None:
            now_ms = str(int(time.time() * 1000)).encode()
            notes: list[tuple[bytes, bytes | None]] = [
                (letter.identity, now_ms) for letter in self._letters
            ]
            notes += [
                (
                    position_key(self._request.digest, partition),
                    None if is_complete else str(offset).encode(),
                )
                for partition, offset in self._positions.items()
            ]
            if notes:
                _send(self._producer, self._letters, notes, self._settings)
        self._letters, self._bytes, self._looked_at = [], 0, 0


def _send(
    producer: Producer,
    letters: Sequence[ReturnedLetter],
    notes: Sequence[tuple[bytes, bytes | None]],
    settings: Settings,
) -> None:
    producer.begin_transaction()
    try:
        for letter in letters:
            producer.produce(
                letter.back.topic,
                key=letter.back.key,
                value=letter.back.value,
                headers={dead_letter.REPLAY_OF: str(letter.source).encode()},
            )
        for key, note in notes:
            producer.produce(replayed_topic(settings), key=key, value=note)
        producer.commit_transaction(KAFKA_TIMEOUT_SECONDS)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.txn_requires_abort():
            producer.abort_transaction(KAFKA_TIMEOUT_SECONDS)
        raise


def transactional_producer(settings: Settings, kafka_config: Mapping[str, Any]) -> Producer:
    """A producer that fences off every earlier run of a replay; blocks until it has.

    Raises:
        KafkaException: Kafka does not answer.
    """
    producer = Producer(
        {
            **{name: kafka_config[name] for name in kafka_config if name != "message.timeout.ms"},
            "transactional.id": f"firstcause-replay-{settings.kafka_dead_letter_topic}",
            "message.max.bytes": settings.kafka_max_message_bytes,
            # librdkafka wants a delivery to be given up before its transaction is.
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "delivery.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "queue.buffering.max.messages": 100_000,
            "queue.buffering.max.kbytes": QUEUE_KIB,
        }
    )
    producer.init_transactions(KAFKA_TIMEOUT_SECONDS)
    return producer
