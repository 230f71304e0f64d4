"""Reads which dead letters were sent back, and the position of an unfinished replay.

Kept in a compacted topic beside the dead letters, which the replay writes in the same Kafka
transaction as what it sends. A reader has it in a file of its own, since a topic of millions of
letters has as many notes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from firstcause.kafka.topic_plan import replayed_topic
from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.settings import Settings

CACHE_KIB: Final = 32_768
DIGEST_BYTES: Final = 16
_POSITION: Final = b"position "


class ReplayLedger:
    """The notes that were there when it was read, and those that were added since."""

    def __init__(self, file: sqlite3.Connection, request: str) -> None:
        self._file = file
        self._request = request
        self._positions: dict[int, int] = {}
        file.execute("CREATE TABLE sent (id BLOB PRIMARY KEY) WITHOUT ROWID")

    @property
    def positions(self) -> Mapping[int, int]:
        """Next offset by partition of this request, whose last run did not come to its end."""
        return self._positions

    def __contains__(self, identity: bytes) -> bool:
        found = self._file.execute("SELECT 1 FROM sent WHERE id = ?", (_digest(identity),))
        return found.fetchone() is not None

    def add(self, identity: bytes) -> None:
        """Remembers a letter that is sent back."""
        self._file.execute("INSERT OR IGNORE INTO sent VALUES (?)", (_digest(identity),))

    def take(self, notes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Takes notes of the topic, in order."""
        for key, value in notes:
            if not key.startswith(_POSITION):
                self.add(key)
                continue
            _, request, partition = key.decode().split(" ")
            if request != self._request:
                continue
            if value is None:
                self._positions.pop(int(partition), None)
            else:
                self._positions[int(partition)] = int(value)


def position_key(request: str, partition: int) -> bytes:
    """The key of the note that says how far a request has come; a tombstone when it ended."""
    return _POSITION + f"{request} {partition}".encode()


@contextmanager
def read_ledger(
    settings: Settings, kafka_config: Mapping[str, Any], request: str, group_id: str
) -> Iterator[ReplayLedger]:
    """Reads the topic; blocks for a few seconds a million notes.

    Raises as `read_to_current_end` does.

    Args:
        settings: names the topic.
        kafka_config: librdkafka settings of the connection.
        request: names what is asked for, without blanks; positions are kept by it.
        group_id: names the reader.
    """
    # A file without a name is removed when it is closed, and holds what does not fit the cache.
    file = sqlite3.connect("", isolation_level=None)
    try:
        file.execute("PRAGMA journal_mode = OFF")
        file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        ledger = ReplayLedger(file, request)
        topic = replayed_topic(settings)
        messages = read_to_current_end(topic, kafka_config, group_id=group_id)
        ledger.take((_bytes(one.key()) or b"", _bytes(one.value())) for one in messages)
        yield ledger
    finally:
        file.close()


def _digest(identity: bytes) -> bytes:
    return hashlib.blake2b(identity, digest_size=DIGEST_BYTES).digest()


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
