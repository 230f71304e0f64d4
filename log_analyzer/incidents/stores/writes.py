"""Executes many writes to Cassandra concurrently; the error of a lost lightweight transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, PreparedStatement

WRITES_AT_ONCE: Final = 50

# A statement and its values.
Write = tuple[PreparedStatement | BatchStatement, tuple[object, ...]]


class LostRaceError(Exception):
    """Others kept changing what this was about to change; the same may work later."""


def write_all(session: Session, writes: Sequence[Write]) -> None:
    """Does all of these writes, many at a time; returns when all are durable."""
    if writes:
        execute_concurrent(session, writes, concurrency=WRITES_AT_ONCE, raise_on_first_error=True)
