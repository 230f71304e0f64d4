"""Keeps episodes in memory, for a single process that reads none back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.episodes.episode import Episode, episode_id
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.incidents.stores.incident_rows import Bounds, IncidentRow
from log_analyzer.incidents.stores.writes import Write


class EpisodesInMemory(EpisodeStore):
    """The episodes that a tracker writes, with the queries that it can ask.

    Attributes:
        log_ids: the log ids that each episode has counted, 16 bytes each.
        evidence: the errors that each episode keeps.
    """

    def __init__(self) -> None:
        self.log_ids: dict[UUID, list[bytes]] = defaultdict(list)
        self.evidence: dict[UUID, list[ConsumedError]] = defaultdict(list)

    def near(self, fingerprint: UUID, moment_ms: int) -> list[tuple[int, UUID]]:
        """None: the tracker holds all."""
        return []

    def revision(self, fingerprint: UUID) -> int | None:
        """None: nobody else opens episodes."""
        return None

    def open(self, first: ConsumedError, revision: int | None) -> UUID | None:
        """Always opens."""
        return episode_id(first.fingerprint, first.event.log_id)

    def load(self, blank: Episode) -> Episode:
        """Nothing is stored of it."""
        return blank

    def remembered(self, episode: UUID) -> dict[int, int]:
        """Nothing."""
        return {}

    def load_log_ids(self, episode: UUID, partition: int) -> dict[bytes, int]:
        """Nothing."""
        return {}

    def error_statements(
        self, episode: UUID, partition: int, entries: Sequence[tuple[bytes, int]]
    ) -> list[Write]:
        """Keeps the log ids."""
        self.log_ids[episode] += [key for key, _ in entries]
        return []

    def evidence_statements(self, episode: UUID, errors: Iterable[ConsumedError]) -> list[Write]:
        """Keeps the errors."""
        self.evidence[episode] += errors
        return []

    def tally_statements(self, episode: Episode) -> list[Write]:
        """Nothing is written."""
        return []

    def open_statements(self, incident: UUID, arrival_ms: int) -> list[Write]:
        """Nothing is written."""
        return []

    def write(self, writes: Sequence[Write]) -> None:
        """Nothing is written."""

    def incident(self, incident: UUID) -> IncidentRow:
        """Open, and of no group in particular."""
        return IncidentRow(None, "open", None)

    def open_incidents(self) -> list[UUID]:
        """None: nothing is resolved."""
        return []

    def bounds(self, incident: UUID) -> Bounds | None:
        """Unknown."""
        return None

    def resolve(self, incident: UUID, now_ms: int, as_of_ms: int | None = None) -> None:
        """Nothing is written."""
