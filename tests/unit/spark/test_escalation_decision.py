"""The function of the stateful query: what it keeps, how long it waits, what it lets pass."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from alerting.escalation import SeenAlert, ServiceAlerts
from spark.escalation.decision import (
    FORGET_MS,
    UNREADABLE,
    decision,
    read_state,
    wait_ms,
    write_state,
)

WATERMARK_MS = 10_000
NOW_MS = 1_800_000_000_000


class State:
    """Spark's group state, as far as the function uses it."""

    def __init__(self) -> None:
        self.value: tuple[str] | None = None
        self.timeout_ms: int | None = None
        self.hasTimedOut = False
        self.now_ms = NOW_MS

    @property
    def exists(self) -> bool:
        return self.value is not None

    @property
    def get(self) -> tuple[str]:
        assert self.value is not None
        return self.value

    def update(self, value: tuple[str]) -> None:
        self.value = value

    def remove(self) -> None:
        self.value = None

    def setTimeoutDuration(self, duration_ms: int) -> None:  # noqa: N802 - Spark's name
        self.timeout_ms = duration_ms

    def getCurrentProcessingTimeMs(self) -> int:  # noqa: N802 - Spark's name
        return self.now_ms


def frame(*alerts: tuple[int, str], received_ms: int = NOW_MS) -> pd.DataFrame:
    return pd.DataFrame(
        [(at_ms, alert_id, received_ms) for at_ms, alert_id in alerts],
        columns=["event_ms", "alert_id", "received_ms"],
    )


def escalated(state: State, *frames: pd.DataFrame) -> list[dict[str, Any]]:
    rows = pd.concat(list(decision(WATERMARK_MS)(("cart",), frames, state)) or [pd.DataFrame()])
    return [json.loads(text) for text in rows.get("escalation", []) if text]


def test_a_service_that_falls_silent_is_decided_by_the_clock_and_forgotten_in_the_end() -> None:
    state = State()
    alerts = [(NOW_MS - 3_000, "a"), (NOW_MS - 2_000, "b"), (NOW_MS - 1_000, "c")]
    assert escalated(state, frame(*alerts)) == []
    assert state.timeout_ms == WATERMARK_MS
    state.hasTimedOut, state.now_ms = True, NOW_MS + WATERMARK_MS
    [message] = escalated(state, frame())
    assert message["alert_ids"] == ["a", "b", "c"]
    assert state.timeout_ms == FORGET_MS
    assert escalated(state, frame()) == []
    assert not state.exists


def test_a_clock_that_is_ahead_neither_decides_early_nor_makes_others_late() -> None:
    state = State()
    ahead = NOW_MS + 3_600_000
    escalated(state, frame((ahead, "ahead")))
    state.hasTimedOut = True
    escalated(state, frame())
    assert read_state(*state.get).pending == (SeenAlert(ahead, "ahead"),)
    state.hasTimedOut = False
    three = [(NOW_MS + at, f"alert-{at}") for at in (1_000, 2_000, 3_000)]
    later = frame((NOW_MS + 60_000, "next"), received_ms=NOW_MS + 60_000)
    [message] = escalated(state, frame(*three), later)
    assert message["alert_count"] == 3


def test_what_is_no_alert_leaves_as_it_came() -> None:
    place = {"key": None, "value": b"x", "topic": "t", "partition": 2, "offset": 7}
    given = pd.DataFrame([{**place, "timestamp": pd.Timestamp(0), "reason": "not_json_object"}])
    state = State()
    [letters] = decision(WATERMARK_MS)((UNREADABLE,), [given], state)
    [row] = letters.to_dict("records")
    assert {name: row[name] for name in place} == place
    assert (row["kind"], row["reason"], state.exists) == ("letter", "not_json_object", False)


def test_state_is_read_as_it_was_written() -> None:
    known = ServiceAlerts((SeenAlert(5, "p"),), (SeenAlert(1, "a"), SeenAlert(2, "b")), 2, 4)
    for one in (known, ServiceAlerts()):
        assert read_state(write_state(one)) == one
    assert wait_ms(known, 0, WATERMARK_MS) == WATERMARK_MS
