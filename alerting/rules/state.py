"""What the engine remembers between windows, by service and by rule. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from alerting.alert import Alert
from alerting.rules.baseline import Baseline
from alerting.windows import WindowMetrics


@dataclass(slots=True)
class RuleState:
    """Of one rule and service.

    Attributes:
        onset_ms: the start of the first of the windows in a row that the rule holds for.
        in_a_row: how many these are.
        without: how many windows in a row it does not hold for, while its alert lasts.
        alert: the alert that lasts.
        chain_ms: of a sequence, by step: the latest start of steps that came in order.
    """

    onset_ms: int | None = None
    in_a_row: int = 0
    without: int = 0
    alert: Alert | None = None
    chain_ms: list[int | None] = field(default_factory=list)


@dataclass(slots=True)
class ServiceState:
    """Of one service: its last minutes, when it was last heard, and what is usual."""

    last_minutes: deque[WindowMetrics] = field(default_factory=lambda: deque(maxlen=5))
    last_heard_ms: int = 0
    baselines: dict[str, Baseline] = field(default_factory=dict)
    rules: dict[str, RuleState] = field(default_factory=dict)


@dataclass(slots=True)
class EngineState:
    """All that the engine remembers. `next_ms` is the start of the first minute not yet judged."""

    next_ms: int | None = None
    services: dict[str, ServiceState] = field(default_factory=dict)
