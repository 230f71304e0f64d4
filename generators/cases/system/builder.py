"""Builds seeded systems."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any, Final

from generators.cases.draw import Draw
from generators.cases.system import vocabulary
from generators.cases.system.model import CaseSystem
from generators.cases.system.service_lines import habit, occasions, step_line
from generators.topology import OperationRef, Topology

FIRST_DAY: Final = date(2026, 3, 2)
# Below the gateway; a service calls only those of later layers.
LAYERS: Final = 3
MOST_VISITS_A_REQUEST: Final = 14
_REGION: Final = "eu-central-1"
# Somebody else's interface, which some operations call.
PARTNER: Final = "partner"


class SystemBuilder:
    """Builds the system of a seed and number. Use one builder once."""

    def __init__(self, seed: int, number: int) -> None:
        self._number = number
        self._draw = Draw(f"system {seed} {number}")
        self._services: dict[str, dict[str, Any]] = {}
        self._layers: list[list[OperationRef]] = [[] for _ in range(LAYERS)]
        self._visits: dict[OperationRef, int] = {}
        self._usual_ms: dict[OperationRef, float] = {}
        self._cached: dict[tuple[OperationRef, int], float] = {}
        # Some systems wait nearly for ever, as the defaults of many clients do.
        self._patience = 6.0 if self._draw.happens(0.2) else 1.0

    def build(self) -> CaseSystem:
        """The system."""
        draw = self._draw
        trades = list(vocabulary.TRADES)
        trade = trades[(self._number + draw.randrange(len(trades))) % len(trades)]
        suffix = draw.choice(vocabulary.SUFFIXES)
        nouns = vocabulary.TRADES[trade][: draw.randint(11, 15)]
        gateway = draw.choice(vocabulary.GATEWAYS)
        for place in range(len(nouns) - 1, -1, -1):
            self._add_service(f"{nouns[place]}{suffix}", nouns[place], place * LAYERS // len(nouns))
        self._add_gateway(gateway)
        topology = Topology.model_validate(
            {"background_share": 0.02, "services": dict(sorted(self._services.items()))}
        )
        tells_line = draw.happens(0.5)
        return CaseSystem(
            number=self._number,
            day=FIRST_DAY + timedelta(days=self._number),
            topology=topology,
            gateway=gateway,
            habits={name: habit(draw, tells_line=tells_line) for name in topology.services},
            cached=self._cached,
            ambient=self._ambient(topology),
            ambient_alone=tuple(
                (name, draw.choice(vocabulary.AMBIENT_BACKGROUND_LINES), draw.uniform(0.3, 2))
                for name in draw.sample(sorted(topology.services), 3)
            ),
            usual_ms=self._usual_ms,
        )

    def _add_service(self, name: str, noun: str, layer: int) -> None:
        draw = self._draw
        runtime = draw.choice(("java", "java", "python", "go"))
        database = f"{noun}-db"
        self._services[name] = self._frame(name, runtime) | {
            "resources": {database: {"kind": "rds"}, PARTNER: {"kind": "lambda"}},
            "operations": {},
        }
        verbs = [draw.choice(vocabulary.READS), draw.choice(vocabulary.WRITES)]
        if draw.happens(0.5):
            verbs.append(draw.choice([verb for verb in vocabulary.READS if verb not in verbs]))
        for verb in verbs[: draw.randint(1, 3)]:
            ref = OperationRef(name, f"{verb}_{noun}")
            self._add_operation(ref, noun, layer, database, writes=verb in vocabulary.WRITES)

    def _add_operation(
        self, ref: OperationRef, noun: str, layer: int, database: str, *, writes: bool
    ) -> None:
        draw = self._draw
        steps: list[dict[str, Any]] = []
        if draw.happens(0.6):
            line = step_line(draw, "check", noun, ref.operation)
            steps.append({"log": [line], "work_ms": draw.uniform(0.3, 2)})
        if draw.happens(0.75) or layer == LAYERS - 1:
            steps.append(self._query("read", noun, ref, database))
            if draw.happens(0.25):
                self._cached[ref, len(steps) - 1] = draw.uniform(0.2, 0.6)
        if draw.happens(0.2):
            steps.append(
                {
                    "use": PARTNER,
                    "work_ms": draw.uniform(15, 60),
                    "log": [f"INFO Partner answered for {noun} {{order_id}}"],
                }
            )
        below = [callee for later in self._layers[layer + 1 :] for callee in later]
        draw.shuffle(below)
        visits = 1
        for callee in below[: draw.randint(1, 4) if layer == 0 else draw.randint(1, 2)]:
            if visits + self._visits[callee] > MOST_VISITS_A_REQUEST // (1 + layer):
                continue
            visits += self._visits[callee]
            if draw.happens(0.1):
                self._cached[ref, len(steps)] = draw.uniform(0.2, 0.5)
            steps.append(self._call(callee))
            if draw.happens(0.5):
                line = step_line(draw, "check" if draw.happens(0.5) else "read", noun, "next")
                steps.append({"log": [line], "work_ms": draw.uniform(0.3, 3)})
        if writes:
            steps.append(self._query("write", noun, ref, database))
        verb = "POST" if writes else "GET"
        route = f"{verb} /api/v1/{noun}s" + ("" if writes else "/{order_id}")
        operation: dict[str, Any] = {
            "route": f"{route}/{ref.operation.partition('_')[0]}",
            "logger": f"{noun.capitalize()}{'Controller' if draw.happens(0.5) else 'Service'}",
            "steps": steps,
        }
        if draw.happens(0.2):
            operation["rejection"] = {
                "status_code": draw.choice((400, 404, 409)),
                "share": draw.uniform(0.005, 0.03),
                "log": draw.choice(vocabulary.REJECTED_LINES),
            }
        self._services[ref.service]["operations"][ref.operation] = operation
        self._layers[layer].append(ref)
        self._visits[ref] = visits
        own_ms = sum(step.get("work_ms", 0) for step in steps)
        self._usual_ms[ref] = (
            1
            + own_ms
            + sum(
                1 + self._usual_ms[OperationRef(*step["call"].split("."))]
                for step in steps
                if "call" in step
            )
        )

    def _query(self, kind: str, noun: str, ref: OperationRef, database: str) -> dict[str, Any]:
        step: dict[str, Any] = {
            "use": database,
            "work_ms": self._draw.uniform(2, 14 if kind == "write" else 9),
        }
        if self._draw.happens(0.7):
            step["log"] = [step_line(self._draw, kind, noun, ref.operation)]
        return step

    def _call(self, callee: OperationRef) -> dict[str, Any]:
        draw = self._draw
        inner = [
            step["timeout_ms"] * (1 + step.get("retries", 0)) + 300
            for step in self._services[callee.service]["operations"][callee.operation]["steps"]
            if "call" in step
        ]
        patience_ms = self._usual_ms[callee] * draw.uniform(8, 20) * self._patience
        step: dict[str, Any] = {
            "call": str(callee),
            "timeout_ms": min(60_000, 250 * math.ceil(max(400, patience_ms, *inner, 0) / 250)),
        }
        if draw.happens(0.3):
            step["retries"] = draw.randint(1, 2)
        elif draw.happens(0.17):
            step["on_failure"] = "degrade"
        return step

    def _add_gateway(self, name: str) -> None:
        draw = self._draw
        self._services[name] = self._frame(name, "go") | {"operations": {}}
        self._services[name]["upstream_failure_status"] = 502
        served = [*self._layers[0], *draw.sample(self._layers[1], len(self._layers[1]) // 3)]
        for callee in served:
            step = self._call(callee)
            step.pop("on_failure", None)
            self._services[name]["operations"][callee.operation] = {
                "route": f"GET /{callee.operation.replace('_', '/')}",
                "logger": "Routes",
                "entry_weight": draw.uniform(2, 10),
                "steps": [step],
            }

    def _frame(self, name: str, runtime: Any) -> dict[str, Any]:
        package = f"com.example.{name.replace('-', '')}" if runtime == "java" else name
        return {
            "provider": "aws",
            "regions": [_REGION],
            "instances": self._draw.choice((1, 2, 2, 3)),
            "runs_on": "ecs",
            "runtime": runtime,
            "package": package,
            "version": f"{self._draw.randint(1, 6)}.{self._draw.randint(0, 30)}.0",
            **occasions(self._draw, runtime),
        }

    def _ambient(self, topology: Topology) -> tuple[tuple[OperationRef, str, float], ...]:
        reached = sorted({ref for entry in topology.entries for ref in topology.reachable(entry)})
        noisy = self._draw.sample(reached, 3)
        return tuple(
            (
                ref,
                self._draw.choice(vocabulary.AMBIENT_REQUEST_LINES),
                self._draw.uniform(0.01, 0.06),
            )
            for ref in noisy
        )
