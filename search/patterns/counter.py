"""Counts log templates so that what is read again counts once.

Offsets of a partition are cut into blocks of a fixed length. A block's counts are a row each of
service, minute and template, and are written whole: reading a block again, from its beginning,
writes the same rows with the same numbers. So a reader that goes on somewhere in a block begins
again at the block's first offset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from firstcause.events.log_event import LogEvent
from log_templates.headline import headline
from log_templates.miner import TemplateMiner

BLOCK_OFFSETS: Final = 5_000
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class CountKey:
    """What is counted: logs of a service and minute with a template, in one block of offsets."""

    service_name: str
    minute_ms: int
    template_id: UUID
    partition: int
    block: int


@dataclass(slots=True)
class TemplateSeen:
    """A template of a service, as it was met since the last write."""

    text: str
    level: str
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class PatternChanges:
    """What is to be written: counts as they are now, and templates that were met."""

    counts: Mapping[CountKey, int]
    seen: Mapping[tuple[str, UUID], TemplateSeen]


def block_start(offset: int) -> int:
    """The first offset of the block that holds `offset`."""
    return offset - offset % BLOCK_OFFSETS


class PatternCounter:
    """Counts in memory the blocks that are not finished. Not for two threads.

    `add` blocks and raises as the miner's does. Adding the same offset again changes nothing.
    """

    def __init__(self, miner: TemplateMiner) -> None:
        self._miner = miner
        self._blocks: dict[tuple[int, int], Counter[CountKey]] = {}
        self._next: dict[int, int] = {}
        self._changed: set[CountKey] = set()
        self._seen: dict[tuple[str, UUID], TemplateSeen] = {}

    def add(self, event: LogEvent, partition: int, offset: int) -> None:
        """Counts an event; offsets of a partition come in their order."""
        if offset < self._next.get(partition, 0):
            return
        line = headline(event.message, event.exception, event.logger, event.error_code)
        template = self._miner.add(line)
        self._next[partition] = offset + 1
        block = offset // BLOCK_OFFSETS
        minute = event.timestamp_ms // MINUTE_MS * MINUTE_MS
        key = CountKey(event.service_name, minute, template.template_id, partition, block)
        self._blocks.setdefault((partition, block), Counter())[key] += 1
        self._changed.add(key)
        name = event.service_name, template.template_id
        seen = self._seen.get(name)
        if seen is None:
            times = event.timestamp_ms, event.timestamp_ms
            self._seen[name] = TemplateSeen(template.text, event.level, *times)
            return
        seen.text = template.text
        seen.first_ms = min(seen.first_ms, event.timestamp_ms)
        seen.last_ms = max(seen.last_ms, event.timestamp_ms)

    def changed(self) -> PatternChanges:
        """What has changed since `written`."""
        counts = {
            key: self._blocks[key.partition, key.block][key]
            for key in sorted(self._changed, key=_at)
        }
        return PatternChanges(counts, self._seen)

    def written(self, positions: Mapping[int, int]) -> None:
        """Takes note that the changes are durable; finished blocks are let go of."""
        self._changed.clear()
        self._seen = {}
        for partition, block in list(self._blocks):
            if block < positions.get(partition, 0) // BLOCK_OFFSETS:
                del self._blocks[partition, block]

    def forget(self, partitions: Iterable[int]) -> None:
        """Drops all of these partitions: whoever reads them next begins at a block's start."""
        gone = set(partitions)
        self._blocks = {key: counts for key, counts in self._blocks.items() if key[0] not in gone}
        self._changed = {key for key in self._changed if key.partition not in gone}
        self._next = {key: after for key, after in self._next.items() if key not in gone}


def _at(key: CountKey) -> tuple[str, int]:
    return key.service_name, key.minute_ms
