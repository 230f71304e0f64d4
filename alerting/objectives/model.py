"""Objectives of `objectives.yaml`, with the field names of OpenSLO v1. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal

import pydantic

from alerting.alert import Mode
from alerting.objectives.indicator import Indicator, Part
from alerting.windows import WindowMetrics
from firstcause.text.typed_time import parse_span

ANY_SERVICE: Final = "*"
# Window metrics are kept for so long.
LONGEST_WINDOW: Final = timedelta(days=14)
SHORTEST_WINDOW: Final = timedelta(days=1)
_MS: Final = timedelta(milliseconds=1)
LONGEST_WINDOW_MS: Final = LONGEST_WINDOW // _MS


class Annotations(Part):
    """What OpenSLO has no field for.

    Attributes:
        min_events: 1 h, 6 h, 1 d or 3 d with fewer say nothing of how fast the budget burns.
        mode: alerts of a `shadow` objective are stored and told to nobody.
    """

    min_events: int = pydantic.Field(default=100, ge=1)
    mode: Mode = "live"


class Metadata(Part):
    """The name is a part of an alert's identity."""

    name: str = pydantic.Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    display_name: str | None = pydantic.Field(default=None, max_length=200)
    annotations: Annotations = Annotations()


class TimeWindow(Part):
    """The time that a budget is for, back from now."""

    duration: timedelta
    is_rolling: Literal[True]

    @pydantic.field_validator("duration", mode="before")
    @classmethod
    def _typed(cls, text: object) -> timedelta:
        value = str(text)
        # OpenSLO has weeks as well.
        if value.endswith("w") and value[:-1].isdigit() and len(value) <= len("9999w"):
            value = f"{7 * int(value[:-1])}d"
        span = parse_span(value)
        if not SHORTEST_WINDOW <= span <= LONGEST_WINDOW:
            raise ValueError(
                f"window metrics are kept for {LONGEST_WINDOW.days} days: say 1d to "
                f"{LONGEST_WINDOW.days}d"
            )
        return span


class Target(Part):
    """The share of good events that is aimed at; of latencies also the bound."""

    display_name: str | None = None
    target: float | None = pydantic.Field(default=None, gt=0)
    target_percent: float | None = pydantic.Field(default=None, gt=0)
    op: Literal["lte"] | None = None
    value: float | None = pydantic.Field(default=None, gt=0)

    @pydantic.model_validator(mode="after")
    def _leaves_a_budget(self) -> Target:
        if (self.target is None) == (self.target_percent is None):
            raise ValueError("one of target and targetPercent is needed")
        if self.share >= 1:
            raise ValueError(
                "a target of 100 % leaves no error budget that could burn: say less, such as 0.999"
            )
        return self

    @property
    def share(self) -> float:
        """Of good events, above 0 and below 1."""
        return (
            self.target if self.target is not None else round((self.target_percent or 0) / 100, 12)
        )


class Spec(Part):
    """What is aimed at, of whom, and within which time."""

    description: str | None = None
    service: str = pydantic.Field(min_length=1)
    indicator: Indicator
    time_window: Annotated[tuple[TimeWindow, ...], pydantic.Field(min_length=1, max_length=1)]
    budgeting_method: Literal["Occurrences"]
    objectives: Annotated[tuple[Target, ...], pydantic.Field(min_length=1, max_length=1)]

    @pydantic.model_validator(mode="after")
    def _has_its_bound(self) -> Spec:
        is_latency = self.indicator.spec.threshold_metric is not None
        (target,) = self.objectives
        if is_latency and (target.op is None or target.value is None):
            raise ValueError("an objective of a thresholdMetric needs op (lte) and value")
        if not is_latency and (target.op is not None or target.value is not None):
            raise ValueError("an objective of a ratioMetric has no op and no value")
        return self


class Objective(Part):
    """A document of kind SLO. `service` is a name, or `*` for each service by itself."""

    api_version: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: Metadata
    spec: Spec

    @property
    def name(self) -> str:
        """The one that it is known by."""
        return self.metadata.name

    @property
    def target(self) -> float:
        """The share of good events that is aimed at, below 1."""
        return self.spec.objectives[0].share

    @property
    def window_ms(self) -> int:
        """The time that the budget is for."""
        return self.spec.time_window[0].duration // _MS

    @property
    def title(self) -> str:
        """What is aimed at, for people."""
        return f"{self.target * 100:g} % {self._good}"

    @property
    def _good(self) -> str:
        ratio = self.spec.indicator.spec.ratio_metric
        if ratio is None:
            return f"within {self.spec.objectives[0].value:g} ms"
        is_errors = ratio.bad.metric_source.spec.measure == "errors"
        return "without an error" if is_errors else "without a status of 500 or above"

    def is_about(self, service_name: str) -> bool:
        """True when it is an objective of this service."""
        return self.spec.service in {ANY_SERVICE, service_name}

    def counts(self, window: WindowMetrics) -> tuple[int, int]:
        """How many events of a window are bad, and how many count."""
        ratio = self.spec.indicator.spec.ratio_metric
        if ratio is None:
            return window.slower_than(self.spec.objectives[0].value or 0.0), window.latency_count
        if ratio.bad.metric_source.spec.measure == "errors":
            return window.errors, window.events
        statuses = window.status_classes
        return statuses.get("5xx", 0), sum(statuses.values())


class ObjectiveFile(pydantic.RootModel[tuple[Objective, ...]]):
    """All documents of a file."""

    model_config = pydantic.ConfigDict(frozen=True)
