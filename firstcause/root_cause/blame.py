"""Whom a change of turns speaks of: who called, who was called, or a service by itself. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from firstcause.root_cause.event_key import END, is_error_key, kind_of, service_of
from firstcause.root_cause.steps import Part, Role

# One open question each way, as in a rule of succession: nothing seen is an even chance.
_DOUBT: Final = 0.5
# An error that names another service is mostly right; one that names nobody mostly means itself.
_NAMED: Final = 3.0
_NAMES_NOBODY: Final = 3.0

# A service in its part, and how much more likely the finding alone makes it than another.
Accused = tuple[Role, float]
# By service and part: with each partner, how strongly calls between the two are changed.
Levels = Mapping[tuple[str, Part], Mapping[str, float]]


class Turn(NamedTuple):
    """What came instead of what, and how.

    Attributes:
        expects_entry: the expected event is mostly the first of a span: a call leads to it.
        still_came: what was expected came all the same, but later in its span.
        in_time: when something else came, the usual time was not over yet.
        opens: what came instead is the first of a new span.
    """

    here: str
    expected: str
    instead: str
    expects_entry: bool
    still_came: bool
    in_time: bool
    opens: bool


def accused_of(turn: Turn, services: Collection[str]) -> tuple[Accused, ...]:
    """Whom a change of turns speaks of."""
    service, waited, came = (service_of(key) for key in (turn.here, turn.expected, turn.instead))
    failed = turn.instead != END and is_error_key(turn.instead)
    named = _named_in(turn.instead, services) if failed else None
    if named is not None:
        return _call(came, named, callee_factor=_NAMED)
    if turn.expected == END:
        return _call(came, service)
    if waited == service:
        if came == service or turn.instead == END or not turn.still_came:
            return _itself(service)
        # It went on, but others did not wait: too short a patience, or it was too slow.
        return _itself(came) if turn.in_time else _call(came, service, callee_factor=_NAMED)
    if turn.expects_entry:
        if failed:
            return _call(came, waited, caller_factor=_NAMES_NOBODY)
        return _call(service, waited)
    if turn.instead == END:
        return _call(waited, service)
    # It should have gone on in its caller: what came instead did so in its turn.
    if came == service:
        return _call(waited, service) if turn.opens else _itself(service)
    return _call(came, service, caller_factor=2.0)


def likely(accused: Iterable[Accused], levels: Levels) -> dict[str, float]:
    """How likely each accused is: as far as its calls with other partners are changed too."""
    found: dict[str, float] = {}
    for role, factor in accused:
        share = factor * spread(role, levels)
        found[role.service_name] = max(found.get(role.service_name, 0.0), share)
    return found


def spread(role: Role, levels: Levels) -> float:
    """How far a service is changed with its other partners in the same part; 1 for itself."""
    if role.part == Part.ITSELF:
        return 1.0
    partners = levels.get((role.service_name, role.part), {})
    others = [level for partner, level in partners.items() if partner != role.partner]
    return (math.fsum(others) + _DOUBT) / (len(others) + 2 * _DOUBT)


def levels_of(found: Iterable[tuple[float, Iterable[Role]]]) -> Levels:
    """The levels by the weights of what was found, and by those of calls that are as ever."""
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
    caller: str, callee: str, *, caller_factor: float = 1.0, callee_factor: float = 1.0
) -> tuple[Accused, ...]:
    if caller == callee:
        return _itself(caller)
    one, other = call_roles(caller, callee)
    return (one, caller_factor), (other, callee_factor)


def _itself(service: str) -> tuple[Accused, ...]:
    return ((Role(service, Part.ITSELF, service), 1.0),)


def _named_in(error: str, services: Collection[str]) -> str | None:
    """The one other service that an error's text names; None for none and for several."""
    own = service_of(error)
    text = kind_of(error)
    found = [name for name in services if name != own and name in text and _is_word(name, text)]
    return found[0] if len(found) == 1 else None


def _is_word(name: str, text: str) -> bool:
    begin = text.find(name)
    around = text[max(0, begin - 1) : begin] + text[begin + len(name) : begin + len(name) + 1]
    return not any(sign.isalnum() or sign in "-_" for sign in around)
