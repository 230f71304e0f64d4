"""Loads a topology from YAML and checks it; a mistake is named by file and line."""

from __future__ import annotations

import functools
from pathlib import Path

from firstcause.checked_yaml import CheckedYaml, YamlPath
from generators.topology import (
    PROVIDER_OF_KIND,
    REGIONS,
    OperationRef,
    Service,
    Step,
    Topology,
)

DEFAULT_TOPOLOGY = Path(__file__).with_name("topology.yaml")


@functools.lru_cache(maxsize=8)
def load_topology(path: Path = DEFAULT_TOPOLOGY) -> Topology:
    """The topology of a file, checked; read once a process and path.

    Raises:
        FirstcauseError: a mistake, named by file and line.
    """
    source = CheckedYaml(path)
    topology = source.validated(Topology)
    for name, service in topology.services.items():
        _check_service(source, topology, name, service)
    if not topology.entries:
        raise source.mistake(("services",), "no operation has an entry_weight")
    for ref in _all_operations(topology):
        _check_calls(source, topology, ref, ())
    for ref in _all_operations(topology):
        _check_timeouts(source, topology, ref)
    return topology


def _all_operations(topology: Topology) -> list[OperationRef]:
    return [
        OperationRef(service, name)
        for service, parts in topology.services.items()
        for name in parts.operations
    ]


def _check_service(source: CheckedYaml, topology: Topology, name: str, service: Service) -> None:
    at: YamlPath = ("services", name)
    for index, region in enumerate(service.regions):
        if region not in REGIONS[service.provider]:
            raise source.mistake(
                (*at, "regions", index), f"{service.provider} has no region {region} here"
            )
    if PROVIDER_OF_KIND[service.runs_on] != service.provider:
        raise source.mistake((*at, "runs_on"), f"{service.runs_on} is not of {service.provider}")
    # Errors have templates of their own; an outcome is told without one.
    for occasion in ("received", "completed", "failed", "retrying", "degraded", "background"):
        for index, template in enumerate(getattr(service, occasion) or ()):
            if template.is_error:
                raise source.mistake((*at, occasion, index), "healthy traffic has no errors")
    for op_name, operation in service.operations.items():
        of_operation: YamlPath = (*at, "operations", op_name)
        if operation.rejection and operation.rejection.log.is_error:
            raise source.mistake((*of_operation, "rejection", "log"), "a refusal is no error")
        for index, step in enumerate(operation.steps):
            here: YamlPath = (*of_operation, "steps", index)
            if any(template.is_error for template in step.log or ()):
                raise source.mistake((*here, "log"), "healthy traffic has no errors")
            if step.use and step.use not in service.resources:
                raise source.mistake((*here, "use"), f"{name} has no resource {step.use}")
            if step.callee:
                _check_callee(source, topology, service, step, here)


def _check_callee(
    source: CheckedYaml, topology: Topology, caller: Service, step: Step, here: YamlPath
) -> None:
    callee = step.callee
    if callee is None or callee.service not in topology.services:
        raise source.mistake((*here, "call"), f"unknown service in call: {step.call}")
    if callee.operation not in topology.services[callee.service].operations:
        raise source.mistake((*here, "call"), f"{callee.service} has no operation {step.call}")
    needed = {"call_failed": caller.call_failed, "call_timed_out": caller.call_timed_out}
    if step.retries:
        needed["retrying"] = caller.retrying
    if step.on_failure == "degrade":
        needed["degraded"] = caller.degraded
    for occasion, templates in needed.items():
        if templates is None:
            raise source.mistake((*here, "call"), f"a caller needs {occasion} templates")


def _check_calls(
    source: CheckedYaml, topology: Topology, ref: OperationRef, above: tuple[OperationRef, ...]
) -> None:
    for index, step in enumerate(topology.operation(ref).steps):
        if step.callee is None:
            continue
        if step.callee in (*above, ref):
            way = " -> ".join(map(str, (*above, ref, step.callee)))
            at = ("services", ref.service, "operations", ref.operation, "steps", index, "call")
            raise source.mistake(at, f"cyclic call: {way}")
        _check_calls(source, topology, step.callee, (*above, ref))


def _check_timeouts(source: CheckedYaml, topology: Topology, ref: OperationRef) -> None:
    """A caller must outlast its callee's own waiting, or its trace would not agree."""
    for index, step in enumerate(topology.operation(ref).steps):
        if step.callee is None:
            continue
        waits_ms = [
            inner.timeout_ms * (1 + inner.retries)
            for inner in topology.operation(step.callee).steps
            if inner.call
        ]
        if waits_ms and step.timeout_ms <= max(waits_ms):
            at = ("services", ref.service, "operations", ref.operation, "steps", index)
            raise source.mistake(
                (*at, "timeout_ms"),
                f"timeout_ms of the call of {step.call} must be over {max(waits_ms)}, which "
                "the callee itself may wait",
            )
