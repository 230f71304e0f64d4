"""Spreads the rows of services over partitions, so that none grows with all services. Pure.

A row has up to 100 KB: those of a thousand services are as much as one partition may hold.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

PARTITIONS: Final = 8


def partition_of(key: str, service: str) -> str:
    """The key of the partition that holds a service's row, of those that belong to `key`."""
    return f"{key}/{crc32(service.encode()) % PARTITIONS}"


def partitions_of(key: str) -> list[str]:
    """All that belong to `key`: with `key` itself, which holds all rows of earlier versions."""
    return [key, *(f"{key}/{number}" for number in range(PARTITIONS))]
