"""Stores one batch of errors and escalations; what fails goes to the dead-letter topic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from firstcause.dead_letters import headers
from firstcause.storage.cassandra import AWAY
from log_analyzer import metrics
from log_analyzer.incidents.stores.writes import LostRaceError
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter, NotPutAsideError
from log_analyzer.intake.mining import mined
from log_analyzer.intake.stack_lines import StackLines
from log_analyzer.intake.uncommitted_batch import ReadError, ReadEscalation, UncommittedBatch
from log_templates.miner import TemplateMiner

PROCESSING_ATTEMPTS: Final = 3

# These pass by themselves: the consumer waits, and gives the same batch again.
TRANSIENT_ERRORS: Final = (*AWAY, LostRaceError, NotPutAsideError)

_log = structlog.get_logger()


class BatchProcessor:
    """Stores batches. Owned by the consumer's thread.

    A batch that can't be processed in three attempts is processed error by error, so that one
    error never stops the others.
    """

    def __init__(
        self, tracker: IncidentTracker, dead_letters: DeadLetterWriter, miner: TemplateMiner
    ) -> None:
        self._tracker = tracker
        self._dead_letters = dead_letters
        self._miner = miner
        self._stack_lines = StackLines()

    def store(self, batch: UncommittedBatch) -> None:
        """Stores the errors and escalations of a batch, and marks it as stored; blocks.

        Raises one of `TRANSIENT_ERRORS` when a service is away or a race was lost: the same batch
        is to be given again. What can't be processed otherwise goes to the dead-letter topic.
        """
        if batch.is_empty:
            return
        errors = self._stack_lines.left_out(batch.errors)
        with metrics.BATCH_SECONDS.time():
            if errors and not self._processed(errors):
                # One of them can't be processed: find it, so that the others go on.
                for error in errors:
                    if not self._processed([error]):
                        self._dead_letters.put(error.source, headers.PROCESSING_FAILED)
            self._store_escalations(batch.escalations)
            for one in batch.unreadable:
                self._dead_letters.put(one.source, one.reason)
        metrics.BATCH_ERRORS.observe(len(errors))
        batch.stored()

    def _store_escalations(self, messages: list[ReadEscalation]) -> None:
        for one in messages:
            if one.escalation is None:
                self._dead_letters.put(one.source, headers.UNREADABLE_ESCALATION)
        readable = [one for one in messages if one.escalation is not None]
        if readable and not self._escalated(readable):
            for one in readable:
                if not self._escalated([one]):
                    self._dead_letters.put(one.source, headers.PROCESSING_FAILED)

    def _escalated(self, messages: list[ReadEscalation]) -> bool:
        found = [one.escalation for one in messages if one.escalation is not None]
        ids = [str(one.escalation_id) for one in found]
        done = self._attempted(partial(self._tracker.escalate, found), escalation_ids=ids[:10])
        metrics.ESCALATIONS.inc(len(found) if done else 0)
        return done

    def _processed(self, errors: list[ReadError]) -> bool:
        log_ids = [error.event.log_id for error in errors[:10]]
        record = partial(self._record, errors)
        return self._attempted(record, log_ids=log_ids)

    def _record(self, errors: list[ReadError]) -> None:
        self._tracker.record([mined(self._miner, one) for one in errors])

    def _attempted(self, work: Callable[[], None], **told: object) -> bool:
        """True when it was done in three attempts; what passes by itself is raised."""
        for attempt in range(PROCESSING_ATTEMPTS):
            try:
                work()
            except TRANSIENT_ERRORS:
                raise
            except Exception:  # noqa: BLE001 - told; after three times a dead letter
                _log.exception("processing_failed", attempt=attempt + 1, **told)
            else:
                return True
        return False
