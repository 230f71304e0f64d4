"""A planned walk: time segments, spans, and log events with placeholders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from generators.log_template import LogTemplate
from generators.stack_trace import stack_trace
from generators.topology import Service


@dataclass(frozen=True, slots=True)
class Segment:
    """What lies between one moment and the next.

    work: about `low_ms`, scattered. uniform: `low_ms` to `high_ms`. until: as long as it takes
    to be `low_ms` after the moment `since`.
    """

    kind: Literal["work", "uniform", "until"]
    low_ms: float
    high_ms: float = 0.0
    since: int = 0


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One log event of a walk. `moment` n is after the first n segments.

    `text` and `exception` may hold variables; those that the place decides are filled in.
    `elapsed_since` is the moment from which {elapsed_ms} counts. An event with a
    `latency_since` carries `latency_ms` from that moment.
    """

    moment: int
    service: str
    level: str
    logger: str
    text: str
    span: int | None = None
    elapsed_since: int = 0
    latency_since: int | None = None
    status_code: int | None = None
    error_code: str | None = None
    exception: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class PlannedSpan:
    """One service's part in a walk. `parent` is the caller's span, by its place in the plan.

    `start` and `end` are moments, counted as `PlannedEvent.moment` is; `end` is set last.
    """

    parent: int | None
    service: str
    operation: str
    start: int
    end: int = 0


@dataclass(slots=True)
class WalkPlan:
    """A planned walk: segments of time, spans (a caller before its callees), events in order."""

    segments: list[Segment] = field(default_factory=list)
    spans: list[PlannedSpan] = field(default_factory=list)
    events: list[PlannedEvent] = field(default_factory=list)

    @property
    def now(self) -> int:
        """The moment after the last segment."""
        return len(self.segments)


def fill_in(text: str, known: dict[str, str]) -> str:
    """`text` with the variables that are known; the others stay."""
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def lone_event(
    template: LogTemplate, service_name: str, service: Service, logger: str, version: str = ""
) -> WalkPlan:
    """The plan of one event that belongs to no request."""
    known = {"version": version or service.version}
    text = fill_in(template.text, known)
    event = PlannedEvent(
        moment=0,
        service=service_name,
        level=template.level,
        logger=f"{service.package}.{logger}",
        text=text,
        error_code=template.error_code,
        exception=template.exception
        and stack_trace(
            runtime=service.runtime,
            package=service.package,
            exception=template.exception,
            message=text,
            logger=logger,
            operation="run",
        ),
        attributes=(("version", version or service.version),),
    )
    return WalkPlan(events=[event])
