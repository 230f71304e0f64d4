"""The data classes of a causal path: hops, and the lines or spans that show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NOTHING_SHOWS: Final = "nothing shows this hop"


@dataclass(frozen=True, slots=True)
class Sight:
    """A line or a span that shows a hop's end; exactly one of both ids is set.

    Attributes:
        at_ms: event time; of a span its end.
    """

    service_name: str
    at_ms: int
    log_id: str = ""
    span_id: str = ""

    @property
    def id(self) -> str:
        """The id of the line, or of the span."""
        return self.log_id or self.span_id


@dataclass(frozen=True, slots=True)
class Hop:
    """The fault comes from one service to the next.

    Attributes:
        origin, to: services; `to` waits for `origin`, or uses what it says.
        before, after: what shows it, in the order of time, from one request where requests can be
            followed; None where nothing does.
        failed, calls: since the fault began, so many of so many requests in which `to` reached
            `origin` went wrong in `to`.
        failed_otherwise, calls_otherwise: the same of the requests to compare with: those of `to`
            that did not reach `origin`, or came before.
        is_reached: False where `origin` left nothing in these requests; then all requests of `to`
            since the fault began are compared with those before.
    """

    origin: str
    to: str
    before: Sight | None = None
    after: Sight | None = None
    failed: int = 0
    calls: int = 0
    failed_otherwise: int = 0
    calls_otherwise: int = 0
    is_reached: bool = True

    @property
    def is_shown(self) -> bool:
        """True when a line or a span of both ends shows it."""
        return self.before is not None and self.after is not None


@dataclass(frozen=True, slots=True)
class CausalPath:
    """The services from the culprit to the symptom, and the hops between them.

    Attributes:
        services: the culprit first; it alone where nobody else complains.
        requests: how many requests went this way, of `of_requests` that went wrong with the
            culprit in them; 0 where requests cannot be followed.
    """

    services: tuple[str, ...]
    hops: tuple[Hop, ...]
    requests: int = 0
    of_requests: int = 0

    @property
    def culprit(self) -> str:
        """Where it begins."""
        return self.services[0]

    @property
    def symptom(self) -> str:
        """Where it ends: the last service that complains."""
        return self.services[-1]


def hop_sentence(hop: Hop) -> str:
    """A hop for people, with its figures and ids; names and ids are in it unescaped."""
    head = f"{hop.origin} -> {hop.to}"
    if hop.before is None or hop.after is None:
        return f"{head}: {NOTHING_SHOWS}."
    late_ms = hop.after.at_ms - hop.before.at_ms
    shown = f"{_sight(hop.before)}, {_time(late_ms)} before {_sight(hop.after)}"
    if not hop.calls:
        return f"{head}: {shown}."
    which = f"that reach {hop.origin}" if hop.is_reached else "since then"
    figures = f"{hop.to} goes wrong in {hop.failed:,} of {hop.calls:,} requests {which}"
    if hop.calls_otherwise:
        others = "others" if hop.is_reached else "before"
        figures += f", in {hop.failed_otherwise:,} of {hop.calls_otherwise:,} {others}"
    return f"{head}: {figures} ({shown})."


def _sight(sight: Sight) -> str:
    return f"log {sight.log_id}" if sight.log_id else f"span {sight.span_id}"


def _time(ms: int) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms} ms"  # noqa: PLR2004
