from __future__ import annotations

import dataclasses
import uuid

import pytest

from firstcause.incidents.view import Analysis, ErrorGroup, IncidentContext, IncidentView
from log_analyzer.model.analysis_state import (
    CONTEXT_LOOK_MS,
    CONTEXT_WAIT_MS,
    SETTLE_MS,
    Step,
    evidence_digest,
    next_step,
    state_digest,
)
from tests.unit.log_analyzer.notify.test_message import a_view

CONTEXT = IncidentContext(gathered_ms=1)
GROUP = ErrorGroup(uuid.UUID(int=3), "order", "Order <*> failed", 5, 1, 2)


def answered(view: IncidentView, *states: str) -> IncidentView:
    analyses = tuple(
        Analysis("mistral", "r", "payment", "likely", (), (), state=state) for state in states
    )
    return dataclasses.replace(view, analyses=analyses)


@pytest.mark.parametrize(
    "change",
    [
        {"services": ("order", "payment", "gateway")},
        {"severity": "critical"},
        {"error_count": 12_340},
        {"groups": (GROUP,)},
        {"reopened": True, "resolved_ms": 5},
    ],
)
def test_a_change_that_matters_is_another_state(change) -> None:
    assert state_digest(a_view()) != state_digest(a_view(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"error_count": 9_999},
        {"last_ms": 1_800_000_000_000},
        {"services": ("payment", "order")},
        {"status": "resolved"},
        {"context": CONTEXT},
        {"suspects": ("order", "payment")},
    ],
)
def test_more_of_the_same_is_the_same_state(change) -> None:
    assert state_digest(a_view()) == state_digest(a_view(**change))


def test_each_return_is_another_state() -> None:
    once, twice = (a_view(reopened=True, resolved_ms=at) for at in (5, 9))
    assert state_digest(once) != state_digest(twice)


def test_ten_thousand_errors_are_five_states() -> None:
    assert len({state_digest(a_view(error_count=n)) for n in range(1, 10_001)}) == 5


def test_the_same_evidence_with_other_numbers_has_the_same_digest() -> None:
    one, other = a_view("Payment 7 of u-17 failed"), a_view("Payment 8 of u-99 failed")
    moved = dataclasses.replace(
        other.evidence[0], log_id=str(uuid.uuid4()), timestamp_ms=5, trace_id="ff"
    )
    other = dataclasses.replace(other, evidence=(moved,), error_count=3, first_ms=4)
    assert evidence_digest(one, "q") == evidence_digest(other, "q")
    assert evidence_digest(one, "q") != evidence_digest(one, "another model or template")
    assert evidence_digest(one, "q") != evidence_digest(a_view("Refund 7 of u-17 failed"), "q")


def test_a_state_is_asked_about_when_it_stands_still_and_the_context_is_there() -> None:
    view = a_view(context=CONTEXT)
    state = state_digest(view)
    assert next_step(view, state, 1_000, 1_000) == Step(ask=False, wait_ms=SETTLE_MS)
    assert next_step(view, state, 1_000, 1_000 + SETTLE_MS).ask
    without = a_view()
    # It may come any moment, so that is looked for often.
    assert next_step(without, state, 0, SETTLE_MS) == Step(ask=False, wait_ms=CONTEXT_LOOK_MS)
    assert next_step(without, state, 0, CONTEXT_WAIT_MS - 1) == Step(ask=False, wait_ms=1)
    assert next_step(without, state, 0, CONTEXT_WAIT_MS).ask


def test_each_further_question_waits_ten_times_longer() -> None:
    view = answered(a_view(context=CONTEXT), "a", "b")
    assert not next_step(view, "c", 0, 100 * SETTLE_MS - 1).ask
    assert next_step(view, "c", 0, 100 * SETTLE_MS).ask


def test_no_question_about_what_is_answered_merged_or_over() -> None:
    view = a_view(context=CONTEXT)
    state = state_digest(view)
    assert next_step(answered(view, state), state, 0, 10**9) == Step(ask=False)
    merged = dataclasses.replace(view, merged_into=uuid.uuid4())
    assert next_step(merged, state, 0, 10**9) == Step(ask=False)
    over = dataclasses.replace(view, status="resolved")
    assert next_step(over, state, 0, 0).ask
    assert next_step(answered(over, "earlier"), state, 0, 10**9) == Step(ask=False)


def test_a_note_that_the_model_was_away_answers_no_state() -> None:
    view = answered(a_view(context=CONTEXT), "")
    assert next_step(view, state_digest(view), 0, SETTLE_MS).ask
