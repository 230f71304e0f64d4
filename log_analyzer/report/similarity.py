"""How alike two incidents are by what they show: templates, services, path, error codes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from firstcause.incidents.view import IncidentView

# More than half of what either shows, by weight, is shown by both.
LEAST_SIMILARITY: Final = 0.5
SHOWN: Final = 3
TEXT_CHARS: Final = 160

# What is said tells more than who says it: services take part in many kinds of incidents.
_WEIGHTS: Final = {"templates": 3.0, "codes": 2.0, "path": 2.0, "services": 1.0}


@dataclass(frozen=True, slots=True)
class Traits:
    """What an incident shows.

    Attributes:
        templates: service and text of its groups.
        services: those that fail in it.
        path: the steps from the culprit to the last service that complains.
        codes: the error codes of its evidence.
    """

    templates: frozenset[tuple[str, str]]
    services: frozenset[str]
    path: frozenset[tuple[str, str]]
    codes: frozenset[str]


def traits_of(view: IncidentView) -> Traits:
    """The traits of an incident."""
    ranking = view.context.ranking if view.context else None
    return Traits(
        templates=frozenset((one.service_name, one.template) for one in view.groups),
        services=frozenset(view.services),
        path=frozenset(pairwise(ranking.path)) if ranking else frozenset(),
        codes=frozenset(one.error_code for one in view.evidence if one.error_code),
    )


def similarity(one: Traits, other: Traits) -> float:
    """The weighted share of what either shows that both show, 0 to 1.

    A kind of trait that one of them has none of says nothing: a path may not be known yet.
    """
    total = found = 0.0
    for name, weight in _WEIGHTS.items():
        mine, others = getattr(one, name), getattr(other, name)
        if mine and others:
            total += weight
            found += weight * len(mine & others) / len(mine | others)
    return found / total if total else 0.0


def shared(one: Traits, other: Traits) -> tuple[str, ...]:
    """What both show, a line a kind of trait."""
    errors, steps = one.templates & other.templates, one.path & other.path
    lines = (
        ("errors", sorted(f"{service}: {text}" for service, text in errors)),
        ("codes", sorted(one.codes & other.codes)),
        ("path", sorted(f"{first} → {second}" for first, second in steps)),
        ("services", sorted(one.services & other.services)),
    )
    return tuple(f"same {name}: {_some(texts)}" for name, texts in lines if texts)


def _some(texts: list[str]) -> str:
    told = "; ".join(text[:TEXT_CHARS] for text in texts[:SHOWN])
    more = len(texts) - SHOWN
    return f"{told} and {more} more" if more > 0 else told
