"""The partition key of `logs` and `spans`: service, minute, shard."""

from __future__ import annotations

import zlib
from typing import Final

# Enough that a service at 5,000 events/s stays below 100 MB a partition; see migrations 0001 and
# 0008.
SHARDS: Final = 4
EVERY_SHARD: Final = ", ".join(map(str, range(SHARDS)))


def shard_of(hashed_id: str) -> int:
    """The shard, 0 to SHARDS - 1, by a log event's own id or by the trace id of a span.

    The store jobs' Spark expressions say the same.
    """
    return zlib.crc32(hashed_id.lower().encode()) % SHARDS
