"""An alert's life: it begins after enough windows in a row, and ends with hysteresis. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from alerting.alert import Alert, Kind, Mode, alert_id
from alerting.rules.judgement import Judgement, Outcome
from alerting.rules.state import RuleState
from alerting.windows import MINUTE_MS, WindowMetrics
from firstcause.incidents.states import Severity
from firstcause.text.event_time import iso


class Lifespan(Protocol):
    """What an alert's life depends on: a rule, or what stands for one."""

    @property
    def name(self) -> str:
        """A part of the alert's identity."""

    @property
    def kind(self) -> Kind:
        """What makes the alert."""

    @property
    def severity(self) -> Severity:
        """Of the alert."""

    @property
    def mode(self) -> Mode:
        """Of the alert."""

    @property
    def for_windows(self) -> int:
        """So many windows in a row make the alert."""

    @property
    def resolve_after(self) -> int:
        """So many windows in a row without it end the alert."""


def advanced(
    rule: Lifespan,
    state: RuleState,
    window: WindowMetrics | None,
    said: Judgement,
    ended_ms: int | None = None,
) -> Alert | None:
    """Takes a judgement into the state of a rule and a service.

    Returns the alert that began, went on beyond the band, or ended; None when there is none. What
    flaps, with fewer windows in between than `resolve_after`, stays one alert.

    Args:
        rule: whose state it is.
        state: changed in place.
        window: what was judged; None together with `ended_ms`.
        said: what the rule says of the window.
        ended_ms: ends the alert at this time, whatever was said.
    """
    if window is None:
        return _ended(state, ended_ms or 0)
    if said.is_beyond:
        state.without = 0
        state.in_a_row += 1
        if state.onset_ms is None:
            state.onset_ms = window.start_ms
        if state.alert is not None:
            state.alert = _gone_on(state.alert, window, said)
        elif state.in_a_row >= rule.for_windows:
            state.alert = _begun(rule, state.onset_ms, window, said)
        return state.alert
    state.in_a_row = 0
    if state.alert is None:
        state.onset_ms = None
        return None
    if said.outcome is Outcome.BETWEEN:
        state.without = 0
        return None
    state.without += 1
    return _ended(state, window.end_ms) if state.without >= rule.resolve_after else None


def _begun(rule: Lifespan, onset_ms: int, window: WindowMetrics, said: Judgement) -> Alert:
    minutes = window.kind.length_ms // MINUTE_MS
    begun, ended = (iso(at_ms)[11:16] for at_ms in (window.start_ms, window.end_ms))
    is_rule = rule.kind not in {"objective", "pipeline"}
    noun = "rule" if is_rule else rule.kind
    when = f"in the {minutes} min from {begun} UTC on" if is_rule else f"as of {ended} UTC"
    return Alert(
        alert_id=alert_id(rule.name, window.service_name, onset_ms),
        rule=rule.name,
        service_name=window.service_name,
        severity=rule.severity,
        mode=rule.mode,
        score=said.score,
        observed=said.observed,
        expected=said.expected,
        band=said.band,
        learned_from=said.learned_from,
        sentence=f"{window.service_name}: {said.text}, {when} ({noun} {rule.name})",
        window_start_ms=onset_ms,
        window_end_ms=window.end_ms,
        last_window_end_ms=window.end_ms,
        kind=rule.kind,
    )


def _gone_on(alert: Alert, window: WindowMetrics, said: Judgement) -> Alert:
    """The same alert; of its values those of the worst window stay."""
    if said.score > alert.score:
        alert = replace(alert, score=said.score, observed=said.observed)
    return replace(alert, last_window_end_ms=window.end_ms)


def _ended(state: RuleState, end_ms: int) -> Alert | None:
    alert = state.alert
    state.alert, state.onset_ms, state.in_a_row, state.without = None, None, 0, 0
    return replace(alert, resolved_ms=end_ms) if alert else None
