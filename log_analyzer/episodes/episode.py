"""The data classes of groups and episodes, the ids, and decisions about one of them. Pure.

A group is a service and a message template. An episode is a session of one group in event time:
its errors with no gap longer than the quiet time; an error within the quiet time of an episode,
before or after, belongs to it, so a late or replayed error finds its own. An incident is the set
of episodes that one cause explains: see `incidents.grouping`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from log_analyzer.episodes.tally import Tally
from log_analyzer.redaction.redactor import cut_apart

# Errors that are kept whole: the first of an episode, the first of each burst in it, and in all.
EVIDENCE_LIMIT: Final = 40
EVIDENCE_MAX: Final = 120
TITLE_CHARS: Final = 120


@dataclass(slots=True)
class Episode:
    """One episode as this process knows it. Times in ms since the epoch.

    `incident_id` is None until the episode is placed. Counts stand with the episode, so that
    they stay where they are when incidents merge. `elsewhere` holds the log ids that were counted
    from partitions of other instances, `evidence` those of the errors that are kept whole, with
    their event times.
    """

    episode_id: UUID
    fingerprint: UUID
    service_name: str
    template: str
    opened_ms: int
    incident_id: UUID | None = None
    tallies: dict[int, Tally] = field(default_factory=dict)
    elsewhere: dict[int, frozenset[bytes]] = field(default_factory=dict)
    evidence: dict[str, int] = field(default_factory=dict)

    @property
    def first_ms(self) -> int:
        """Event time of its first error."""
        return min([self.opened_ms, *(t.first_ms for t in self.tallies.values() if t.first_ms)])

    @property
    def last_ms(self) -> int:
        """Event time of its last error."""
        return max([self.opened_ms, *(t.last_ms for t in self.tallies.values() if t.last_ms)])

    @property
    def remembered_ids(self) -> int:
        """How many log ids it holds in memory."""
        own = sum(len(tally.seen) for tally in self.tallies.values())
        return own + sum(map(len, self.elsewhere.values()))

    def knows_elsewhere(self, log_key: bytes, partition: int) -> bool:
        """True for a log id that was counted from another Kafka partition than this one."""
        if len(self.tallies) == 1:
            return False
        others = (tally.seen for key, tally in self.tallies.items() if key != partition)
        return any(log_key in ids for ids in (*others, *self.elsewhere.values()))

    @property
    def last_arrival_ms(self) -> int:
        """When its last error arrived, by the wall clock; 0 before the first is counted."""
        return max((tally.last_arrival_ms for tally in self.tallies.values()), default=0)


def title(service_name: str, template: str) -> str:
    """The one line that names an incident: where and what."""
    text = f"{service_name}: {template}"
    return text if len(text) <= TITLE_CHARS else cut_apart(text, TITLE_CHARS - 1) + "…"


def episode_id(fingerprint: UUID, first_log_id: str) -> UUID:
    """The identity of the episode that this error opens."""
    return derived_id("episode", str(fingerprint), first_log_id)


def incident_id(first_episode: UUID) -> UUID:
    """The identity of the incident that this episode opens."""
    return derived_id("incident", str(first_episode))


def split_incident_id(first_episode: UUID) -> UUID:
    """The identity of the incident that this episode leads out of another one."""
    return derived_id("split-incident", str(first_episode))


def covering(episodes: Iterable[Episode], moment_ms: int, quiet_ms: int) -> Episode | None:
    """The episode that an error at `moment_ms` belongs to, or None: it opens a new one.

    Of two it takes the nearer, of two equally near the earlier, so that all instances agree.
    """

    def distance(episode: Episode) -> int:
        return max(episode.first_ms - moment_ms, moment_ms - episode.last_ms, 0)

    near = [episode for episode in episodes if distance(episode) <= quiet_ms]
    return min(near, key=lambda one: (distance(one), one.opened_ms, one.episode_id), default=None)


def is_quiet(last_arrival_ms: int, now_ms: int, quiet_ms: int) -> bool:
    """True when nothing of an incident has arrived for the quiet time by the wall clock."""
    return now_ms - last_arrival_ms >= quiet_ms
