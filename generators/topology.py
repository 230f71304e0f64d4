"""The simulated shop: services, their operations, what these call and stand on."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from firstcause.checked_yaml import CheckedYaml, StrictModel, YamlPath
from generators.log_template import LogTemplate, template_parts

DEFAULT_TOPOLOGY = Path(__file__).with_name("topology.yaml")

Provider = Literal["aws", "gcp"]
Runtime = Literal["java", "python", "go"]
ResourceKind = Literal["rds", "lambda", "s3", "ec2", "ecs", "compute_engine", "big_query"]

REGIONS: dict[str, frozenset[str]] = {
    "aws": frozenset({"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2"}),
    "gcp": frozenset({"us-central1", "us-east4", "europe-west1", "europe-west3", "asia-east1"}),
}
PROVIDER_OF_KIND: dict[str, str] = {
    **dict.fromkeys(("rds", "lambda", "s3", "ec2", "ecs"), "aws"),
    **dict.fromkeys(("compute_engine", "big_query"), "gcp"),
}

Templates = Annotated[tuple[LogTemplate, ...], pydantic.Field(min_length=1)]


def _known_variables(route: str) -> str:
    template_parts(route)
    return route


Route = Annotated[str, pydantic.AfterValidator(_known_variables)]


@dataclass(frozen=True, slots=True, order=True)
class OperationRef:
    """One operation of one service; in YAML `service.operation`."""

    service: str
    operation: str

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}"


class Step(StrictModel):
    """One thing an operation does: log, use a resource, or call another operation."""

    log: Templates | None = None
    use: str | None = pydantic.Field(None, description="Name of one of the service's resources")
    call: str | None = pydantic.Field(None, pattern=r"^[a-z-]+\.[a-z_]+$")
    work_ms: float = pydantic.Field(0.5, gt=0, le=60_000, description="Median time this takes")
    timeout_ms: int = pydantic.Field(3000, ge=50, le=60_000, description="Of a call")
    retries: int = pydantic.Field(0, ge=0, le=3, description="Of a call that failed")
    on_failure: Literal["fail", "degrade"] = "fail"

    @pydantic.model_validator(mode="after")
    def _does_one_thing(self) -> Step:
        if (self.call is not None) + (self.use is not None or self.log is not None) != 1:
            raise ValueError("a step has either `call`, or `use` and `log`")
        return self

    @property
    def callee(self) -> OperationRef | None:
        """The operation called, if this step is a call."""
        return OperationRef(*self.call.split(".")) if self.call else None


class Rejection(StrictModel):
    """A request that is refused with good reason (4xx): no fault, and never an ERROR."""

    status_code: int = pydantic.Field(ge=400, le=498)
    share: float = pydantic.Field(gt=0, le=0.05, description="Of the requests that come here")
    log: LogTemplate


class Operation(StrictModel):
    """What one service does when it is asked; `entry_weight` makes it an entry from outside."""

    route: Route
    logger: str
    entry_weight: float = pydantic.Field(0.0, ge=0)
    steps: tuple[Step, ...] = ()
    rejection: Rejection | None = None


class Resource(StrictModel):
    """A cloud resource that a service stands on."""

    kind: ResourceKind


class Service(StrictModel):
    """One service: where it runs, what it says on usual occasions, its operations."""

    provider: Provider
    regions: Annotated[tuple[str, ...], pydantic.Field(min_length=1)]
    instances: int = pydantic.Field(ge=1, le=50)
    runs_on: ResourceKind
    runtime: Runtime
    package: str
    version: str
    resources: dict[str, Resource] = pydantic.Field(default_factory=dict)
    upstream_failure_status: Literal[500, 502, 503] = 500
    received: Templates
    completed: Templates
    failed: Templates
    call_failed: Templates | None = None
    call_timed_out: Templates | None = None
    retrying: Templates | None = None
    degraded: Templates | None = None
    background: Templates
    operations: dict[str, Operation]


class Topology(StrictModel):
    """All services. `background_share` of the traffic belongs to no request."""

    background_share: float = pydantic.Field(ge=0, le=0.5)
    services: dict[str, Service]

    def operation(self, ref: OperationRef) -> Operation:
        """The operation named; KeyError when there is none."""
        return self.services[ref.service].operations[ref.operation]

    @functools.cached_property
    def entries(self) -> dict[OperationRef, float]:
        """The operations asked from outside, with their weights."""
        return {
            OperationRef(service, name): operation.entry_weight
            for service, parts in self.services.items()
            for name, operation in parts.operations.items()
            if operation.entry_weight > 0
        }

    def reachable(self, ref: OperationRef) -> Iterator[OperationRef]:
        """`ref` and all that it calls, directly or not, in order of the walk."""
        yield ref
        for step in self.operation(ref).steps:
            if step.callee:
                yield from self.reachable(step.callee)


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
