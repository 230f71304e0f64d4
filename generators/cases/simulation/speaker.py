"""Turns a visit's log template into a log event in the style of its service."""

from __future__ import annotations

import zlib
from typing import Any, Final

from firstcause.events.log_event import LEVELS
from generators.cases.draw import Draw
from generators.cases.simulation.records import Records, hex_id, log_id, timestamp
from generators.cases.simulation.visit import Visit
from generators.cases.system.model import CaseSystem
from generators.log_template import EVENT_VARIABLES, LogTemplate
from generators.stack_trace import stack_trace
from generators.topology import Service

_RANKS: Final = {level: rank for rank, level in enumerate(LEVELS)}
_EVENT_RANGES: Final = {
    "rows": (1, 60), "size_kb": (2, 900), "percent": (5, 64), "short_ms": (1, 30),
    "queue_depth": (0, 30), "connections": (2, 18), "worker": (1, 8),
}  # fmt: skip


class Story(dict[str, str]):
    """The values of one request's variables, drawn when they are first asked for."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self._draw = draw
        self.trace_id = hex_id(draw, 32)

    def __missing__(self, name: str) -> str:
        if name in EVENT_VARIABLES:
            return str(self._draw.randint(*_EVENT_RANGES[name]))
        value = {
            "amount": f"{self._draw.uniform(3, 400):.2f}",
            "quantity": str(self._draw.randint(1, 9)),
            "sku": f"{hex_id(self._draw, 6).upper()}",
        }.get(name, f"{name.partition('_')[0]}-{self._draw.randint(10_000, 99_999)}")
        self[name] = value
        return value


class Speaker:
    """Writes what visits, and services outside of requests, say into the records."""

    def __init__(self, system: CaseSystem, records: Records, draw: Draw) -> None:
        self._system = system
        self._records = records
        self._draw = draw

    def say(
        self,
        visit: Visit,
        template: LogTemplate,
        story: Story,
        known: dict[str, str],
        status: int | None,
    ) -> None:
        """One line of a visit at its present time, unless its service prints no such level."""
        name, habit = visit.ref.service, self._system.habits[visit.ref.service]
        if _RANKS[template.level] < _RANKS[habit.least_level]:
            return
        story.update(known)
        story["route"] = visit.operation.route
        story["operation"] = visit.ref.operation
        story["version"] = visit.service.version
        story["elapsed_ms"] = str((visit.now_us - visit.begin_us) // 1000)
        fields = self._fields(
            visit.now_us, name, visit.instance, visit.service, template,
            template.text.format_map(story), visit.operation.logger, visit.ref.operation,
        )  # fmt: skip
        fields["trace_id"] = story.trace_id
        fields["span_id"] = visit.span_id
        if visit.parent_span_id is not None:
            fields["parent_span_id"] = visit.parent_span_id
        if status is not None and habit.tells_latency:
            fields["status_code"] = status
            fields["latency_ms"] = (visit.now_us - visit.begin_us) / 1000
        self._records.events.append((visit.now_us, fields))

    def say_alone(
        self, at_us: int, service_name: str, instance: str, template: LogTemplate, logger: str
    ) -> None:
        """A line that belongs to no request."""
        service = self._system.topology.services[service_name]
        story = Story(self._draw)
        story["version"] = service.version
        text = template.text.format_map(story)
        fields = self._fields(at_us, service_name, instance, service, template, text, logger, "run")
        self._records.events.append((at_us, fields))

    def _fields(
        self,
        at_us: int,
        service_name: str,
        instance: str,
        service: Service,
        template: LogTemplate,
        text: str,
        logger: str,
        operation: str,
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "log_id": log_id(self._draw),
            "timestamp": timestamp(at_us),
            "service_name": service_name,
            "instance": instance,
            "level": template.level,
            "message": text,
            "logger": f"{service.package}.{logger}",
        }
        if template.exception:
            fields["exception"] = stack_trace(
                runtime=service.runtime,
                package=service.package,
                exception=template.exception,
                message=text,
                logger=logger,
                operation=operation,
            )
        if self._system.habits[service_name].tells_line:
            place = f"{service_name} {operation} {template.log}".encode()
            fields["attributes"] = {"line": str(20 + zlib.crc32(place) % 480)}
        else:
            fields["attributes"] = {}
        return fields
