"""The JSON text of a request's events, as fixed pieces and holes for what differs by request."""

from __future__ import annotations

from typing import Any

from generators.log_template import ELAPSED, EVENT_VARIABLES, GAUGE, template_parts
from generators.stream.text_table import escaped
from generators.stream.walk_plan import PlannedEvent, WalkPlan

Slot = tuple[Any, ...]


class RequestText:
    """The text of all events of a planned walk, one a line.

    `pieces` are in order: a fixed text, or the kind and slot of a hole. `slots` has the distinct
    slots of each kind, in the order in which they are met first.
    """

    def __init__(self, plan: WalkPlan) -> None:
        self._plan = plan
        self.slots: dict[str, dict[Slot, None]] = {
            kind: {}
            for kind in (
                "request", "variable", "fresh", "instance", "second", "ms", "us",
                "latency_ms", "latency_us", "span", "log_id", "gauge",
            )
        }  # fmt: skip
        self.pieces: list[str | tuple[str, Slot]] = []
        for number, event in enumerate(plan.events):
            self._add(number, event)

    def _add(self, number: int, event: PlannedEvent) -> None:
        if number:
            self._literal("\n")
        # Holes hold as much fixed text as they can: fewer pieces are faster to join.
        self._hole("log_id", (number,))
        for kind in ("second", "ms", "us"):
            self._hole(kind, (event.moment,))
        self._literal('Z",')
        self._hole("instance", (event.service,))
        self._literal(f',"level":"{event.level}","logger":"{escaped(event.logger)}","message":"')
        self._text(number, event, event.text)
        if event.span is not None:
            self._literal('",')
            self._hole("request", ())
            self._hole("span", (event.span,))
            parent = self._plan.spans[event.span].parent
            if parent is not None:
                self._literal('","parent_span_id":"')
                self._hole("span", (parent,))
        self._literal('"')
        if event.status_code is not None:
            self._literal(f',"status_code":{event.status_code}')
        if event.latency_since is not None:
            self._literal(',"latency_ms":')
            self._hole("latency_ms", (event.latency_since, event.moment))
            self._literal(".")
            self._hole("latency_us", (event.latency_since, event.moment))
        if event.error_code:
            self._literal(f',"error_code":"{escaped(event.error_code)}"')
        if event.exception:
            self._literal(',"exception":"')
            self._text(number, event, event.exception)
            self._literal('"')
        pairs = ",".join(f'"{escaped(key)}":"{escaped(text)}"' for key, text in event.attributes)
        self._literal(f',"attributes":{{{pairs}}}}}')

    def _text(self, number: int, event: PlannedEvent, text: str) -> None:
        for literal, name in template_parts(text):
            self._literal(escaped(literal))
            if name is None:
                continue
            if name == ELAPSED:
                self._hole("latency_ms", (event.elapsed_since, event.moment))
            elif name == GAUGE:
                self._hole("gauge", ())
            elif name in EVENT_VARIABLES:
                self._hole("fresh", (name, number))
            else:
                self._hole("variable", (name,))

    def _literal(self, text: str) -> None:
        if self.pieces and isinstance(self.pieces[-1], str):
            self.pieces[-1] += text
        else:
            self.pieces.append(text)

    def _hole(self, kind: str, slot: Slot) -> None:
        self.slots[kind][slot] = None
        if kind == "latency_ms":
            # Columns of a pair are made together, also where a message tells the ms alone.
            self.slots["latency_us"][slot] = None
        self.pieces.append((kind, slot))
