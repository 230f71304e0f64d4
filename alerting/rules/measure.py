"""What a rule looks at in a window: its value, the samples behind it, and its name for people."""

from __future__ import annotations

from typing import Final, Literal

import pydantic

from alerting.windows import WindowMetrics

Name = Literal[
    "events",
    "errors",
    "error_rate",
    "level_rate",
    "status_rate",
    "error_code_count",
    "latency_mean_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "slow_rate",
]
Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

# Counts are of all events; a share or a percentile needs samples.
COUNTS: Final = frozenset({"events", "errors", "error_code_count"})
RATES: Final = frozenset({"error_rate", "level_rate", "status_rate", "slow_rate"})
_PERCENTILES: Final = {"latency_p50_ms": 50.0, "latency_p95_ms": 95.0, "latency_p99_ms": 99.0}
_CLASSES: Final = (100, 200, 300, 400, 500)
_NEEDS: Final = {
    "level_rate": "level",
    "status_rate": "status_at_least",
    "error_code_count": "error_code",
    "slow_rate": "slower_than_ms",
}


class Measure(pydantic.BaseModel):
    """The measure of a rule. Its parameters are those that the measure's name asks for."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: Name
    level: Level | None = None
    status_at_least: Literal[100, 200, 300, 400, 500] | None = None
    error_code: str | None = pydantic.Field(default=None, min_length=1, max_length=200)
    slower_than_ms: float | None = pydantic.Field(default=None, gt=0)

    @pydantic.model_validator(mode="after")
    def _has_its_parameter(self) -> Measure:
        needed = _NEEDS.get(self.name)
        for parameter in _NEEDS.values():
            is_given = getattr(self, parameter) is not None
            if is_given and parameter != needed:
                raise ValueError(f"{self.name} takes no {parameter}")
            if not is_given and parameter == needed:
                raise ValueError(f"{self.name} needs {parameter}")
        return self

    @property
    def key(self) -> str:
        """Equal for equal measures."""
        return "/".join(str(part) for part in (self.name, *self._parameters()))

    @property
    def is_rate(self) -> bool:
        """True for a share between 0 and 1."""
        return self.name in RATES

    @property
    def is_count(self) -> bool:
        """True for a number of events: zero where there is none."""
        return self.name in COUNTS

    def _parameters(self) -> list[object]:
        found = (self.level, self.status_at_least, self.error_code, self.slower_than_ms)
        return [one for one in found if one is not None]

    def samples(self, window: WindowMetrics) -> int:
        """How many events the value is made of."""
        if self.name.startswith("latency") or self.name == "slow_rate":
            return window.latency_count
        if self.name == "status_rate":
            return sum(window.status_classes.values())
        return window.events

    def value(self, window: WindowMetrics) -> float | None:
        """The value in a window; None where nothing was measured."""
        if self.name in _PERCENTILES:
            return window.percentile_ms(_PERCENTILES[self.name])
        if self.name == "latency_mean_ms":
            return window.latency_mean_ms
        if self.is_count:
            return float(self._count(window))
        samples = self.samples(window)
        return self._count(window) / samples if samples else None

    def _count(self, window: WindowMetrics) -> int:
        if self.name == "events":
            return window.events
        if self.name in {"errors", "error_rate"}:
            return window.errors
        if self.name == "level_rate":
            return window.levels.get(self.level or "", 0)
        if self.name == "error_code_count":
            return window.error_codes.get(self.error_code or "", 0)
        if self.name == "slow_rate":
            return window.slower_than(self.slower_than_ms or 0.0)
        least = self.status_at_least or 0
        return sum(
            window.status_classes.get(f"{bound // 100}xx", 0)
            for bound in _CLASSES
            if bound >= least
        )

    @property
    def title(self) -> str:
        """What is measured, in words."""
        percent = _PERCENTILES.get(self.name)
        if percent is not None:
            return f"p{percent:.0f} of the latency"
        return {
            "events": "number of events",
            "errors": "number of errors",
            "error_rate": "share of errors",
            "level_rate": f"share of {self.level}",
            "status_rate": f"share of status {self.status_at_least} and above",
            "error_code_count": f"number of error code {self.error_code}",
            "latency_mean_ms": "average latency",
            "slow_rate": f"share of latencies over {self.slower_than_ms:g} ms"
            if self.slower_than_ms
            else "",
        }[self.name]

    def told(self, value: float) -> str:
        """A value with its unit, for people."""
        if self.is_rate:
            return f"{value:.1%}"
        if self.is_count:
            return f"{value:,.0f}"
        return f"{value:,.0f} ms"
