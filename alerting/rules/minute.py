"""Judges a minute of one service by all rules about it, and learns what is usual. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from alerting.rules import judgement as judged
from alerting.rules.baseline import Baseline
from alerting.rules.judgement import Judgement, Outcome
from alerting.rules.measure import Measure
from alerting.rules.model import (
    BaselineRule,
    BreakOffRule,
    LearningRule,
    Rule,
    RuleSet,
    SequenceRule,
    SilenceRule,
    ThresholdRule,
)
from alerting.rules.state import RuleState, ServiceState
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics, added_up

# What is beyond the band is learned, but so much more slowly: a fault is not soon normal.
UNUSUAL_SHARE: Final = 0.1
_EVENTS: Final = Measure(name="events")

# By rule: the window that it looked at, and what it says of it.
Found = dict[str, tuple[WindowMetrics, Judgement]]


def judge_service(
    rules: RuleSet, ordered: Sequence[Rule], service: ServiceState, minute: WindowMetrics
) -> Found:
    """Judges a minute of a service by all rules about it, and then learns it.

    Args:
        rules: what is looked for.
        ordered: the same rules, the steps of a sequence before it.
        service: what is remembered; `minute` is the latest of its last minutes already.
        minute: what to judge.
    """
    found: Found = {}
    windows: dict[WindowKind, WindowMetrics | None] = {}
    for rule in ordered:
        if not rule.is_about(minute.service_name):
            continue
        if rule.window not in windows:
            windows[rule.window] = _window(service, minute, rule.window)
        window = windows[rule.window]
        if window is None:
            continue
        if rules.in_maintenance(window.service_name, window.start_ms, window.end_ms):
            found[rule.name] = (window, Judgement(Outcome.UNKNOWN))
            continue
        found[rule.name] = (window, _judge_rule(rule, service, window, found))
    _learn(rules, ordered, service, found)
    return found


def _judge_rule(
    rule: Rule,
    service: ServiceState,
    window: WindowMetrics,
    found: Found,
) -> Judgement:
    match rule:
        case ThresholdRule():
            return judged.of_threshold(rule, window)
        case SequenceRule():
            return _sequence(rule, service, window, found)
        case BaselineRule() | SilenceRule() | BreakOffRule():
            measure = rule.measure if isinstance(rule, BaselineRule) else _EVENTS
            past = service.baselines.get(_baseline_key(rule))
            expectation = None
            if past is not None:
                expectation = past.expectation(
                    window.start_ms, rule.min_history, is_count=measure.is_count
                )
            match rule:
                case BaselineRule():
                    return judged.of_baseline(rule, window, expectation)
                case SilenceRule():
                    return judged.of_silence(rule, window, expectation)
                case BreakOffRule():
                    return judged.of_break_off(rule, window, expectation)
                case _:
                    assert_never(rule)
        case _:
            assert_never(rule)


def _learn(rules: RuleSet, ordered: Sequence[Rule], service: ServiceState, found: Found) -> None:
    """Each history learns a window once, slowly where any of its rules holds."""
    learned: dict[str, tuple[LearningRule, WindowMetrics, bool]] = {}
    for rule in ordered:
        if not isinstance(rule, BaselineRule | SilenceRule | BreakOffRule):
            continue
        window, said = found.get(rule.name, (None, None))
        if window is None or said is None or said.outcome is Outcome.TOO_FEW:
            window = window if isinstance(rule, SilenceRule | BreakOffRule) else None
        if window is None or said is None:
            continue
        if rules.in_maintenance(window.service_name, window.start_ms, window.end_ms):
            continue
        key = _baseline_key(rule)
        was_beyond = key in learned and learned[key][2]
        learned[key] = (rule, window, said.is_beyond or was_beyond)
    for key, (rule, window, is_beyond) in learned.items():
        measure = rule.measure if isinstance(rule, BaselineRule) else _EVENTS
        value = measure.value(window)
        if value is not None:
            past = service.baselines.setdefault(key, Baseline(rule.half_life_minutes))
            past.learn(value, window.start_ms, UNUSUAL_SHARE if is_beyond else 1.0)


def _window(service: ServiceState, minute: WindowMetrics, kind: WindowKind) -> WindowMetrics | None:
    """The window of a kind that ends with this minute; None where none does."""
    if kind is WindowKind.MINUTE:
        return minute
    start_ms = minute.end_ms - kind.length_ms
    if kind is WindowKind.FIVE_MINUTES and minute.end_ms % kind.step_ms:
        return None
    rows = [row for row in service.last_minutes if row.start_ms >= start_ms]
    return added_up(rows, kind=kind, start_ms=start_ms, end_ms=minute.end_ms)


def _baseline_key(rule: LearningRule) -> str:
    measure = rule.measure if isinstance(rule, BaselineRule) else _EVENTS
    return f"{measure.key}|{rule.window}|{rule.half_life_minutes:g}"


def _sequence(
    rule: SequenceRule,
    service: ServiceState,
    window: WindowMetrics,
    found: Found,
) -> Judgement:
    own = service.rules.setdefault(rule.name, RuleState())
    if len(own.chain_ms) != len(rule.steps):
        own.chain_ms = [None] * len(rule.steps)
    now_ms, last = window.start_ms, len(rule.steps) - 1
    # From the last step on, so that a step follows one of an earlier window.
    for at in range(last, -1, -1):
        step = found.get(rule.steps[at])
        if step is not None and step[1].is_beyond:
            own.chain_ms[at] = now_ms if at == 0 else own.chain_ms[at - 1]
    ended = found.get(rule.steps[last])
    begun_ms = own.chain_ms[last]
    if ended is None or not ended[1].is_beyond or begun_ms is None:
        return judged.of_sequence(None, rule.within_minutes, rule.steps)
    span = (now_ms - begun_ms) / MINUTE_MS
    is_within = span <= rule.within_minutes
    return judged.of_sequence(span if is_within else None, rule.within_minutes, rule.steps)
