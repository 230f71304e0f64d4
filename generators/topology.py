"""The simulated shop: services, operations, calls and resources."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import pydantic

from firstcause.checked_yaml import StrictModel
from generators.log_template import LogTemplate, template_parts

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
