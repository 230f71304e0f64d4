"""Decides to which topic a dead letter goes back, or why it stays. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.fixes import SourcePosition, repair
from firstcause.events.log_event import UnreadableLogEvent
from firstcause.events.span_event import read_span_message
from firstcause.settings import Settings

# What a record's headers and framing add to its value, at the most.
RECORD_OVERHEAD_BYTES: Final = 4096
TOO_LARGE: Final = "too_large"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message of the dead-letter topic: its headers, and the bytes that could not be read."""

    headers: Mapping[str, bytes]
    key: bytes
    value: bytes | None

    @property
    def source(self) -> SourcePosition | None:
        """Where it was read first; None when its headers do not tell."""
        try:
            return SourcePosition(
                self.headers[dead_letter.TOPIC].decode(),
                int(self.headers[dead_letter.PARTITION]),
                int(self.headers[dead_letter.OFFSET]),
            )
        except (KeyError, ValueError):
            return None

    @property
    def is_of_spans(self) -> bool:
        """True when the job that stores spans could not read it."""
        return self.headers.get(dead_letter.CONSUMER) == dead_letter.SPAN_CONSUMER.encode()


@dataclass(frozen=True, slots=True)
class Returned:
    """A message that goes back."""

    topic: str
    key: bytes
    value: bytes


class StaysUnreadable(ValueError):
    """Sending it would only bring it back; `reason` says why, in the words of `dlq.reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def prepare_for_resend(
    letter: DeadLetter,
    source: SourcePosition,
    fixes: Sequence[str],
    settings: Settings,
    now_ms: int,
) -> Returned:
    """The letter as it can be sent again: to the topic of spans or of logs, by who refused it.

    Args:
        letter: what is in the dead-letter topic.
        source: its source position.
        fixes: names out of `FIXES`, for log events; a message of spans goes back as it is.
        settings: names the topics, and how large a message may be.
        now_ms: ms since the epoch; "a day ahead" is counted from it.

    Raises:
        StaysUnreadable: it can't be read even so. A message some of whose spans can't be read
            stays too: the others are stored already.
    """
    back = (
        _spans(letter, settings, now_ms)
        if letter.is_of_spans
        else _log_event(letter, source, fixes, settings, now_ms)
    )
    if len(back.value) > settings.kafka_max_message_bytes - RECORD_OVERHEAD_BYTES:
        raise StaysUnreadable(TOO_LARGE)
    return back


def _spans(letter: DeadLetter, settings: Settings, now_ms: int) -> Returned:
    found = read_span_message(letter.value, now_ms)
    if found.reason is not None:
        raise StaysUnreadable(found.reason.value)
    return Returned(settings.kafka_spans_topic, letter.key, letter.value or b"")


def _log_event(
    letter: DeadLetter,
    source: SourcePosition,
    fixes: Sequence[str],
    settings: Settings,
    now_ms: int,
) -> Returned:
    try:
        mended = repair(letter.value, source, fixes, now_ms)
    except UnreadableLogEvent as error:
        raise StaysUnreadable(error.reason.value) from None
    return Returned(settings.kafka_logs_topic, mended.event.service_name.encode(), mended.value)
