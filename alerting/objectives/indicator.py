"""What an objective measures, with the field names of OpenSLO v1. Pure."""

from __future__ import annotations

from typing import Literal

import pydantic
from pydantic.alias_generators import to_camel


class Part(pydantic.BaseModel):
    """A part of the file: unknown keys are mistakes, keys are written as OpenSLO writes them."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class BadMeasure(Part):
    """Which events are bad."""

    measure: Literal["errors", "status_5xx"]


class TotalMeasure(Part):
    """Which events are counted."""

    measure: Literal["events", "statuses"]


class LatencyMeasure(Part):
    """The latency of an event."""

    measure: Literal["latency_ms"]


class BadSource(Part):
    """Where the bad events come from."""

    type: Literal["firstcause"] = "firstcause"
    spec: BadMeasure


class TotalSource(Part):
    """Where all events come from."""

    type: Literal["firstcause"] = "firstcause"
    spec: TotalMeasure


class LatencySource(Part):
    """Where latencies come from."""

    type: Literal["firstcause"] = "firstcause"
    spec: LatencyMeasure


class Bad(Part):
    """The bad events of a ratio."""

    metric_source: BadSource


class Total(Part):
    """All events of a ratio."""

    metric_source: TotalSource


class RatioMetric(Part):
    """Availability: the share of events that are not bad."""

    counter: bool = True
    bad: Bad
    total: Total

    @pydantic.model_validator(mode="after")
    def _is_a_share(self) -> RatioMetric:
        bad, total = self.bad.metric_source.spec.measure, self.total.metric_source.spec.measure
        fitting = "events" if bad == "errors" else "statuses"
        if total != fitting:
            raise ValueError(f"{bad} are a share of {fitting}, and not of {total}")
        return self


class ThresholdMetric(Part):
    """Latency: the share of events that are not slower than a bound."""

    metric_source: LatencySource


class IndicatorSpec(Part):
    """One of the two kinds of indicators."""

    ratio_metric: RatioMetric | None = None
    threshold_metric: ThresholdMetric | None = None

    @pydantic.model_validator(mode="after")
    def _is_one(self) -> IndicatorSpec:
        if (self.ratio_metric is None) == (self.threshold_metric is None):
            raise ValueError("one of ratioMetric and thresholdMetric is needed")
        return self


class IndicatorMetadata(Part):
    """The name of an indicator, for people."""

    name: str


class Indicator(Part):
    """What is measured."""

    metadata: IndicatorMetadata | None = None
    spec: IndicatorSpec
