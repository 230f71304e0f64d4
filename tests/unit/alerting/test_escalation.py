"""Escalations of random histories, beside a plain recomputation, however the alerts come."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.escalation import (
    MOST_PENDING,
    WITHIN_MS,
    Escalation,
    SeenAlert,
    ServiceAlerts,
    decided,
    with_arrived,
)

WATERMARK_MS = 10_000
MINUTE_MS = 60_000
# Gaps that matter: within the watermark, within the hour, its very end, beyond.
GAPS = st.one_of(
    st.integers(0, 2 * WATERMARK_MS),
    st.integers(0, 90 * MINUTE_MS),
    st.sampled_from([WITHIN_MS // 2, WITHIN_MS - 1, WITHIN_MS, WITHIN_MS + 1]),
)
HISTORIES = st.lists(GAPS, max_size=40)


def alerts_of(gaps: list[int]) -> list[SeenAlert]:
    at_ms, alerts = 0, []
    for number, gap in enumerate(gaps):
        at_ms += gap
        alerts.append(SeenAlert(at_ms, f"alert-{number:02}"))
    return alerts


def oracle(alerts: list[SeenAlert]) -> list[Escalation]:
    """All alerts are known: episodes without an hour's break, told by looking back."""
    ordered = sorted(alerts)
    made = []
    start, escalated_until = 0, None
    for place, alert in enumerate(ordered):
        if escalated_until is not None:
            if alert.event_ms <= escalated_until:
                escalated_until = alert.event_ms + WITHIN_MS
                continue
            escalated_until, start = None, place
        own = [
            one for one in ordered[start : place + 1] if one.event_ms >= alert.event_ms - WITHIN_MS
        ]
        if len(own) >= 3:
            made.append(Escalation("cart", tuple(own[-3:])))
            escalated_until = alert.event_ms + WITHIN_MS
    return made


def streamed(alerts: list[SeenAlert], rng: random.Random) -> tuple[list[Escalation], int]:
    """Decides as the stream does: batch by batch, behind the newest alert by the watermark."""
    state, made, late, newest = ServiceAlerts(), [], 0, 0
    while alerts:
        size = rng.randint(1, 6)
        batch, alerts = alerts[:size], alerts[size:]
        newest = max(newest, *(one.event_ms for one in batch))
        state, missed = with_arrived(state, batch)
        state, some = decided("cart", state, newest - WATERMARK_MS - 1)
        made += some
        late += missed
    _, some = decided("cart", state, newest)
    return made + some, late


@settings(max_examples=500)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_whatever_the_order_within_the_watermark_the_escalations_are_the_same(
    gaps: list[int], rng: random.Random
) -> None:
    alerts = alerts_of(gaps)
    again = [one for one in alerts if rng.random() < 0.2]
    shuffled = sorted([*alerts, *again], key=lambda one: one.event_ms + rng.random() * WATERMARK_MS)
    made, _ = streamed(shuffled, rng)
    assert made == oracle(alerts)
    assert len({one.escalation_id for one in made}) == len(made)


def test_an_alert_before_what_is_decided_is_told_and_changes_nothing() -> None:
    first, second = SeenAlert(50_000, "b"), SeenAlert(60_000, "c")
    state, _ = with_arrived(ServiceAlerts(), [first, second])
    state, _ = decided("cart", state, 60_000)
    after, late = with_arrived(state, [SeenAlert(40_000, "a"), first])
    assert (after, late) == (state, 1)


def test_a_flood_of_alerts_is_one_escalation_and_little_to_remember() -> None:
    flood = [SeenAlert(number, f"{number:05}") for number in range(3 * MOST_PENDING)]
    state, _ = with_arrived(ServiceAlerts(), flood)
    state, made = decided("cart", state, -1)
    assert len(made) == 1
    assert len(state.pending) == MOST_PENDING
    assert len(state.counted) == 3
