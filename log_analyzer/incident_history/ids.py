"""Finds incidents by the first characters of their id."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all

# Shorter ones would name too many; so many matches are told at the most.
LEAST_CHARS: Final = 4
MATCHES: Final = 5

_CQL: Final = {
    "days": "SELECT day FROM incident_days WHERE scope = 'all'",
    "of_day": "SELECT incident_id FROM incidents_by_day WHERE day = ?",
}


def read_prefix(text: str) -> str | None:
    """The beginning of an id in normal form; None if the text is not one."""
    prefix = text.strip().lower()
    fits = re.fullmatch(r"[0-9a-f-]+", prefix) and len(prefix) >= LEAST_CHARS
    return prefix if fits else None


class IncidentIds:
    """The ids of all incidents. Methods block and raise the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def beginning_with(self, prefix: str) -> list[UUID]:
        """Those whose id begins so, of the newest days first; at most `MATCHES`."""
        found: list[UUID] = []
        for day in self._session.execute(self._statements["days"]):
            for row in self._session.execute(self._statements["of_day"], (day.day,)):
                if str(row.incident_id).startswith(prefix) and row.incident_id not in found:
                    found.append(row.incident_id)
                if len(found) >= MATCHES:
                    return found
        return found
