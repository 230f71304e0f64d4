"""Splits a trace into steps from event to event, with the roles of the services between. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import pairwise, takewhile, zip_longest
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from root_cause.traces.call_tree import Row, parents_of
from root_cause.traces.event_key import END

# A place in the code as a trace comes by: the caller's event before the span, the event before
# it in its span (or ANY), and the event itself.
Context = tuple[str, str, str]
ANY = "*"
# Who waits for a call is at most so many callers away.
_MOST_CALLERS: Final = 64


class Part(StrEnum):
    """The role of a service in a stretch of time."""

    CALLER = "caller"
    CALLEE = "callee"
    ITSELF = "itself"


class Role(NamedTuple):
    """A service that may have spent a stretch of time, and with whom it spent it."""

    service_name: str
    part: Part
    partner: str


class Step(NamedTuple):
    """From one event of a trace to the next; `after` is END behind the last."""

    caller: str
    before: str
    here: str
    after: str
    gap_ms: int
    roles: tuple[Role, ...]
    event: LogEvent
    next_event: LogEvent | None

    @property
    def contexts(self) -> tuple[Context, Context]:
        """Where the step begins: without and with the event before it, to catch a cut loop."""
        return (self.caller, ANY, self.here), (self.caller, self.before, self.here)


def steps_of(rows: list[Row], *, with_roles: bool = True) -> Iterator[Step]:
    """The steps of one trace, as many as it has events; `rows` are in their order.

    Without `with_roles` nobody has one: who may have spent the time is costly to tell.
    """
    parents = parents_of(rows) if with_roles else {}
    names = {row.span: row.event.service_name for row in rows} if with_roles else {}
    last_key: dict[str, str] = {}
    callers: dict[str, str] = {}
    known_roles: dict[tuple[str, str], tuple[Role, ...]] = {}
    previous = END
    for row, next_row in zip_longest(rows, rows[1:]):
        span = row.span
        before = last_key.get(span, END)
        if span not in callers:
            callers[span] = previous
        last_key[span] = previous = row.key
        if next_row is None:
            yield Step(callers[span], before, row.key, END, 0, (), row.event, None)
            return
        way = (span, next_row.span)
        if with_roles and way not in known_roles:
            known_roles[way] = _roles(parents, names, *way)
        roles = known_roles.get(way, ())
        gap_ms = next_row.ms - row.ms
        yield Step(
            callers[span], before, row.key, next_row.key, gap_ms, roles, row.event, next_row.event
        )


def _roles(
    parents: Mapping[str, str | None], names: Mapping[str, str], one: str, other: str
) -> tuple[Role, ...]:
    """Who may spend the time between two spans' events: all on the way through the call tree."""
    if one == other:
        return (Role(names[one], Part.ITSELF, names[one]),)
    up, down = _line(parents, one), _line(parents, other)
    meeting = next((span for span in up if span in down), None)
    if meeting is None:
        return (
            Role(names[one], Part.CALLEE, END),
            Role(names[other], Part.CALLEE, END),
        )
    roles: list[Role] = []
    for line in (up, down):
        for callee, caller in pairwise([*takewhile(lambda span: span != meeting, line), meeting]):
            roles.append(Role(names[callee], Part.CALLEE, names[caller]))
            roles.append(Role(names[caller], Part.CALLER, names[callee]))
    return tuple(roles)


def _line(parents: Mapping[str, str | None], span: str) -> dict[str, None]:
    """A span, its caller and so on, `_MOST_CALLERS` at most; each once, whatever a source says."""
    line = {span: None}
    parent = parents[span]
    while parent is not None and parent not in line and len(line) < _MOST_CALLERS:
        line[parent] = None
        parent = parents[parent]
    return line
