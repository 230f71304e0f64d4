"""Ranks a window by simple references that the real ranking has to beat. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.normal.learner import by_trace
from root_cause.traces.call_tree import parents_of, rows_by_time
from root_cause.traces.event_key import template

# A score for each service that is suspected at all; the highest is the first suspect.
Scores = Mapping[str, float]
Reference = Callable[[Sequence[LogEvent], Sequence[Span]], Scores]

# A peer that does not do its part, in the words of clients in any language.
_BAD_PEER: Final = re.compile(
    r"refused|unknown|unavailable|unreachable|time(?:d)?[ -]?out|no route to|not (?:be )?resolve"
    r"|reset by",
    re.IGNORECASE,
)
_MILD_LEVELS: Final = frozenset({"WARN", "INFO"})
_MILD_WEIGHT: Final = 0.5


def count_of_errors(events: Sequence[LogEvent], _: Sequence[Span]) -> Scores:
    """Scores the service with the most ERROR and FATAL lines highest."""
    found: dict[str, float] = defaultdict(float)
    for event in events:
        if event.is_error:
            found[event.service_name] += 1
    return found


def first_error(events: Sequence[LogEvent], _: Sequence[Span]) -> Scores:
    """Scores the service with the first ERROR or FATAL line highest."""
    found: dict[str, float] = {}
    for event in events:
        if event.is_error:
            known = found.get(event.service_name, -float("inf"))
            found[event.service_name] = max(known, -float(event.timestamp_ms))
    return found


def deepest_failure(events: Sequence[LogEvent], spans: Sequence[Span]) -> Scores:
    """Scores services by their deepest failing spans: each trace with an error has one vote.

    A failing span holds an ERROR or FATAL line. Of several equally deep ones the first counts.
    The depth comes from the spans where there are any, else from the order of the lines.
    """
    parents = {(one.trace_id, one.span_id): one.parent_span_id for one in spans}
    votes: dict[str, float] = defaultdict(float)
    traces, untraced = by_trace(events)
    for trace_id, found in traces.items():
        if not any(event.is_error for event in found):
            continue
        rows = rows_by_time(found)
        above = parents_of(rows)
        known = {one: parents[trace_id, one] for one in above if (trace_id, one) in parents}
        depth = {span: _depth(span, {**above, **known}, trace_id, parents) for span in above}
        deepest = min(
            (row for row in rows if row.event.is_error),
            key=lambda row: (-depth[row.span], row.ms, row.event.log_id),
        )
        votes[deepest.event.service_name] += 1
    for event in untraced:
        if event.is_error:
            votes[event.service_name] += 1
    return votes


def _depth(
    span: str,
    logged: Mapping[str, str | None],
    trace_id: str,
    parents: Mapping[tuple[str, str], str | None],
) -> int:
    seen = {span}
    above = logged[span]
    while above is not None and above not in seen:
        seen.add(above)
        above = logged[above] if above in logged else parents.get((trace_id, above))
    return len(seen)


def blame_of_names(events: Sequence[LogEvent], spans: Sequence[Span]) -> Scores:
    """Scores services by names: an ERROR template blames the services it names, else its own.

    WARN and INFO count half, if they report a peer that refuses, is unknown or unavailable,
    or does not answer in time.
    """
    services = {one.service_name for one in events} | {one.service_name for one in spans}
    word = _names(services)
    blamed: dict[tuple[str, str], set[str]] = defaultdict(set)
    weight: dict[tuple[str, str], float] = {}
    for event in events:
        mild = event.level in _MILD_LEVELS and _BAD_PEER.search(event.message)
        if not (event.is_error or mild):
            continue
        key = (event.service_name, template(event.message, is_error=True))
        weight[key] = max(weight.get(key, 0.0), 1.0 if event.is_error else _MILD_WEIGHT)
        if word is not None:
            blamed[key] |= set(word.findall(event.message)) - {event.service_name}
    scores: dict[str, float] = defaultdict(float)
    for key, says in weight.items():
        for name in blamed[key] or {key[0]}:
            scores[name] += says
    return scores


def _names(services: Collection[str]) -> re.Pattern[str] | None:
    names = sorted(filter(None, services), key=lambda name: (-len(name), name))
    if not names:
        return None
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")


REFERENCES: Final[Mapping[str, Reference]] = {
    "counting ERROR lines": count_of_errors,
    "first error": first_error,
    "deepest failing span": deepest_failure,
    "whom errors name": blame_of_names,
}


def positions(
    events: Sequence[LogEvent], spans: Sequence[Span], culprit: str | None
) -> dict[str, int | None]:
    """The culprit's place by each reference, counting all that share it; None: no suspect."""
    return {
        name: position(reference(events, spans), culprit) for name, reference in REFERENCES.items()
    }


def position(scores: Scores, culprit: str | None) -> int | None:
    """The place of a service by its score, counting all that share it; None if it has none."""
    own = scores.get(culprit or "")
    return None if own is None else sum(score >= own for score in scores.values())


def share_within(places: Iterable[int | None], most: int) -> float:
    """The share of the places that are at most this; 0 of nothing."""
    found = list(places)
    return sum(one is not None and one <= most for one in found) / len(found) if found else 0.0
