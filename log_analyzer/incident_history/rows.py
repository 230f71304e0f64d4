"""Converts rows of Cassandra into the parts of an incident's view. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from firstcause.incidents.records import SentMessage
from firstcause.incidents.view import Analysis, ErrorGroup, ErrorMinute, Evidence
from firstcause.storage.stored_time import optional_ms
from log_analyzer.episodes.tally import MINUTE_MS, MINUTES_KEPT

# Shared out among the episodes, so that no group hides the others.
EVIDENCE_OF_A_VIEW: Final = 200


@dataclass(frozen=True, slots=True)
class EpisodeRows:
    """All that is stored of one episode: its row, its tallies and its evidence."""

    row: Any
    tallies: Sequence[Any]
    evidence: Sequence[Any]

    @property
    def count(self) -> int:
        """Errors counted."""
        return sum((one.remembered or 0) + (one.overflow or 0) for one in self.tallies)

    @property
    def first_ms(self) -> int:
        """Event time of its first error."""
        return min([optional_ms(self.row.opened_at) or 0, *_times(self.tallies, "first_seen")])

    @property
    def last_ms(self) -> int:
        """Event time of its last error."""
        return max([optional_ms(self.row.opened_at) or 0, *_times(self.tallies, "last_seen")])

    @property
    def last_arrival_ms(self) -> int:
        """When its last error arrived, by the wall clock; 0 when none is counted."""
        return max(_times(self.tallies, "last_arrival"), default=0)

    @property
    def last_fatal_ms(self) -> int | None:
        """Event time of its last FATAL error; None without any.

        A tally of before this was kept says only that there was one. Then it is the last that is
        kept as evidence; where not all errors are kept the last error may have been that.
        """
        known = max(_times(self.tallies, "last_fatal"), default=None)
        if all(one.last_fatal is not None for one in self.tallies if one.fatal):
            return known
        kept = [optional_ms(one.timestamp) or 0 for one in self.evidence if one.level == "FATAL"]
        return max(kept) if kept and len(self.evidence) >= self.count else self.last_ms


def _times(tallies: Sequence[Any], name: str) -> list[int]:
    return [ms for one in tallies if (ms := optional_ms(getattr(one, name))) is not None]


def first_failures(episodes: Iterable[EpisodeRows]) -> dict[str, int]:
    """When each service logged its first error of the incident, ms."""
    found: dict[str, int] = {}
    for one in episodes:
        service = one.row.service_name
        found[service] = min(found.get(service, one.first_ms), one.first_ms)
    return found


def error_groups(episodes: Iterable[EpisodeRows]) -> tuple[ErrorGroup, ...]:
    """The groups of an incident by their first errors; a group may have several episodes."""
    by_group: dict[UUID, list[EpisodeRows]] = defaultdict(list)
    for one in episodes:
        by_group[one.row.fingerprint].append(one)
    groups = [
        ErrorGroup(
            fingerprint,
            members[0].row.service_name,
            members[0].row.template,
            sum(one.count for one in members),
            min(one.first_ms for one in members),
            max(one.last_ms for one in members),
        )
        for fingerprint, members in by_group.items()
    ]
    return tuple(sorted(groups, key=lambda one: (one.first_ms, one.service_name, one.template)))


def error_minutes(episodes: Iterable[EpisodeRows]) -> tuple[ErrorMinute, ...]:
    """Errors by minute and service, of the latest minutes that have any."""
    counts: Counter[tuple[int, str]] = Counter()
    for one in episodes:
        for tally in one.tallies:
            for minutes in (tally.minutes, tally.overflow_minutes):
                for minute, errors in dict(minutes or {}).items():
                    counts[minute, one.row.service_name] += errors
    kept = set(sorted({minute for minute, _ in counts})[-MINUTES_KEPT:])
    return tuple(
        ErrorMinute(service, minute * MINUTE_MS, counts[minute, service])
        for minute, service in sorted(counts)
        if minute in kept
    )


def evidence_of(episodes: Sequence[EpisodeRows]) -> tuple[Evidence, ...]:
    """The first errors of each episode and its last ones, in event time."""
    share = max(1, EVIDENCE_OF_A_VIEW // max(1, len(episodes)))
    rows = [row for one in episodes for row in _ends(one.evidence, share)]
    rows.sort(key=lambda row: (row.timestamp, row.log_id))
    return tuple(map(_evidence, rows[:EVIDENCE_OF_A_VIEW]))


def _ends(rows: Sequence[Any], share: int) -> Sequence[Any]:
    if len(rows) <= share:
        return rows
    last = share // 2
    return [*rows[: share - last], *rows[len(rows) - last :]]


def sent_message(row: Any) -> SentMessage:
    """A row of the outbox."""
    return SentMessage(row.state, row.channel, row.ts, row.sends or 0, row.last_error)


def _evidence(row: Any) -> Evidence:
    return Evidence(
        str(row.log_id),
        optional_ms(row.timestamp) or 0,
        row.service_name,
        row.level,
        row.message or "",
        row.error_code,
        row.trace_id,
        row.span_id,
        row.parent_span_id,
    )


def analysis(row: Any) -> Analysis:
    """Converts a row of `incident_analyses`."""
    return Analysis(
        source=row.source,
        root_cause=row.root_cause or "",
        culprit_service=row.culprit_service or "",
        confidence=row.confidence or "inconclusive",
        evidence=tuple(row.evidence or ()),
        actions=tuple(row.actions or ()),
        struck_out=tuple(row.struck_out or ()),
        note=row.note or "",
        model=row.model or "",
        llm_calls=row.llm_calls or 0,
        llm_tokens=row.llm_tokens or 0,
        analysed_ms=optional_ms(row.analysed_at) or 0,
        state=row.state or "",
        originals=dict(row.originals or {}),
    )
