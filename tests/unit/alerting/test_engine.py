"""The engine says what a rule is to say, and the same in whatever order minutes become known."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.alert import Alert, alert_id, message_of
from alerting.measures.sketch import bucket_of
from alerting.rules.engine import Engine
from alerting.rules.model import RuleSet
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, a Thursday


def minute(
    at: int,
    service: str = "cart",
    events: int = 100,
    errors: int = 0,
    latency_ms: float | None = 50.0,
    **more: Any,
) -> WindowMetrics:
    start_ms = START_MS + at * MINUTE_MS
    return WindowMetrics(
        service,
        WindowKind.MINUTE,
        start_ms,
        start_ms + MINUTE_MS,
        events=events,
        levels={"INFO": events - errors, "ERROR": errors} if events else {},
        buckets=Counter({bucket_of(latency_ms): events}) if latency_ms and events else {},
        **more,
    )


def rules(*found: dict[str, Any], maintenance: list[dict[str, Any]] | None = None) -> RuleSet:
    defaults = {"severity": "high"}
    content = {"version": 1, "rules": [defaults | one for one in found]}
    return RuleSet.model_validate({**content, "maintenance": maintenance or []}, strict=False)


def judge(of: RuleSet, rows: list[WindowMetrics]) -> tuple[Alert, ...]:
    return Engine(of).judge(rows, max(row.end_ms for row in rows))


def times(alert: Alert) -> tuple[int, int | None]:
    resolved = alert.resolved_ms
    return (
        (alert.window_start_ms - START_MS) // MINUTE_MS,
        None if resolved is None else (resolved - START_MS) // MINUTE_MS,
    )


ERRORS = {
    "name": "errors",
    "kind": "threshold",
    "measure": {"name": "error_rate"},
    "above": 0.1,
    "resolve_at": 0.05,
    "min_samples": 50,
    "resolve_after": 3,
}
SLOW = {"name": "slow", "kind": "baseline", "measure": {"name": "latency_p95_ms"}}
SILENT = {"name": "silent", "kind": "silence", "for_windows": 2}
BROKE = {"name": "broke", "kind": "break_off"}
OTHER = "order"


def test_an_alert_tells_what_was_seen_and_what_was_expected() -> None:
    (alert,) = judge(rules(ERRORS), [minute(0), minute(1, errors=40)])
    assert alert.alert_id == alert_id("errors", "cart", START_MS + MINUTE_MS)
    assert (alert.observed, alert.expected, alert.band) == (0.4, 0.1, (None, 0.1))
    assert alert.score == 100
    assert "share of errors is 40.0%, above the bound of 10.0%" in alert.sentence
    told = message_of(alert, START_MS)
    assert told["window_start"] == "2026-01-01T00:01:00.000Z"
    assert told["severity"] == "high"


def test_a_window_with_too_few_samples_says_nothing() -> None:
    assert judge(rules(ERRORS), [minute(0, events=49, errors=49)]) == ()


@pytest.mark.parametrize(
    ("measure", "row"),
    [
        (
            {"name": "level_rate", "level": "FATAL"},
            WindowMetrics(
                "cart", WindowKind.MINUTE, START_MS, START_MS + MINUTE_MS, 9, {"FATAL": 1}
            ),
        ),
        ({"name": "status_rate", "status_at_least": 400}, minute(0, status_classes={"4xx": 90})),
        ({"name": "slow_rate", "slower_than_ms": 3000}, minute(0, latency_ms=3_500.0)),
        ({"name": "error_code_count", "error_code": "E1"}, minute(0, error_codes={"E1": 3})),
        ({"name": "errors"}, minute(0, errors=3)),
        ({"name": "events"}, minute(0, events=101)),
        ({"name": "latency_mean_ms"}, minute(0, latency_sum_ms=300_000.0)),
        ({"name": "latency_p99_ms"}, minute(0, latency_ms=900.0)),
    ],
)
def test_every_measure_has_a_threshold(measure: dict[str, Any], row: WindowMetrics) -> None:
    bounds = {"events": 100.0, "latency_mean_ms": 2_000.0, "latency_p99_ms": 800.0}
    bound = bounds.get(measure["name"], 0.0)
    rule = {"name": "one", "kind": "threshold", "measure": measure, "above": bound}
    (alert,) = judge(rules(rule), [row])
    assert alert.observed > bound
    assert judge(rules(rule), [minute(0, latency_ms=10.0)]) == ()


def test_what_flaps_is_one_alert_and_resolves_after_enough_windows() -> None:
    shares = [40, 0, 0, 40, 0, 40, 0, 0, 0, 0]
    rows = [minute(at, errors=errors) for at, errors in enumerate(shares)]
    (alert,) = judge(rules(ERRORS), rows)
    assert times(alert) == (0, 9)


def test_between_the_two_bounds_an_alert_goes_on() -> None:
    rows = [minute(at, errors=errors) for at, errors in enumerate([40, 8, 8, 8, 8, 8])]
    (alert,) = judge(rules(ERRORS), rows)
    assert times(alert) == (0, None)


def test_several_windows_in_a_row_may_be_needed() -> None:
    rule = ERRORS | {"for_windows": 3}
    shares = [40, 40, 0, 40, 40, 40]
    rows = [minute(at, errors=errors) for at, errors in enumerate(shares)]
    (alert,) = judge(rules(rule), rows)
    assert times(alert) == (3, None)
    assert alert.window_end_ms == rows[5].end_ms


def test_a_service_that_gets_slow_departs_from_its_own_past() -> None:
    rows = [minute(at, latency_ms=50.0 + at % 3) for at in range(30)]
    rows += [minute(at, OTHER, latency_ms=400.0) for at in range(31)]
    (alert,) = judge(rules(SLOW), [*rows, minute(30, latency_ms=400.0)])
    assert (alert.service_name, alert.expected) == ("cart", pytest.approx(51, rel=0.02))
    assert alert.observed == pytest.approx(400, rel=0.01)
    assert "30 windows" in alert.learned_from


def test_nothing_is_unusual_before_enough_is_learned() -> None:
    rows = [minute(at) for at in range(5)] + [minute(5, latency_ms=5_000.0)]
    assert judge(rules(SLOW), rows) == ()


def test_a_fault_is_not_soon_normal() -> None:
    rows = [minute(at) for at in range(30)]
    rows += [minute(at, latency_ms=400.0) for at in range(30, 90)]
    (alert,) = judge(rules(SLOW), rows)
    assert times(alert) == (30, None)


def test_an_hour_of_the_week_is_judged_by_the_same_hour_of_other_weeks() -> None:
    """Each Thursday at noon the latency is tenfold: from the fourth week on nobody is told."""
    rows = []
    for week in range(4):
        for at in range(180):
            is_noon = 60 <= at < 120
            rows.append(minute(week * 7 * 1_440 + at, latency_ms=500.0 if is_noon else 50.0))
    onsets = [times(alert)[0] // (7 * 1_440) for alert in judge(rules(SLOW), rows)]
    assert onsets == [0, 1, 2]


def test_a_silent_service_is_missed_while_others_are_heard() -> None:
    rows = [minute(at) for at in range(20)] + [minute(at, OTHER) for at in range(25)]
    (alert,) = judge(rules(SILENT), rows)
    assert (alert.service_name, times(alert)) == ("cart", (20, None))
    assert "no event came where 100 are usual" in alert.sentence


def test_when_nobody_is_heard_no_service_is_missed() -> None:
    rows = [minute(at) for at in range(20)] + [minute(at) for at in range(25, 30)]
    assert judge(rules(SILENT), rows) == ()


def test_a_service_with_one_event_a_day_is_never_missed() -> None:
    rows = [minute(at, OTHER) for at in range(3 * 1_440)]
    rows += [minute(day * 1_440, events=1) for day in range(3)]
    assert judge(rules(SILENT, BROKE), rows) == ()


def test_traffic_that_breaks_off_is_told_and_traffic_that_varies_is_not() -> None:
    counts = [100 + at * 13 % 17 for at in range(30)]
    rows = [minute(at, events=count) for at, count in enumerate(counts)]
    (alert,) = judge(rules(BROKE), [*rows, minute(30, events=20)])
    assert alert.observed == 20
    assert judge(rules(BROKE), [*rows, minute(30, events=85)]) == ()


def test_a_sequence_holds_when_its_steps_come_in_order_and_in_time() -> None:
    failing = ERRORS | {"name": "failing"}
    chain = {"name": "chain", "kind": "sequence", "steps": ["slow", "failing"]}
    slow = SLOW | {"kind": "threshold", "above": 300.0}

    def found(second: int, within: int) -> list[str]:
        rows = [minute(at) for at in range(20)]
        rows[3] = minute(3, latency_ms=900.0)
        rows[second] = minute(second, errors=50)
        alerts = judge(rules(slow, failing, chain | {"within_minutes": within}), rows)
        return [alert.rule for alert in alerts if alert.rule == "chain"]

    assert found(second=8, within=5) == ["chain"]
    assert found(second=9, within=5) == []
    assert found(second=2, within=5) == []


def test_in_a_maintenance_no_alert_is_made_and_nothing_is_learned() -> None:
    at = datetime.fromtimestamp(START_MS / 1_000, UTC)
    until = at.replace(minute=10)
    works = {"name": "upgrade", "from": at.isoformat(), "to": until.isoformat()}
    rows = [minute(at, errors=50) for at in range(12)]
    (alert,) = judge(rules(ERRORS, maintenance=[works]), rows)
    assert times(alert) == (10, None)
    elsewhere = works | {"services": [OTHER]}
    (alert,) = judge(rules(ERRORS, maintenance=[elsewhere]), rows)
    assert times(alert) == (0, None)


def test_an_alert_is_scored_by_how_far_it_is_beyond_the_bound() -> None:
    (least,) = judge(rules(ERRORS), [minute(0, errors=11)])
    (worst,) = judge(rules(ERRORS), [minute(0, errors=100)])
    assert (least.score, worst.score) == (53, 100)


ALL = rules(ERRORS, SLOW, SILENT, BROKE, ERRORS | {"name": "long", "window": "5m_1m"})
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from(["cart", OTHER]),
        st.integers(0, 60),
        st.sampled_from([0, 40, 100, 110]),
        st.sampled_from([0, 1, 30]),
        st.sampled_from([50.0, 60.0, 900.0]),
    ),
    max_size=120,
    unique_by=lambda one: (one[0], one[1]),
)


@settings(max_examples=100)
@given(HISTORIES, st.randoms(use_true_random=False), st.lists(st.integers(1, 61), max_size=4))
def test_the_order_of_arrival_and_the_pieces_change_nothing(
    history: list[tuple[str, int, int, int, float]], random: Any, cuts: list[int]
) -> None:
    rows = [
        minute(at, service, events, min(errors, events), latency)
        for service, at, events, errors, latency in history
    ]
    end_ms = START_MS + 61 * MINUTE_MS
    whole = Engine(ALL).judge(rows, end_ms)
    random.shuffle(rows)
    engine, last = Engine(ALL), {}
    for cut in [*sorted(cuts), 61]:
        # What is judged already comes again, as a redelivery does.
        for alert in engine.judge(rows, START_MS + cut * MINUTE_MS):
            last[alert.alert_id] = alert
    assert last == {alert.alert_id: alert for alert in whole}
