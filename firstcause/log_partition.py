"""How the table `logs` is cut: a partition is one minute of one service, in shards."""

from __future__ import annotations

import zlib
from typing import Final

# Enough that a service at 5,000 events/s stays below 100 MB a partition; see migration 0001.
SHARDS: Final = 4
EVERY_SHARD: Final = ", ".join(map(str, range(SHARDS)))


def shard_of(log_id: str) -> int:
    """The shard of a log event, 0 to SHARDS - 1; the store job's Spark expression says the same."""
    return zlib.crc32(log_id.lower().encode()) % SHARDS
