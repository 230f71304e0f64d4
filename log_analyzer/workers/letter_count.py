"""Counts the dead letters that come, without those of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from firstcause.dead_letters import headers

READ_SECONDS: Final = 5.0
# So many are looked at; in a flood, all others count as letters of data.
LOOKED_AT: Final = 200


class LetterCount:
    """Owned by one thread; it reads by partition and commits nothing.

    An alert that a webhook did not take is a dead letter too. If it counted, the alert of dead
    letters would make the next one by itself.
    """

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._ends: Mapping[int, int] | None = None
        self._count = 0

    def at(self, ends: Mapping[int, int]) -> int:
        """How many there ever were; webhooks' are left out from the first call on.

        Blocks for some seconds; raises `KafkaException`.

        Args:
            ends: the end of each partition.
        """
        if self._ends is None:
            self._count = sum(ends.values())
        else:
            new = {number: end - self._ends.get(number, 0) for number, end in ends.items()}
            self._count += sum(new.values()) - self._undelivered(
                {number: ends[number] - count for number, count in new.items() if count > 0},
                min(LOOKED_AT, sum(count for count in new.values() if count > 0)),
            )
        self._ends = dict(ends)
        return self._count

    def _undelivered(self, starts: Mapping[int, int], count: int) -> int:
        if not count:
            return 0
        self._consumer.assign(
            [TopicPartition(self._topic, number, start) for number, start in starts.items()]
        )
        try:
            found = self._consumer.consume(count, READ_SECONDS)
        finally:
            self._consumer.unassign()
        reason = (headers.REASON, headers.NOT_DELIVERED.encode())
        return sum(one.error() is None and reason in (one.headers() or []) for one in found)
