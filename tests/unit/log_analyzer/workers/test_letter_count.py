"""The count of dead letters: those of webhooks are none of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import TopicPartition

from log_analyzer.workers import letter_count
from log_analyzer.workers.letter_count import LetterCount


class Letter:
    def __init__(self, reason: str) -> None:
        self._reason = reason

    def error(self) -> None:
        return None

    def headers(self) -> list[tuple[str, bytes]]:
        return [("traceparent", b"x"), ("dlq.reason", self._reason.encode())]


class Topic:
    """Letters by partition, read as by a consumer."""

    def __init__(self) -> None:
        self.letters: dict[int, list[Letter]] = {0: [], 1: []}
        self.assigned: Sequence[TopicPartition] = ()
        self.reads = 0

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned = partitions

    def unassign(self) -> None:
        self.assigned = ()

    def consume(self, count: int, _: float) -> list[Letter]:
        self.reads += 1
        found = [one for at in self.assigned for one in self.letters[at.partition][at.offset :]]
        return found[:count]

    def put(self, partition: int, *reasons: str) -> None:
        self.letters[partition] += [Letter(one) for one in reasons]

    @property
    def ends(self) -> dict[int, int]:
        return {number: len(letters) for number, letters in self.letters.items()}


def counting(topic: Any) -> LetterCount:
    return LetterCount(topic, "dead")


def test_an_alert_that_a_webhook_did_not_take_does_not_count() -> None:
    topic = Topic()
    topic.put(0, "invalid_json", "not_delivered")
    count = counting(topic)
    before = count.at(topic.ends)
    assert (count.at(topic.ends), topic.reads) == (before, 0)
    topic.put(1, "not_delivered", "not_delivered")
    assert count.at(topic.ends) == before
    topic.put(0, "not_delivered", "invalid_json")
    topic.put(1, "processing_failed")
    assert count.at(topic.ends) == before + 2
    assert topic.assigned == ()


def test_of_a_flood_no_more_is_read_than_a_part() -> None:
    topic = Topic()
    count = counting(topic)
    before = count.at(topic.ends)
    topic.put(0, *["not_delivered"] * 10, *["invalid_json"] * 5_000)
    assert count.at(topic.ends) == before + 5_000
    topic.put(1, *["not_delivered"] * (letter_count.LOOKED_AT + 1))
    assert count.at(topic.ends) == before + 5_001


def test_a_topic_that_was_made_anew_counts_from_its_beginning() -> None:
    topic = Topic()
    topic.put(0, "invalid_json", "invalid_json")
    count = counting(topic)
    before = count.at(topic.ends)
    topic.letters[0].clear()
    assert count.at(topic.ends) < before
    topic.put(0, "invalid_json")
    assert count.at(topic.ends) == before - 1
