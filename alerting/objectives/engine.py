"""Objectives over the minutes of all services, in event time: alerts and how they stand. Pure."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from uuid import UUID

from alerting.alert import Alert, Mode, in_order
from alerting.objectives.burn_rate import (
    BURN_WINDOWS_MS,
    URGENCIES,
    ObjectiveStatus,
    Urgency,
    burn_rates,
    burning,
    window_start,
)
from alerting.objectives.history import CountHistory
from alerting.objectives.model import Objective
from alerting.rules.judgement import Judgement, Outcome, score_of
from alerting.rules.lifecycle import advanced
from alerting.rules.state import RuleState
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.incidents.states import Severity

# An alert is over after so many minutes without it; what flaps in between is one.
RESOLVE_AFTER: Final = 5
_LONGEST_MS: Final = max(BURN_WINDOWS_MS.values())

# The name of an objective, and a service.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class BurnRule:
    """What stands for a rule in the life of an objective's alert."""

    name: str
    severity: Severity
    mode: Mode
    kind: Literal["objective"] = "objective"
    for_windows: int = 1
    resolve_after: int = RESOLVE_AFTER


@dataclass(slots=True)
class _Watched:
    """An objective of a service: what was counted, and its alerts by urgency."""

    counted: CountHistory = field(default_factory=CountHistory)
    alerts: dict[str, RuleState] = field(default_factory=dict)


@dataclass(slots=True)
class _State:
    next_ms: int
    watched: dict[Key, _Watched] = field(default_factory=dict)


class ObjectiveEngine:
    """Judges minutes by objectives; `copy` looks ahead without changing it.

    The past, as far as it is known, is told by `learn` and `resume` before the first minute is
    judged. What it says then depends on the minutes alone, not on when they became known.

    Args:
        objectives: what is aimed at.
        start_ms: the start of the first minute to judge.
    """

    def __init__(self, objectives: Sequence[Objective], start_ms: int) -> None:
        self._objectives = {one.name: one for one in objectives}
        self._rules = {name: _rules(one) for name, one in self._objectives.items()}
        self._state = _State(start_ms)
        self._kept_ms = max(
            (max(one.window_ms, _LONGEST_MS) for one in objectives), default=_LONGEST_MS
        )

    @property
    def next_ms(self) -> int:
        """The start of the first minute that is not yet judged."""
        return self._state.next_ms

    def copy(self) -> ObjectiveEngine:
        """An engine of the same objectives that remembers the same."""
        other = ObjectiveEngine(tuple(self._objectives.values()), self.next_ms)
        # Our own state, never bytes from elsewhere: a copy in a tenth of the time of deepcopy.
        other._state = pickle.loads(  # noqa: S301
            pickle.dumps(self._state, pickle.HIGHEST_PROTOCOL)
        )
        return other

    def learn(self, rows: Iterable[WindowMetrics]) -> None:
        """Counts windows of before, oldest first, without judging them.

        Args:
            rows: disjoint windows of services that end by `next_ms`. Those of five minutes end
                more than 12 hours before it.
        """
        for row in rows:
            self._count(row)

    def resume(self, alerts: Iterable[Alert]) -> None:
        """Takes up those of some stored alerts that lasted at `next_ms`."""
        by_rule = {
            rule.name: (name, urgency)
            for name, rules in self._rules.items()
            for urgency, rule in rules
        }
        for alert in alerts:
            found = by_rule.get(alert.rule)
            is_over = alert.resolved_ms is not None and alert.resolved_ms <= self.next_ms
            if found is None or is_over or alert.window_start_ms >= self.next_ms:
                continue
            if not self._objectives[found[0]].is_about(alert.service_name):
                continue
            lasted_ms = min(alert.last_window_end_ms, self.next_ms)
            watched = self._state.watched.setdefault((found[0], alert.service_name), _Watched())
            watched.alerts[found[1].name] = RuleState(
                onset_ms=alert.window_start_ms,
                without=max(0, self.next_ms - lasted_ms) // MINUTE_MS,
                alert=replace(alert, resolved_ms=None, last_window_end_ms=lasted_ms),
            )

    def judge(self, rows: Iterable[WindowMetrics], until_ms: int) -> tuple[Alert, ...]:
        """Judges all minutes that are not yet judged and end at `until_ms` or before.

        A service without a row had no event in that minute. Other rows are left out. Returns the
        alerts that began, went on or ended, in the order in which they began.
        """
        minutes: dict[int, dict[str, WindowMetrics]] = {}
        for row in rows:
            is_minute = row.kind is WindowKind.MINUTE and row.service_name != ALL_SERVICES
            if is_minute and row.start_ms >= self.next_ms and row.end_ms <= until_ms:
                minutes.setdefault(row.start_ms, {})[row.service_name] = row
        alerts: dict[UUID, Alert] = {}
        for start_ms in range(self.next_ms, until_ms - MINUTE_MS + 1, MINUTE_MS):
            for name in sorted(minutes.get(start_ms, {})):
                self._count(minutes[start_ms][name])
            for changed in self._minute(start_ms):
                alerts[changed.alert_id] = changed
            self._state.next_ms = start_ms + MINUTE_MS
        for watched in self._state.watched.values():
            watched.counted.thin_out(self.next_ms, self._kept_ms)
        return in_order(alerts.values())

    def statuses(self) -> list[ObjectiveStatus]:
        """How each objective of each service with events stands at `next_ms`."""
        found = []
        for (name, service), watched in sorted(self._state.watched.items()):
            objective = self._objectives[name]
            at_ms = self.next_ms
            within = watched.counted.between(window_start(at_ms, objective.window_ms), at_ms)
            if not within.total:
                continue
            found.append(
                ObjectiveStatus(
                    objective=name,
                    service_name=service,
                    title=objective.title,
                    target=objective.target,
                    window_ms=objective.window_ms,
                    at_ms=at_ms,
                    bad=within.bad,
                    total=within.total,
                    burn_rates=self._rates(objective, watched, at_ms),
                )
            )
        return found

    def _count(self, row: WindowMetrics) -> None:
        for name, objective in self._objectives.items():
            if objective.is_about(row.service_name):
                bad, total = objective.counts(row)
                if total:
                    key = name, row.service_name
                    watched = self._state.watched.setdefault(key, _Watched())
                    watched.counted.add(row.end_ms, bad, total)

    def _rates(self, objective: Objective, watched: _Watched, at_ms: int) -> dict[str, float]:
        least = objective.metadata.annotations.min_events
        return burn_rates(watched.counted.between, at_ms, objective.target, least)

    def _minute(self, start_ms: int) -> Iterable[Alert]:
        at_ms = start_ms + MINUTE_MS
        for (name, service), watched in self._state.watched.items():
            # A budget that nothing has burnt for so long burns by no window.
            past = watched.counted.between(window_start(at_ms, _LONGEST_MS), at_ms)
            lasts = any(own.alert is not None for own in watched.alerts.values())
            if not past.bad and not lasts:
                continue
            objective = self._objectives[name]
            rates = self._rates(objective, watched, at_ms)
            window = WindowMetrics(service, WindowKind.MINUTE, start_ms, at_ms)
            for urgency, rule in self._rules[name]:
                said = _judged(objective, urgency, rates)
                own = watched.alerts.setdefault(urgency.name, RuleState())
                if said.outcome is Outcome.USUAL and own.alert is None:
                    continue
                changed = advanced(rule, own, window, said)
                if changed is not None:
                    yield changed


def _rules(objective: Objective) -> list[tuple[Urgency, BurnRule]]:
    mode = objective.metadata.annotations.mode
    return [
        (one, BurnRule(f"{objective.name}:{one.name}", one.severity, mode)) for one in URGENCIES
    ]


def _judged(objective: Objective, urgency: Urgency, rates: dict[str, float]) -> Judgement:
    found = burning(urgency, rates)
    if found is None:
        return Judgement(Outcome.USUAL)
    days = objective.window_ms / 86_400_000
    long, short = rates[found.long], rates[found.short]
    return Judgement(
        Outcome.BEYOND,
        observed=long,
        expected=found.bound,
        band=(None, found.bound),
        score=score_of(min(long, short), found.bound),
        learned_from=f"the objective {objective.name}: {objective.title} over {days:g} d",
        text=f"its error budget burns {long:.3g} times as fast as it may over {found.long} and "
        f"{short:.3g} times over {found.short}, above the bound of {found.bound:g}",
    )
