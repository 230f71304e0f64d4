"""Stores the contexts of incidents in Cassandra, and the claims of who gathers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import orjson
import pydantic
import structlog
from cassandra.cluster import Session

from firstcause.incidents.view import IncidentContext
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.context.schedule import Gathers

# Of the JSON in `body`; one that an older or newer program wrote is gathered again.
VERSION: Final = 1

_CQL: Final = {
    "read": "SELECT version, body FROM incident_contexts WHERE incident_id = ?",
    "write": "INSERT INTO incident_contexts (incident_id, version, gathered_at, body) "
    "VALUES (?, ?, ?, ?)",
    "gathers": "SELECT gathers, claimed_at, state FROM context_gathers WHERE incident_id = ?",
    "first_claim": "INSERT INTO context_gathers (incident_id, gathers, claimed_at, owner, state) "
    "VALUES (?, 1, ?, ?, ?) IF NOT EXISTS",
    "next_claim": "UPDATE context_gathers SET gathers = ?, claimed_at = ?, owner = ?, state = ? "
    "WHERE incident_id = ? IF gathers = ?",
    "state": "UPDATE context_gathers SET state = ? WHERE incident_id = ? IF gathers = ?",
}
_CONTEXT: Final = pydantic.TypeAdapter(IncidentContext)


@dataclass(frozen=True, slots=True)
class _Path:
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _ContextPath:
    """Of a context its causal path alone; whatever else the JSON has is passed over."""

    ranking: _Path | None = None


_CONTEXT_PATH: Final = pydantic.TypeAdapter(_ContextPath)

_log = structlog.get_logger()


class ContextStore:
    """Contexts and claims; every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def read(self, incident: UUID) -> IncidentContext | None:
        """The newest context of an incident; None if none can be read."""
        row = self._execute("read", incident).one()
        if row is None or row.body is None:
            return None
        return decoded(row.version, row.body, incident)

    def paths(self, incidents: Sequence[UUID]) -> list[tuple[str, ...]]:
        """The causal path of each incident, in their order; empty where none is known."""
        keys = [(one,) for one in incidents]
        found = rows_of_each(self._session, self._statements["read"], keys)
        return [path_in(rows[0].version, rows[0].body) if rows else () for rows in found]

    def write(self, incident: UUID, context: IncidentContext) -> None:
        """Stores a context in the place of the one before; safe to repeat."""
        self._execute(
            "write", incident, VERSION, datetime_from_ms(context.gathered_ms), encoded(context)
        )

    def gathers(self, incident: UUID) -> Gathers:
        """What was gathered of an incident so far, by all instances."""
        row = self._execute("gathers", incident).one()
        if row is None or row.gathers is None:
            return Gathers()
        return Gathers.from_note(row.gathers, optional_ms(row.claimed_at) or 0, row.state or "")

    def claim(self, incident: UUID, claimed: Gathers, owner: str) -> bool:
        """True for the one instance that may gather now; False when another was faster."""
        at, before = datetime_from_ms(claimed.claimed_ms), claimed.count - 1
        if before == 0:
            result = self._execute("first_claim", incident, at, owner, claimed.note)
        else:
            values = (claimed.count, at, owner, claimed.note, incident, before)
            result = self._execute("next_claim", *values)
        return bool(result.was_applied)

    def finish(self, incident: UUID, claimed: Gathers, size: str) -> None:
        """Notes how the incident stood when a gathering ended well; a later claim is left alone."""
        note = replace(claimed, size=size).note
        self._execute("state", note, incident, claimed.count)


def encoded(context: IncidentContext) -> str:
    """A context as the JSON of `VERSION`."""
    return orjson.dumps(context).decode()


def path_in(version: int | None, body: str | None) -> tuple[str, ...]:
    """The causal path of what `encoded` wrote; empty for any other text, and without a path."""
    if version != VERSION or body is None:
        return ()
    try:
        ranking = _CONTEXT_PATH.validate_json(body).ranking
    except pydantic.ValidationError:
        return ()
    return ranking.path if ranking else ()


def decoded(version: int | None, body: str, incident: UUID) -> IncidentContext | None:
    """The context that `encoded` wrote; None, and a line in the log, for any other text."""
    if version != VERSION:
        _log.warning("context_of_other_version", incident_id=str(incident), version=version)
        return None
    try:
        return _CONTEXT.validate_json(body)
    except pydantic.ValidationError as error:
        _log.warning(
            "context_unreadable", incident_id=str(incident), reason=str(error).splitlines()[0]
        )
        return None
