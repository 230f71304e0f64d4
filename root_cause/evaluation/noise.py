"""Ranks fault-free stretches against one another; any named service is a false alarm. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.evaluation.log_damage import Recording
from root_cause.quiet_hours.own_noise import learn_with_noise
from root_cause.quiet_hours.whole_traces import Trace, traces_of
from root_cause.ranking.ranker import rank

# As much as a labelled case has.
WINDOW_MS: Final = 240_000
# Recordings that share fewer of their services are of different systems.
_LEAST_SHARED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """A stretch that is learned as normal, and another that is ranked against it."""

    says: str
    normal: Recording
    window: Recording


@dataclass(frozen=True, slots=True)
class NoiseRanking:
    """The result of one pair. `score` is that of the first suspect; 0 if there is none."""

    says: str
    culprit: str | None
    score: float


def ranked(pairs: Iterable[Pair]) -> Iterator[NoiseRanking]:
    """Ranks each pair; about a second for one of 25,000 events."""
    for pair in pairs:
        ranking = rank(*pair.window, learn_with_noise(*pair.normal))
        score = ranking.suspects[0].score if ranking.suspects else 0.0
        yield NoiseRanking(pair.says, ranking.culprit, score)


def fault_free_pairs(recordings: Sequence[Recording], count: int, seed: int) -> Iterator[Pair]:
    """So many pairs of stretches of fault-free recordings, seeded.

    A window is what starts within 240 s from a random trace on, at most half of its recording. By
    turns it is ranked against the rest of its own recording and against another whole recording
    of the same system, where there is one. The recordings take turns too.
    """
    dice = random.Random(f"noise {seed}")  # noqa: S311
    parts = [_in_time(one) for one in recordings]
    names: list[set[str]] = [set().union(*map(_services, traces)) for traces in parts]
    for number in range(count if parts else 0):
        at = number % len(parts)
        kin = [
            other
            for other in range(len(parts))
            if other != at and _shared(names[at], names[other]) >= _LEAST_SHARED
        ]
        begin, end = _window(parts[at], dice)
        window = parts[at][begin:end]
        if kin and number // len(parts) % 2:
            other = dice.choice(kin)
            says = f"{number}: of recording {at} against recording {other}"
            yield Pair(says, _joined(parts[other]), _joined(window))
        else:
            says = f"{number}: of recording {at} against its rest"
            rest = parts[at][:begin] + parts[at][end:]
            yield Pair(says, _joined(rest), _joined(window))


def _window(traces: Sequence[Trace], dice: random.Random) -> tuple[int, int]:
    most = max(1, len(traces) // 2)
    begin = dice.randrange(max(1, len(traces) - most + 1))
    end_ms = traces[begin].start_ms + WINDOW_MS
    end = begin
    while end < min(begin + most, len(traces)) and traces[end].start_ms < end_ms:
        end += 1
    return begin, end


def _in_time(recording: Recording) -> list[Trace]:
    return sorted(traces_of(*recording), key=lambda one: one.start_ms)


def _joined(traces: Sequence[Trace]) -> Recording:
    events: list[LogEvent] = [event for trace in traces for event in trace.events]
    spans: list[Span] = [span for trace in traces for span in trace.spans]
    return events, spans


def _services(trace: Trace) -> set[str]:
    return {one.service_name for one in trace.events} | {one.service_name for one in trace.spans}


def _shared(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(1, len(one | other))
