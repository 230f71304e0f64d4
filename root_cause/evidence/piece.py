"""The data class of a piece of evidence: a difference from normal, its weight, its services."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from root_cause.traces.durations import TimeKey
from root_cause.traces.histogram import quantile_ms

# More samples than this make a difference no more telling.
_ENOUGH_SAMPLES: Final = 25
# Below this, a delay troubles nobody, and clocks and schedulers make it.
NOTICED_MS: Final = 20.0
# A surprise so far above chance counts by two thirds; e to that power is about twenty to one.
TELLING_NATS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Deviation:
    """After an event, another event than usual came.

    Attributes:
        here: the event's key.
        expected: the event that used to come more often; END for the trace's end.
        instead: the event that comes more often now.
        expected_normal, expected_now: how often `expected` came.
        instead_now: how often `instead` came.
        normal, now: how often anything came. Now in requests: one that passes here several times
            counts once, in parts.
        log_ids: events after which it was so, at most three.
    """

    here: str
    expected: str
    instead: str
    expected_normal: int
    expected_now: float
    instead_now: float
    normal: int
    now: float
    log_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slowness:
    """Some stretch of time takes longer than usual.

    Attributes:
        limit_ms: what counts as slow.
        usual_ms: three quarters of the normal times are below.
        typical_ms: the median of the slow times now.
        slow_normal, slow_now: shares above the limit.
        normal, now: numbers of samples.
        log_ids: events that show it, at most three; none where only spans do.
        trace_ids: traces that show it, at most three.
    """

    key: TimeKey
    limit_ms: float
    usual_ms: float
    typical_ms: float
    slow_normal: float
    slow_now: float
    normal: int
    now: int
    log_ids: tuple[str, ...]
    trace_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A complaint that is not in normal, or is rarer there.

    Attributes:
        service_name: who complains.
        text: the first line of it; may hold anything.
        named: the other services that it names.
        count, traces: lines of it, and requests with it.
        before: how often normal knows it.
        own_code: it holds a stack trace.
        first_ms: when it came first (event time).
        log_ids: lines of it, at most three.
        risen: the share of its weight that came after the window's first part, 0 to 1.
    """

    service_name: str
    level: str
    text: str
    named: tuple[str, ...]
    count: int
    traces: int
    before: int
    own_code: bool
    first_ms: int
    log_ids: tuple[str, ...]
    risen: float = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence.

    Attributes:
        weight: its strength; 0 for none.
        blame: the services it points to, each with its likelihood on its own (any scale).
        finding: the observation.
    """

    weight: float
    blame: Mapping[str, float]
    finding: Deviation | Slowness | Failure


def surprise(now: float, of_now: float, before: float, of_before: float) -> float:
    """How improbable a difference of two shares is by chance, in nats (half the G statistic).

    Args:
        now: so many cases now,
        of_now: out of so many.
        before: so many cases in normal,
        of_before: out of so many.
    """
    if not of_now or not of_before or now * of_before <= before * of_now:
        return 0.0
    pooled = (now + before) / (of_now + of_before)
    return of_now * _divergence(now / of_now, pooled) + of_before * _divergence(
        before / of_before, pooled
    )


def _divergence(share: float, other: float) -> float:
    """Kullback and Leibler's, of two Bernoulli distributions, in nats."""
    found = share * math.log(share / other) if share > 0 else 0.0
    if share < 1:
        found += (1 - share) * math.log((1 - share) / (1 - other))
    return found


def significance(nats: float) -> float:
    """How far a surprise is from chance, 0 to 1."""
    return -math.expm1(-nats / TELLING_NATS)


def lower_bound(share: float, now: int, normal: int) -> float:
    """What a difference of shares is at least, half a standard error down, given the samples.

    The standard error of a share s out of n is at most sqrt(s / n); of a difference of two
    shares, the squares of both add up. Half of it: a ranking wants the more likely one first,
    not proof.
    """
    return share - 0.5 * math.sqrt((1 / now + 1 / normal) * share)


def sample_weight(now: int, normal: int) -> float:
    """The square root of the effective sample size (the harmonic mean of both), bounded."""
    return math.sqrt(min(_ENOUGH_SAMPLES, 2 * now * normal / (now + normal)))


def slow_limit_ms(times: Mapping[int, int]) -> tuple[float, float]:
    """What normal times are up to in three of four cases, and what counts as slow, in ms."""
    usual_ms = quantile_ms(times, 0.75)
    return usual_ms, 2 * usual_ms + NOTICED_MS
