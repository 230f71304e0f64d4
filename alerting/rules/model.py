"""The rules of `anomaly_rules.yaml`, as they are after all checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import pydantic

from alerting.alert import Mode
from alerting.rules.measure import Measure
from alerting.windows import WindowKind
from firstcause.incidents.states import Severity

NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}$"
RuleName = Annotated[str, pydantic.Field(pattern=NAME_PATTERN)]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class _Rule(_Part):
    """What all kinds of rules have.

    Attributes:
        for_windows: so many windows in a row make an alert.
        resolve_after: so many windows in a row without it end the alert.
        min_samples: a window with fewer says "too few".
        services: whom it is about; empty for all.
        except_services: whom it is not about.
    """

    name: RuleName
    severity: Severity
    mode: Mode = "live"
    window: WindowKind = WindowKind.MINUTE
    for_windows: int = pydantic.Field(default=1, ge=1, le=60)
    resolve_after: int = pydantic.Field(default=5, ge=1, le=1_440)
    min_samples: int = pydantic.Field(default=1, ge=1)
    services: tuple[str, ...] = ()
    except_services: tuple[str, ...] = ()

    def is_about(self, service_name: str) -> bool:
        """True when it looks at this service."""
        if service_name in self.except_services:
            return False
        return not self.services or service_name in self.services


class ThresholdRule(_Rule):
    """A measure above, or below, a bound. `resolve_at` is the bound that ends it again."""

    kind: Literal["threshold"]
    measure: Measure
    above: float | None = None
    below: float | None = None
    resolve_at: float | None = None

    @pydantic.model_validator(mode="after")
    def _has_one_bound(self) -> ThresholdRule:
        if (self.above is None) == (self.below is None):
            raise ValueError("one of above and below is needed")
        if self.measure.is_rate and not 0 <= self.bound <= 1:
            raise ValueError(f"{self.measure.name} is a share between 0 and 1")
        if self.resolve_at is not None:
            beyond = self.resolve_at > self.bound
            if self.resolve_at != self.bound and beyond == (self.above is not None):
                raise ValueError("resolve_at lies on the wrong side of the bound")
        return self

    @property
    def bound(self) -> float:
        """The one that is given."""
        return self.above if self.above is not None else self.below or 0.0


class BaselineRule(_Rule):
    """A measure far from the service's own past.

    Attributes:
        z: how many robust standard deviations (1.4826 x MAD) from the median.
        direction: which side of the median counts.
        min_change: the least change, as a share of the median.
        min_value: values below it are never unusual; for latencies, in ms.
        min_history: so many windows have to be learned first.
        half_life_minutes: after it a window counts half in the recent past.
    """

    kind: Literal["baseline"]
    measure: Measure
    z: float = pydantic.Field(default=6.0, gt=0)
    direction: Literal["above", "below", "both"] = "above"
    min_change: float = pydantic.Field(default=0.5, ge=0)
    min_value: float = pydantic.Field(default=0.0, ge=0)
    min_history: int = pydantic.Field(default=15, ge=5)
    half_life_minutes: float = pydantic.Field(default=120.0, gt=0)


class SilenceRule(_Rule):
    """A service that is heard always, and now is not. `min_rate` is its least usual rate."""

    kind: Literal["silence"]
    min_rate: float = pydantic.Field(default=10.0, gt=0)
    min_history: int = pydantic.Field(default=10, ge=5)
    half_life_minutes: float = pydantic.Field(default=120.0, gt=0)


class BreakOffRule(_Rule):
    """A service whose events fall below `share` of what is usual, and by `z` deviations."""

    kind: Literal["break_off"]
    share: float = pydantic.Field(default=0.6, gt=0, lt=1)
    z: float = pydantic.Field(default=5.0, gt=0)
    min_rate: float = pydantic.Field(default=30.0, gt=0)
    min_history: int = pydantic.Field(default=10, ge=5)
    half_life_minutes: float = pydantic.Field(default=120.0, gt=0)


class SequenceRule(_Rule):
    """Other rules that hold one after another at a service, each in a later window."""

    kind: Literal["sequence"]
    steps: tuple[RuleName, ...] = pydantic.Field(min_length=2, max_length=10)
    within_minutes: int = pydantic.Field(ge=1, le=1_440)

    @pydantic.model_validator(mode="after")
    def _looks_at_minutes(self) -> SequenceRule:
        if self.window is not WindowKind.MINUTE:
            raise ValueError("a sequence is looked for in each minute: its window is 1m")
        return self


LearningRule = BaselineRule | SilenceRule | BreakOffRule
Rule = Annotated[
    ThresholdRule | BaselineRule | SilenceRule | BreakOffRule | SequenceRule,
    pydantic.Field(discriminator="kind"),
]


class Maintenance(_Part):
    """A time in which no alert is made, and nothing learned; `services` empty for all."""

    name: str
    start: datetime = pydantic.Field(alias="from")
    end: datetime = pydantic.Field(alias="to")
    services: tuple[str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _is_a_time(self) -> Maintenance:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("from and to need an offset, such as Z")
        if self.end <= self.start:
            raise ValueError("to is not after from")
        return self

    def covers(self, service_name: str, start_ms: int, end_ms: int) -> bool:
        """True when any of a window of the service lies in it."""
        if self.services and service_name not in self.services:
            return False
        return start_ms < self.end.timestamp() * 1_000 and end_ms > self.start.timestamp() * 1_000


class RuleSet(_Part):
    """All rules of a file."""

    version: Literal[1]
    rules: tuple[Rule, ...]
    maintenance: tuple[Maintenance, ...] = ()

    @property
    def by_name(self) -> Mapping[str, Rule]:
        """The rules by their names."""
        return {rule.name: rule for rule in self.rules}

    def in_maintenance(self, service_name: str, start_ms: int, end_ms: int) -> bool:
        """True when any maintenance covers a window."""
        return any(one.covers(service_name, start_ms, end_ms) for one in self.maintenance)
