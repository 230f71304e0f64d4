"""The hourly and daily token budget, shared by all instances through Cassandra."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from cassandra.cluster import Session

from firstcause.settings import Settings
from firstcause.storage.cassandra import prepare_all
from log_analyzer import metrics

Outcome = Literal["asked", "answered", "invalid", "timeout", "unavailable", "over_budget"]
Purpose = Literal["analysis", "try"]

# Answers count against an incident's calls permanently. Calls without an answer, which may have
# cost something, count for an hour only: a slow model does not use up the incident's calls.
ANSWERED: Final = frozenset({"answered", "invalid"})
CAME_TO_NOTHING: Final = frozenset({"asked", "timeout"})
NOTHING_COUNTS_SECONDS: Final = 3_600

_CQL: Final = {
    "used": "SELECT tokens FROM llm_usage WHERE hour IN ?",
    "calls": "SELECT outcome, purpose, called_at FROM llm_usage WHERE incident_id = ?",
    "write": "INSERT INTO llm_usage (hour, call_id, incident_id, model, tokens, called_at, "
    "purpose, outcome, requests, input_tokens, output_tokens) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}


class OverBudgetError(Exception):
    """No tokens are left; the text says of what. `free_at` is when there are new ones."""

    def __init__(self, reason: str, free_at: datetime) -> None:
        super().__init__(reason)
        self.free_at = free_at


@dataclass(frozen=True, slots=True)
class Calls:
    """How often an incident was asked about: answered, and of the last hour without an answer."""

    answered: int = 0
    came_to_nothing: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """Tokens reserved for one call."""

    hour: datetime
    call_id: UUID
    incident_id: UUID
    purpose: Purpose
    model: str
    called_at: datetime


class ModelBudget:
    """Reserves and settles tokens in Cassandra; blocks, raises the driver's errors.

    Hours and days are those of UTC. A call reserves the most that it may cost, and adds up after
    that, so that two instances never both fit in alone. A process that is killed leaves its
    reservation as spent.
    """

    def __init__(
        self,
        session: Session,
        *,
        tokens_per_hour: int,
        tokens_per_day: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)
        self._per_hour = tokens_per_hour
        self._per_day = tokens_per_day
        self._clock = clock
        self._reserving = threading.Lock()

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def used(self, hours: list[datetime]) -> int:
        """Tokens spent or reserved in these hours, by all instances."""
        return sum(one.tokens or 0 for one in self._execute("used", hours))

    def calls_of(self, incident: UUID) -> Calls:
        """The calls of an incident that may have cost something.

        What people try at the command line does not count.
        """
        since = self._clock() - timedelta(seconds=NOTHING_COUNTS_SECONDS)
        rows = [one for one in self._execute("calls", incident) if one.purpose != "try"]
        return Calls(
            answered=sum(one.outcome in ANSWERED for one in rows),
            came_to_nothing=sum(
                one.outcome in CAME_TO_NOTHING and _utc(one.called_at) >= since for one in rows
            ),
        )

    def reserve(self, incident: UUID, model: str, tokens: int, purpose: Purpose) -> Charge:
        """Takes tokens for one call out of the budget.

        Raises:
            OverBudgetError: they are more than is left; nothing stays reserved.
        """
        # One after the other here, or questions that start together refuse each other.
        with self._reserving:
            return self._reserve(incident, model, tokens, purpose)

    def _reserve(self, incident: UUID, model: str, tokens: int, purpose: Purpose) -> Charge:
        now = self._clock()
        hour = now.replace(minute=0, second=0, microsecond=0)
        day = hour.replace(hour=0)
        charge = Charge(hour, uuid.uuid4(), incident, purpose, model, now)
        self._write(charge, tokens, "asked")
        if self.used([hour]) > self._per_hour:
            self._write(charge, 0, "over_budget")
            raise OverBudgetError(f"{self._per_hour:,} tokens an hour", hour + timedelta(hours=1))
        if self.used([day + timedelta(hours=n) for n in range(24)]) > self._per_day:
            self._write(charge, 0, "over_budget")
            raise OverBudgetError(f"{self._per_day:,} tokens a day", day + timedelta(days=1))
        return charge

    def settle(
        self,
        charge: Charge,
        outcome: Outcome,
        tokens: int,
        *,
        requests: int = 0,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> None:
        """Writes what a call has cost; writing again replaces it."""
        self._write(charge, tokens, outcome, requests, input_tokens, output_tokens)
        metrics.MODEL_TOKENS.inc(tokens)

    def _write(
        self,
        charge: Charge,
        tokens: int,
        outcome: Outcome,
        requests: int = 0,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> None:
        self._execute(
            "write",
            charge.hour,
            charge.call_id,
            charge.incident_id,
            charge.model,
            tokens,
            charge.called_at,
            charge.purpose,
            outcome,
            requests,
            input_tokens,
            output_tokens,
        )


def _utc(moment: datetime) -> datetime:
    """A time as Cassandra's driver gives it: UTC, without saying so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def model_budget(settings: Settings, session: Session) -> ModelBudget:
    """The budget as the settings say."""
    return ModelBudget(
        session,
        tokens_per_hour=settings.analyzer_llm_tokens_per_hour,
        tokens_per_day=settings.analyzer_llm_tokens_per_day,
    )
