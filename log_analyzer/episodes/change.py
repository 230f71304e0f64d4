"""Collects the changes that one batch makes to an episode, until they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.episodes.episode import EVIDENCE_LIMIT, Episode
from log_analyzer.episodes.trace_links import TraceSpan


@dataclass(slots=True)
class EpisodeChange:
    """What a batch adds to one episode. The episode covers `low_ms` to `high_ms`.

    `previous` is an earlier episode of the group whose incident this one may return to, and
    `goes_on` that there was no rest since then, only a flood; `superseded` that there is a later
    episode. `more_evidence`: so many errors may be kept beyond the first of the episode.
    """

    episode: Episode
    low_ms: int
    high_ms: int
    new: dict[int, list[tuple[bytes, int]]] = field(default_factory=dict)
    evidence: list[ConsumedError] = field(default_factory=list)
    more_evidence: int = 0
    spans: set[TraceSpan] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    previous: Episode | None = None
    must_ensure: bool = False
    must_open: bool = False
    must_write: bool = False
    reopens: bool = False
    partitions: set[int] = field(default_factory=set)
    counted: int = 0
    looked_elsewhere: bool = False
    goes_on: bool = False
    superseded: bool = False

    def keep_as_evidence(self, error: ConsumedError) -> None:
        """Keeps a counted error whole, while there is room for it."""
        kept = self.episode.evidence
        if len(kept) < EVIDENCE_LIMIT or self.more_evidence > 0:
            kept[error.event.log_id] = error.moment_ms
            self.evidence.append(error)
            self.more_evidence -= 1
