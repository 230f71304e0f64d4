"""Attributes a broken transition to caller, callee or the service itself. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from root_cause.traces.event_key import END, is_error_key, service_of
from root_cause.traces.steps import Part, Role

# One open question each way, as in a rule of succession: nothing seen is an even chance.
_DOUBT: Final = 0.5
# What a line says, or shows by being there, is three times as likely as the contrary.
_TOLD: Final = 3.0

# A service in its part, and how much more likely the finding alone makes it than another.
Accused = tuple[Role, float]
# By service and part: with each partner, how strongly calls between the two are changed.
Levels = Mapping[tuple[str, Part], Mapping[str, float]]


class Turn(NamedTuple):
    """A broken transition: which event came instead of the expected one, and how.

    Attributes:
        caller: the service that called the span; empty if none is known.
        expects_entry: the expected event is mostly the first of a span: a call leads to it.
        still_came: the expected event came too, but later in its span.
        in_time: the other event came before the usual time was over.
        opens: the other event is the first of a new span.
        own: the other event belongs to the same span as the event before.
    """

    caller: str
    here: str
    expected: str
    instead: str
    expects_entry: bool
    still_came: bool
    in_time: bool
    opens: bool
    own: bool


def accused_of(turn: Turn, named: str | None = None) -> tuple[Accused, ...]:
    """Attributes a broken transition to services; `named` is the service that an error names."""
    service, waited, came = _services(turn)
    if named is not None and _failed(turn):
        return _call(came, named, callee=_TOLD)
    if END in (turn.expected, turn.instead):
        return _of_an_end(turn)
    if came == service and not turn.own and turn.caller not in ("", service):
        # It was called more than once, before the first call was through.
        return _call(turn.caller, service)
    if waited == service:
        return _of_own_line(turn)
    return _unanswered(turn) if turn.expects_entry else _of_return(turn)


def _of_an_end(turn: Turn) -> tuple[Accused, ...]:
    """The request ended early, or continued after its usual end."""
    service, waited, came = _services(turn)
    if turn.expected == END:
        return _call(came, service)
    return _call(service, waited)


def _of_own_line(turn: Turn) -> tuple[Accused, ...]:
    """A service did not go on as usual."""
    service, _, came = _services(turn)
    if came == service or not turn.still_came:
        return _itself(service)
    # It went on, but others did not wait: too short a patience, or it was too slow.
    return _itself(came) if turn.in_time else _call(came, service, callee=_TOLD)


def _unanswered(turn: Turn) -> tuple[Accused, ...]:
    """A call was not answered, or never made."""
    service, waited, came = _services(turn)
    if came == service:
        # Who fails without a name mostly means itself; who goes on did make the call.
        if _failed(turn):
            return _call(service, waited, caller=_TOLD)
        return _call(service, waited, callee=_TOLD)
    if turn.opens and _failed(turn):
        # Its own first word is an error.
        return _call(came, waited, caller=_TOLD)
    if turn.opens:
        # The service that logged was called, so it is not at fault: the expected one fell silent.
        return _call(service, waited, callee=_TOLD)
    # One that waited goes on before the service has finished, or even begun to call.
    return (*_call(came, service, callee=_TOLD), *_call(service, waited))


def _of_return(turn: Turn) -> tuple[Accused, ...]:
    """A caller did not go on as usual with what it got."""
    service, _, came = _services(turn)
    if came == service:
        return _itself(service)
    # One stumbles over an answer: its own mistake, unless others stumble there as well.
    return (*_itself(came), (Role(service, Part.CALLEE, came), 1.0))


def _services(turn: Turn) -> tuple[str, str, str]:
    """The services of the event before, of the expected event, and of the event that came."""
    return service_of(turn.here), service_of(turn.expected), service_of(turn.instead)


def _failed(turn: Turn) -> bool:
    return turn.instead != END and is_error_key(turn.instead)


def likely(accused: Iterable[Accused], levels: Levels) -> dict[str, float]:
    """How likely each accused service is, by how much its calls with other partners changed."""
    found: dict[str, float] = {}
    for role, factor in accused:
        share = factor * spread(role, levels)
        found[role.service_name] = max(found.get(role.service_name, 0.0), share)
    return found


def spread(role: Role, levels: Levels) -> float:
    """How much a service's calls with its other partners changed; 1 for its own work."""
    if role.part == Part.ITSELF:
        return 1.0
    partners = levels.get((role.service_name, role.part), {})
    others = [level for partner, level in partners.items() if partner != role.partner]
    return (math.fsum(others) + _DOUBT) / (len(others) + 2 * _DOUBT)


def levels_of(found: Iterable[tuple[float, Iterable[Role]]]) -> Levels:
    """The levels of change, from the weights of findings; unchanged calls have weight 0."""
    levels: dict[tuple[str, Part], dict[str, float]] = defaultdict(dict)
    for weight, roles in found:
        for role in roles:
            partners = levels[role.service_name, role.part]
            partners[role.partner] = max(partners.get(role.partner, 0.0), min(1.0, weight))
    return levels


def call_roles(caller: str, callee: str) -> tuple[Role, Role]:
    """The two parts in a call."""
    return Role(caller, Part.CALLER, callee), Role(callee, Part.CALLEE, caller)


def _call(
    calling: str, called: str, *, caller: float = 1.0, callee: float = 1.0
) -> tuple[Accused, ...]:
    if calling == called:
        return _itself(calling)
    one, other = call_roles(calling, called)
    return (one, caller), (other, callee)


def _itself(service: str) -> tuple[Accused, ...]:
    return ((Role(service, Part.ITSELF, service), 1.0),)
