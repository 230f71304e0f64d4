"""Budgets, burn rates and their alerts, beside a plain recomputation of random histories."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.alert import Alert
from alerting.live import LiveJudge
from alerting.objectives.engine import RESOLVE_AFTER, ObjectiveEngine
from alerting.objectives.model import Objective
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics, added_up

# A multiple of five minutes, as the ends of tumbling windows are.
START_MS = 1_767_225_600_000
HOUR, DAY = 60, 1_440
WATERMARK_MS = 2 * MINUTE_MS


def objective(
    target: float = 0.99, days: int = 14, min_events: int = 1, name: str = "availability"
) -> Objective:
    errors = {"metricSource": {"spec": {"measure": "errors"}}}
    events = {"metricSource": {"spec": {"measure": "events"}}}
    return Objective.model_validate(
        {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": name, "annotations": {"minEvents": min_events}},
            "spec": {
                "service": "*",
                "indicator": {"spec": {"ratioMetric": {"bad": errors, "total": events}}},
                "timeWindow": [{"duration": f"{days}d", "isRolling": True}],
                "budgetingMethod": "Occurrences",
                "objectives": [{"target": target}],
            },
        }
    )


def minute(at: int, bad: int, total: int, service: str = "cart") -> WindowMetrics:
    start_ms = START_MS + at * MINUTE_MS
    return WindowMetrics(
        service,
        WindowKind.MINUTE,
        start_ms,
        start_ms + MINUTE_MS,
        events=total,
        levels={"ERROR": bad, "INFO": total - bad},
    )


def judged(rows: list[WindowMetrics], minutes: int, of: Objective) -> tuple[Alert, ...]:
    return ObjectiveEngine([of], START_MS).judge(rows, START_MS + minutes * MINUTE_MS)


def seen(alerts: Any) -> set[tuple[str, str, int, int | None, float]]:
    return {
        (
            one.rule,
            one.service_name,
            (one.window_start_ms - START_MS) // MINUTE_MS,
            None if one.resolved_ms is None else (one.resolved_ms - START_MS) // MINUTE_MS,
            one.expected,
        )
        for one in alerts
    }


# The four pairs as the issue has them: long and short in minutes, and the bound.
PAIRS = {
    "page": [(HOUR, 5, 14.4), (6 * HOUR, 30, 6.0)],
    "ticket": [(DAY, 2 * HOUR, 3.0), (3 * DAY, 6 * HOUR, 1.0)],
}


class Oracle:
    """All minutes are known, in lists by minute; no running state."""

    def __init__(self, rows: list[WindowMetrics], minutes: int, target: float, least: int) -> None:
        bad, total = [0] * minutes, [0] * minutes
        for row in rows:
            at = (row.start_ms - START_MS) // MINUTE_MS
            bad[at] += row.levels["ERROR"]
            total[at] += row.events
        self.bad, self.total = [0, *accumulate(bad)], [0, *accumulate(total)]
        self.minutes, self.target, self.least = minutes, target, least

    def rate(self, end: int, length: int, *, is_long: bool) -> float:
        begin = end - length
        if length > 6 * HOUR:
            begin -= begin % 5
        begin = max(0, begin)
        total = self.total[end] - self.total[begin]
        if total < (self.least if is_long else 1):
            return 0.0
        return (self.bad[end] - self.bad[begin]) / total / (1 - self.target)

    def holding(self, end: int, urgency: str) -> float | None:
        """The bound of the pair that holds, of those the one furthest beyond it."""
        found = []
        for long, short, bound in PAIRS[urgency]:
            slow = self.rate(end, long, is_long=True)
            # Six hours are the long window of a page as well.
            fast = self.rate(end, short, is_long=short == 6 * HOUR)
            if slow > bound and fast > bound:
                found.append((slow / bound, bound))
        return max(found)[1] if found else None

    def alerts(self, service: str) -> set[tuple[str, str, int, int | None, float]]:
        made = set()
        for urgency in PAIRS:
            held = {
                end: bound
                for end in range(1, self.minutes + 1)
                if (bound := self.holding(end, urgency)) is not None
            }
            runs: list[list[int]] = []
            for end in sorted(held):
                if runs and end - runs[-1][-1] <= RESOLVE_AFTER:
                    runs[-1].append(end)
                else:
                    runs.append([end])
            for run in runs:
                over = run[-1] + RESOLVE_AFTER
                resolved = over if over <= self.minutes else None
                made.add((f"availability:{urgency}", service, run[0] - 1, resolved, held[run[0]]))
        return made


CELLS = st.lists(
    st.tuples(
        st.sampled_from(["cart", "order"]),
        # The place in the history, and how many minutes go on alike.
        st.floats(0, 1),
        st.sampled_from([1, 1, 7, 40, 200]),
        st.sampled_from([0, 1, 5, 60]),
        st.sampled_from([1, 50, 400]),
    ),
    max_size=14,
)
HISTORIES = st.tuples(
    CELLS,
    st.sampled_from([45, 90, 90, 420, 900] * 7 + [1_600, 4_700]),
    st.sampled_from([0.9, 0.99, 0.999]),
    st.sampled_from([1, 100]),
)
History = tuple[list[tuple[str, float, int, int, int]], int, float, int]


def rows_of(history: History) -> list[WindowMetrics]:
    cells, minutes, _, _ = history
    rows = {}
    for service, place, count, bad, total in cells:
        first = int(place * (minutes - 1))
        for at in range(first, min(minutes, first + count)):
            rows[service, at] = minute(at, min(bad, total), total, service)
    return list(rows.values())


@settings(max_examples=500, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_alerts_and_budgets_are_those_of_a_plain_recomputation_in_any_order(
    history: History, random: Any
) -> None:
    _, minutes, target, least = history
    rows = rows_of(history)
    expected, burnt = set(), {}
    for service in {row.service_name for row in rows}:
        own = [row for row in rows if row.service_name == service]
        oracle = Oracle(own, minutes, target, least)
        expected |= oracle.alerts(service)
        bad, total = oracle.bad[-1], oracle.total[-1]
        burnt[service] = (bad, total, 1 - bad / total / (1 - target))
    random.shuffle(rows)
    engine = ObjectiveEngine([objective(target, 14, least)], START_MS)
    last = {}
    for cut in [*sorted(random.sample(range(1, minutes), 3)), minutes]:
        for alert in engine.judge(rows, START_MS + cut * MINUTE_MS):
            last[alert.alert_id] = alert
    assert seen(last.values()) == expected
    assert {
        one.service_name: (one.bad, one.total, one.budget_left) for one in engine.statuses()
    } == {service: pytest.approx(found) for service, found in burnt.items()}


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.floats(0, 1))
def test_what_is_taken_up_after_a_restart_goes_on_as_if_there_had_been_none(
    history: History, place: float
) -> None:
    _, minutes, target, least = history
    of, rows = objective(target, 14, least), rows_of(history)
    cut = int(place * (minutes - 1))
    whole = judged(rows, minutes, of)
    before = judged(rows, cut, of)
    restarted = ObjectiveEngine([of], START_MS + cut * MINUTE_MS)
    restarted.learn(learned(rows, cut))
    restarted.resume(before)
    kept = {one.alert_id: one for one in before}
    after = restarted.judge(rows, START_MS + minutes * MINUTE_MS)
    kept.update((one.alert_id, one) for one in after)
    assert seen(kept.values()) == seen(whole)


def learned(rows: list[WindowMetrics], cut: int) -> list[WindowMetrics]:
    """What is stored of before: five minutes by five minutes, then twelve hours of minutes."""
    fine = max(0, cut - 12 * HOUR) // 5 * 5
    past = []
    for row in rows:
        at = (row.start_ms - START_MS) // MINUTE_MS
        if fine <= at < cut:
            past.append(row)
    for service in {row.service_name for row in rows}:
        for at in range(0, fine, 5):
            start_ms = START_MS + at * MINUTE_MS
            end_ms = start_ms + 5 * MINUTE_MS
            own = [
                row
                for row in rows
                if row.service_name == service and start_ms <= row.start_ms < end_ms
            ]
            if own:
                kind = WindowKind.FIVE_MINUTES
                past.append(added_up(own, kind=kind, start_ms=start_ms, end_ms=end_ms))
    return sorted(past, key=lambda row: row.start_ms)


def test_live_a_minute_that_comes_late_corrects_what_was_said() -> None:
    judge = LiveJudge(ObjectiveEngine([objective()], START_MS), WATERMARK_MS)
    healthy = [minute(at, 0, 100) for at in range(10)]
    look = judge.look([*healthy, minute(10, 600, 1_000)], START_MS + 11 * MINUTE_MS)
    (alert,) = (one for one in look.to_tell if one.rule == "availability:page")
    judge.told(look.to_tell)
    assert alert.severity == "high"
    # The events that were late were all good: 600 of 80,000 are no page.
    look = judge.look([*healthy, minute(10, 600, 79_000)], START_MS + 12 * MINUTE_MS)
    assert alert in look.withdrawn
    assert look.to_tell == ()
    (status,) = judge.latest.statuses()
    assert (status.bad, status.total, status.at_ms) == (600, 80_000, START_MS + 12 * MINUTE_MS)


def test_a_service_without_traffic_neither_burns_nor_ends_in_an_error() -> None:
    engine = ObjectiveEngine([objective()], START_MS)
    alerts = engine.judge([minute(0, 1, 1)], START_MS + 5 * DAY * MINUTE_MS)
    # A page while it is within the last half hour, a ticket while it is within six hours.
    ends = {one.rule: one.resolved_ms for one in alerts}
    assert ends == {
        "availability:page": START_MS + (30 + RESOLVE_AFTER) * MINUTE_MS,
        "availability:ticket": START_MS + (6 * HOUR + RESOLVE_AFTER) * MINUTE_MS,
    }
    (status,) = engine.statuses()
    assert status.burn_rates == {}
    assert status.budget_left == pytest.approx(1 - 1 / 0.01)


def test_few_events_are_no_page() -> None:
    assert judged([minute(0, 20, 99)], 60, objective(min_events=100)) == ()
    assert judged([minute(0, 20, 100)], 60, objective(min_events=100)) != ()


def test_a_shadow_objective_makes_shadow_alerts() -> None:
    of = objective()
    annotations = of.metadata.annotations.model_copy(update={"mode": "shadow"})
    metadata = of.metadata.model_copy(update={"annotations": annotations})
    alerts = judged([minute(0, 50, 100)], 3, of.model_copy(update={"metadata": metadata}))
    assert {one.mode for one in alerts} == {"shadow"}
