"""Sends dead letters back to their topics, each once, also when it is killed and retried.

A ledger records what was sent back: a compacted topic beside the dead letters, keyed by the
letter's identity, written in the same Kafka transaction as the message itself. So each letter is
sent once, whatever reasons or fixes a run chose, however often the letter is in the dead-letter
topic, and wherever a run was killed. Only letters that are readable after their fixes are sent, so
no letter is replayed in a loop. The same transaction stores the position of the run, so the same
request continues there after a kill or at its `max_count`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.destination import DeadLetter, StaysUnreadable, prepare_for_resend
from firstcause.dead_letters.fixes import SourcePosition
from firstcause.dead_letters.ledger import ReplayLedger, read_ledger
from firstcause.dead_letters.replay_transactions import (
    Outgoing,
    ReturnedLetter,
    transactional_producer,
)
from firstcause.dead_letters.request import ReplayRequest, ReplaySummary
from firstcause.errors import FirstcauseError
from firstcause.kafka.topic_snapshot import count_from, read_to_current_end
from firstcause.settings import Settings

GROUP_ID: Final = "dead_letter_replay"


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
    producer = None if request.dry_run else transactional_producer(settings, kafka_config)
    # Read after the producer fenced off every earlier run, so that nothing is added meanwhile.
    with read_ledger(settings, kafka_config, request.digest, GROUP_ID) as ledger:
        positions = {} if request.dry_run else dict(ledger.positions)
        summary = ReplaySummary(resumed=bool(positions))
        outgoing = Outgoing(producer, settings, request, positions)
        topic = settings.kafka_dead_letter_topic
        messages = read_to_current_end(topic, kafka_config, group_id=GROUP_ID, starts=positions)
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


def _chosen(
    message: Message,
    settings: Settings,
    request: ReplayRequest,
    ledger: ReplayLedger,
    summary: ReplaySummary,
) -> ReturnedLetter | None:
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
            back = prepare_for_resend(found, source, request.fixes, settings, _now_ms())
            letter = ReturnedLetter(identity, source, back)
        except StaysUnreadable as error:
            summary.add_unreadable(error.reason)
    return letter


def _now_ms() -> int:
    return int(time.time() * 1000)


def _identity(source: SourcePosition, message: Message) -> bytes:
    """The source position and a digest, because a re-created topic counts from 0 again."""
    return f"{source} {hashlib.sha256(_bytes(message.value())).hexdigest()[:32]}".encode()


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
