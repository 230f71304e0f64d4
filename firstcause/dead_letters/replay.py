"""Sends dead letters back to their topics, each once, also when it is killed and retried.

What was sent back is remembered in a ledger: a compacted topic beside the dead letters, keyed
by the letter's identity, written in the same Kafka transaction as the message itself.
So it does not matter which reasons or fixes a run chose, how often a letter stands in the
dead-letter topic, or where a run was killed. Only letters that are readable after their fixes
are sent, so none comes back and no run goes round in circles. The same transaction says how far
the run has come, so that the same request goes on there after a kill or at its `max_count`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.destination import DeadLetter, Returned, StaysUnreadable, returned
from firstcause.dead_letters.fixes import SourcePosition
from firstcause.dead_letters.ledger import ReplayLedger, position_key, read_ledger
from firstcause.errors import FirstcauseError
from firstcause.kafka.topic_plan import replayed_topic
from firstcause.kafka.topic_snapshot import KAFKA_TIMEOUT_SECONDS, count_from, messages_now
from firstcause.settings import Settings

LETTERS_PER_TRANSACTION: Final = 500
BYTES_PER_TRANSACTION: Final = 16 * 1024 * 1024
# So often a run that sends little says how far it has come.
LOOKED_AT_PER_TRANSACTION: Final = 20_000
# Room for a transaction, the largest message and what librdkafka keeps beside them.
QUEUE_KIB: Final = 131_072
TRANSACTION_TIMEOUT_MS: Final = 60_000
GROUP_ID: Final = "dead_letter_replay"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to send back.

    Attributes:
        reasons: values of `dlq.reason`; empty for all but `NOT_STORABLE`, whose letters can be
            read already, and would only come back.
        fixes: names out of `FIXES`, applied in this order.
        max_count: at most so many letters; nothing behind them is read, and the next run of the
            same request goes on there.
        dry_run: send nothing, only count what would be sent.
    """

    reasons: frozenset[str] = frozenset()
    fixes: tuple[str, ...] = ()
    max_count: int = 10_000
    dry_run: bool = False

    @property
    def digest(self) -> str:
        """The same for equal reasons and fixes."""
        told = " ".join((*sorted(self.reasons), "/", *self.fixes))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def asks_for(self, reason: str) -> bool:
        """Whether letters with this reason are wanted."""
        return reason in self.reasons if self.reasons else reason != dead_letter.NOT_STORABLE


@dataclass(slots=True)
class ReplaySummary:
    """What became of the letters that were read.

    `still_unreadable` counts by the reason they would have now; `unread` are behind `max_count`, or
    came meanwhile; `resumed` says that the run went on where an earlier one had stopped.
    """

    resumed: bool = False
    letters: int = 0
    replayed: int = 0
    replayed_before: int = 0
    other_reasons: int = 0
    without_source: int = 0
    unread: int = 0
    still_unreadable: dict[str, int] = field(default_factory=dict)

    def add_unreadable(self, reason: str) -> None:
        """Counts a letter that stays one."""
        self.still_unreadable[reason] = self.still_unreadable.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class _Letter:
    identity: bytes
    source: SourcePosition
    back: Returned


def replay_dead_letters(
    settings: Settings, request: ReplayRequest, kafka_config: Mapping[str, Any]
) -> ReplaySummary:
    """Sends the letters that the dead-letter topic holds now; later ones wait for the next run.

    Blocks until all are acknowledged. A retry after a crash sends what is missing and nothing
    twice. Of two runs at a time the earlier one is fenced off by Kafka and raises. The topics have
    to be there (`ensure_topics`).

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


def _replay(
    settings: Settings, request: ReplayRequest, kafka_config: Mapping[str, Any]
) -> ReplaySummary:
    producer = None if request.dry_run else _transactional_producer(settings, kafka_config)
    # Read after the producer fenced off every earlier run, so that nothing is added meanwhile.
    with read_ledger(settings, kafka_config, request.digest, GROUP_ID) as ledger:
        positions = {} if request.dry_run else dict(ledger.positions)
        summary = ReplaySummary(resumed=bool(positions))
        outgoing = _Outgoing(producer, settings, request, positions)
        topic = settings.kafka_dead_letter_topic
        messages = messages_now(topic, kafka_config, group_id=GROUP_ID, starts=positions)
        for message in messages:
            letter = _chosen(message, settings, request, ledger, summary)
            positions[message.partition() or 0] = (message.offset() or 0) + 1
            if letter is not None:
                ledger.add(letter.identity)
                summary.replayed += 1
                outgoing.add(letter)
            outgoing.send_when_full()
            if summary.replayed >= request.max_count:
                break
        messages.close()
        summary.unread = count_from(topic, kafka_config, positions, group_id=GROUP_ID)
        outgoing.finish(is_complete=summary.replayed < request.max_count)
    return summary


class _Outgoing:
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
        self._letters: list[_Letter] = []
        self._bytes = 0
        self._looked_at = 0

    def add(self, letter: _Letter) -> None:
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
            now_ms = str(_now_ms()).encode()
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


def _chosen(
    message: Message,
    settings: Settings,
    request: ReplayRequest,
    ledger: ReplayLedger,
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
    elif (identity := _identity(source, message)) in ledger:
        summary.replayed_before += 1
    elif not request.asks_for(reason):
        summary.other_reasons += 1
    else:
        try:
            back = returned(found, source, request.fixes, settings, _now_ms())
            letter = _Letter(identity, source, back)
        except StaysUnreadable as error:
            summary.add_unreadable(error.reason)
    return letter


def _now_ms() -> int:
    return int(time.time() * 1000)


def _identity(source: SourcePosition, message: Message) -> bytes:
    """The source position, and a digest: a topic that was made anew counts from 0 again."""
    return f"{source} {hashlib.sha256(_bytes(message.value())).hexdigest()[:32]}".encode()


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _send(
    producer: Producer,
    letters: Sequence[_Letter],
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
            "queue.buffering.max.kbytes": QUEUE_KIB,
        }
    )
    producer.init_transactions(KAFKA_TIMEOUT_SECONDS)
    return producer
