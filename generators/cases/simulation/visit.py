"""One operation while one replica of a service serves it."""

from __future__ import annotations

from dataclasses import dataclass

from generators.topology import Operation, OperationRef, Service


@dataclass(slots=True)
class Visit:
    """One service's part in a request. Times are us since the epoch; `now_us` moves on.

    `dies_us` is when the replica is killed, if it is. `reply_is_wrong`: the answer will look
    good and hold nonsense.
    """

    ref: OperationRef
    service: Service
    operation: Operation
    replica: int
    instance: str
    span_id: str
    parent_span_id: str | None
    begin_us: int
    now_us: int
    dies_us: int | None = None
    reply_is_wrong: bool = False
