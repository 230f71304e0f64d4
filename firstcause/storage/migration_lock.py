"""The lock of `firstcause migrate`: one run at a time changes the schema."""

from __future__ import annotations

import time
import uuid
from typing import Final

import stamina
from cassandra.cluster import Session

from firstcause.errors import FirstcauseError

# Longer than a lock that is not renewed yet, a statement and an agreement together. After a killed
# `migrate` the next one waits so long at most.
LOCK_SECONDS: Final = 150
RENEW_AFTER_SECONDS: Final = 30


class _LockHeldError(Exception):
    """Another run holds the lock."""


class MigrationLock:
    """A row of Cassandra with a time to live."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._owner = uuid.uuid4()
        self._renewed_at = 0.0

    def acquire(self) -> None:
        """Waits until no other run holds it; FirstcauseError when that takes too long."""
        try:
            for attempt in stamina.retry_context(
                on=_LockHeldError,
                attempts=None,
                timeout=LOCK_SECONDS * 2,
                wait_initial=0.2,
                wait_max=2.0,
            ):
                with attempt:
                    asked_at = time.monotonic()
                    result = self._session.execute(
                        "INSERT INTO migration_lock (name, owner) VALUES ('all', %s) "
                        "IF NOT EXISTS USING TTL %s",
                        (self._owner, LOCK_SECONDS),
                    )
                    if not result.was_applied:
                        raise _LockHeldError
                    self._renewed_at = asked_at
        except _LockHeldError:
            raise FirstcauseError(
                f"Another `firstcause migrate` has been running for {LOCK_SECONDS * 2} s: "
                "wait for it to end, then run this again."
            ) from None

    def renew(self, *, now: bool = False) -> None:
        """Renews it when it is older than `RENEW_AFTER_SECONDS`, or `now`.

        Raises:
            FirstcauseError: the lock is another's by now.
        """
        asked_at = time.monotonic()
        if not now and asked_at - self._renewed_at < RENEW_AFTER_SECONDS:
            return
        result = self._session.execute(
            "UPDATE migration_lock USING TTL %s SET owner = %s WHERE name = 'all' IF owner = %s",
            (LOCK_SECONDS, self._owner, self._owner),
        )
        if not result.was_applied:
            raise FirstcauseError(
                f"This `firstcause migrate` did nothing for {LOCK_SECONDS} s, and another one may "
                "have taken over: run it again."
            )
        self._renewed_at = asked_at

    def release(self) -> None:
        """Gives it back; harmless when it is another's."""
        self._session.execute(
            "DELETE FROM migration_lock WHERE name = 'all' IF owner = %s", (self._owner,)
        )
