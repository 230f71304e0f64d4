from __future__ import annotations

import dataclasses
import uuid

import pytest

from log_analyzer.channels import Posted
from log_analyzer.delivery import Delivery
from log_analyzer.incident_view import Analysis, IncidentView
from log_analyzer.notice import Notice
from log_analyzer.outbox import MessageRow
from tests.unit.test_analyzer_notice import FIRST_ID, a_view

ANSWER = Analysis("mistral", "It was DNS.", "payment", "likely", (FIRST_ID,), (), analysed_ms=2)


class OneMessage:
    """Outbox, reader and channel of one incident, in memory."""

    def __init__(self, view: IncidentView) -> None:
        self.view = view
        self.row = MessageRow(view.incident_id, "pending", uuid.uuid4())
        self.shown: Notice | None = None
        self.now_ms = 1_000_000

    def in_state(self, state: str) -> list[uuid.UUID]:
        return [self.row.incident_id] if self.row.state == state else []

    def move(self, row: MessageRow) -> MessageRow | None:
        self.row = dataclasses.replace(row, epoch=uuid.uuid4())
        return self.row

    def post(self, _, notice: Notice) -> Posted:
        self.shown = notice
        return Posted("C1", "1.0")

    def update(self, _, __, notice: Notice) -> None:
        self.shown = notice

    def holds(self, _) -> bool:
        return True


class Reads:
    """`read` of either the row or the view."""

    def __init__(self, one: OneMessage, name: str) -> None:
        self._one, self._name = one, name

    def read(self, _):
        return getattr(self._one, self._name)

    def __getattr__(self, name: str):
        return getattr(self._one, name)


def delivery_of(one: OneMessage, *, model_configured: bool) -> Delivery:
    return Delivery(
        outbox=Reads(one, "row"),
        reader=Reads(one, "view"),
        channel=one,
        owner="me",
        model_configured=model_configured,
        clock_ms=lambda: one.now_ms,
    )


def passes(delivery: Delivery, one: OneMessage, number: int = 5) -> None:
    for _ in range(number):
        delivery.run_once()
        one.now_ms += 60_000


def test_a_resolved_incident_stays_live_until_the_models_answer_is_shown() -> None:
    one = OneMessage(a_view(status="resolved"))
    delivery = delivery_of(one, model_configured=True)
    passes(delivery, one)
    assert one.row.state == "live"
    assert "It was DNS." not in str(one.shown)
    one.view = dataclasses.replace(one.view, analyses=(ANSWER,))
    passes(delivery, one)
    assert "It was DNS." in str(one.shown)
    assert one.row.state == "settled"


@pytest.mark.parametrize(("status", "state"), [("resolved", "settled"), ("open", "live")])
def test_without_a_model_a_resolved_incident_settles_once_it_is_shown(status, state) -> None:
    one = OneMessage(a_view(status=status))
    passes(delivery_of(one, model_configured=False), one)
    assert one.row.state == state
