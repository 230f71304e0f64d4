"""Answers on objectives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from alerting.objectives.burn_rate import ObjectiveStatus
from firstcause.storage.stored_time import datetime_from_ms


class ObjectiveAnswer(BaseModel):
    """How an objective of a service stands."""

    objective: str
    service_name: str
    title: str
    target: float = Field(description="The share of good events that is aimed at, below 1")
    window_seconds: int = Field(description="The time that the budget is for, back from `at`")
    at: datetime = Field(description="The end of the last minute that is counted")
    bad: int
    total: int
    good_share: float | None = Field(default=None, description="Absent without events")
    budget_left: float | None = Field(
        default=None, description="Share of the error budget; below 0: overspent"
    )
    burn_rates: dict[str, float] = Field(description="By window; at 1 the budget just lasts")
    urgency: str | None = Field(default=None, description="page or ticket; absent: neither")

    @classmethod
    def of(cls, one: ObjectiveStatus) -> Self:
        """A status as an answer."""
        return cls(
            objective=one.objective,
            service_name=one.service_name,
            title=one.title,
            target=one.target,
            window_seconds=one.window_ms // 1_000,
            at=datetime_from_ms(one.at_ms),
            bad=one.bad,
            total=one.total,
            good_share=one.good_share,
            budget_left=one.budget_left,
            burn_rates=dict(one.burn_rates),
            urgency=one.urgency.name if one.urgency else None,
        )


class Objectives(BaseModel):
    """How objectives stand, by name and service."""

    objectives: list[ObjectiveAnswer]


def objective_answers(found: Sequence[ObjectiveStatus]) -> list[ObjectiveAnswer]:
    """Statuses as answers."""
    return [ObjectiveAnswer.of(one) for one in found]
