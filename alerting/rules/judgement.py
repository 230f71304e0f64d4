"""What a rule says of one window: too few samples, as usual, or beyond the band. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerting.rules.baseline import Expectation
from alerting.rules.measure import Measure
from alerting.rules.model import BaselineRule, BreakOffRule, SilenceRule, ThresholdRule
from alerting.windows import WindowMetrics

# The score of a value that just reaches the bound; a value four times beyond it has 100.
AT_BOUND: Final = 50
_DOUBLING: Final = 25
_EVENTS: Final = Measure(name="events")

Band = tuple[float | None, float | None]


class Outcome(StrEnum):
    """Of a rule and a window."""

    TOO_FEW = "too few"
    UNKNOWN = "nothing learned yet"
    USUAL = "usual"
    # Not beyond the bound, and not back behind the one that ends an alert.
    BETWEEN = "between"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a window.

    Attributes:
        outcome: see `Outcome`.
        observed: the value; zero where there is none.
        expected: the bound, or the median of the past.
        band: what would be usual.
        score: 0 to 100; 50 at the bound.
        learned_from: what the expectation was learned from.
        text: the value beside what was expected, for people.
    """

    outcome: Outcome
    observed: float = 0.0
    expected: float = 0.0
    band: Band = (None, None)
    score: int = 0
    learned_from: str = ""
    text: str = ""

    @property
    def is_beyond(self) -> bool:
        """True when the rule holds."""
        return self.outcome is Outcome.BEYOND


def of_threshold(rule: ThresholdRule, window: WindowMetrics) -> Judgement:
    """A value beside a bound that a person has set."""
    measure = rule.measure
    value = measure.value(window)
    if value is None or (not measure.is_count and measure.samples(window) < rule.min_samples):
        return Judgement(Outcome.TOO_FEW)
    bound, is_above = rule.bound, rule.above is not None
    beyond = value > bound if is_above else value < bound
    # The end of an alert needs more than falling back behind the bound by a hair.
    end = rule.resolve_at if rule.resolve_at is not None else bound
    ended = value <= end if is_above else value >= end
    outcome = Outcome.BEYOND if beyond else Outcome.USUAL if ended else Outcome.BETWEEN
    side = "above" if is_above else "below"
    return Judgement(
        outcome,
        value,
        bound,
        (None, bound) if is_above else (bound, None),
        score_of(value, bound) if is_above else score_of(bound, value),
        "a bound set in the rule",
        f"{measure.title} is {measure.told(value)}, {side} the bound of {measure.told(bound)}",
    )


def of_baseline(
    rule: BaselineRule, window: WindowMetrics, expectation: Expectation | None
) -> Judgement:
    """A value beside the service's own past."""
    measure = rule.measure
    value = measure.value(window)
    if value is None or (not measure.is_count and measure.samples(window) < rule.min_samples):
        return Judgement(Outcome.TOO_FEW)
    if expectation is None:
        return Judgement(Outcome.UNKNOWN, observed=value)
    width = max(rule.z * expectation.sigma, rule.min_change * expectation.median)
    # Of shares near zero a hair is many deviations: the least deviation is that of one event.
    if measure.is_rate:
        width = max(width, rule.z * math.sqrt(1 / max(1, measure.samples(window))) / 2)
    low, high = max(0.0, expectation.median - width), expectation.median + width
    if rule.direction == "above":
        low = 0.0
    is_high = rule.direction != "below" and value > high and value >= rule.min_value
    is_low = rule.direction != "above" and value < low
    deviation = abs(value - expectation.median)
    usual = f"{measure.told(low)} to {measure.told(high)}"
    return Judgement(
        Outcome.BEYOND if is_high or is_low else Outcome.USUAL,
        value,
        expectation.median,
        (low, high if rule.direction != "below" else None),
        _capped(score_of(deviation, width), is_beyond=is_high or is_low),
        expectation.learned_from,
        f"{measure.title} is {measure.told(value)} where {measure.told(expectation.median)} "
        f"({usual}) is usual",
    )


def of_silence(
    rule: SilenceRule, window: WindowMetrics, expectation: Expectation | None
) -> Judgement:
    """No event from a service that is always heard."""
    if expectation is None:
        return Judgement(Outcome.UNKNOWN, observed=window.events)
    if expectation.median < max(rule.min_rate, rule.min_samples):
        return Judgement(Outcome.TOO_FEW)
    is_silent = window.events == 0
    return Judgement(
        Outcome.BEYOND if is_silent else Outcome.USUAL,
        window.events,
        expectation.median,
        (1.0, None),
        100 if is_silent else 0,
        expectation.learned_from,
        f"no event came where {_EVENTS.told(expectation.median)} are usual",
    )


def of_break_off(
    rule: BreakOffRule, window: WindowMetrics, expectation: Expectation | None
) -> Judgement:
    """Far fewer events than usual."""
    if expectation is None:
        return Judgement(Outcome.UNKNOWN, observed=window.events)
    median = expectation.median
    if median < max(rule.min_rate, rule.min_samples):
        return Judgement(Outcome.TOO_FEW)
    least = max(0.0, min(rule.share * median, median - rule.z * expectation.sigma))
    is_beyond = window.events < least
    return Judgement(
        Outcome.BEYOND if is_beyond else Outcome.USUAL,
        window.events,
        median,
        (least, None),
        _capped(score_of(least, max(window.events, 0.5)), is_beyond=is_beyond),
        expectation.learned_from,
        f"{window.events:,} events came where {_EVENTS.told(median)} "
        f"(at least {_EVENTS.told(least)}) are usual",
    )


def of_sequence(
    span_minutes: float | None, within_minutes: int, steps: tuple[str, ...]
) -> Judgement:
    """Steps that came one after another; None while they have not."""
    if span_minutes is None:
        return Judgement(Outcome.USUAL, expected=within_minutes)
    return Judgement(
        Outcome.BEYOND,
        span_minutes,
        within_minutes,
        (within_minutes, None),
        score_of(within_minutes, max(span_minutes, 1.0)),
        "the sequence set in the rule",
        f"{', then '.join(steps)} came within {span_minutes:g} min",
    )


def score_of(value: float, bound: float) -> int:
    """50 where a value is at its bound, 25 more for each doubling, and in proportion below."""
    if value <= 0:
        return 0
    if bound <= 0:
        return 100
    ratio = value / bound
    score = AT_BOUND + _DOUBLING * math.log2(ratio) if ratio > 1 else AT_BOUND * ratio
    return max(0, min(100, round(score)))


def _capped(score: int, *, is_beyond: bool) -> int:
    return max(AT_BOUND, score) if is_beyond else min(AT_BOUND, score)
