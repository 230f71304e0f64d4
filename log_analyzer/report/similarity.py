"""How alike two incidents are by what they show: templates, services, path, error codes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from firstcause.incidents.view import IncidentView

# More than half of what either shows, by weight, is shown by both.
LEAST_SIMILARITY: Final = 0.5
SHOWN: Final = 3

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


def traits(
    groups: Iterable[tuple[str, str]],
    services: Iterable[str],
    path: Sequence[str],
    codes: Iterable[str | None],
) -> Traits:
    """The traits of an incident.

    Args:
        groups: service and template of its errors.
        services: those that fail in it.
        path: services from its culprit to the last that complains; empty if not known.
        codes: of its evidence, None where an error has none.
    """
    return Traits(
        templates=frozenset(groups),
        services=frozenset(services),
        path=frozenset(pairwise(path)),
        codes=frozenset(one for one in codes if one),
    )


def traits_of(view: IncidentView) -> Traits:
    """The traits of an incident that was read whole."""
    ranking = view.context.ranking if view.context else None
    return traits(
        [(one.service_name, one.template) for one in view.groups],
        view.services,
        ranking.path if ranking else (),
        [one.error_code for one in view.evidence],
    )


def nearness(first_error: tuple[str, str], mine: Traits) -> int:
    """How near another incident may be by its first error's service and template, 0 to 2."""
    service_name, template = first_error
    return (template in {text for _, text in mine.templates}) + (service_name in mine.services)


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
    """What both show, a line a kind of trait; text from logs is not cut, nor redacted."""
    errors, steps = one.templates & other.templates, one.path & other.path
    lines = (
        ("errors", sorted(f"{service}: {text}" for service, text in errors)),
        ("codes", sorted(one.codes & other.codes)),
        ("path", sorted(f"{first} → {second}" for first, second in steps)),
        ("services", sorted(one.services & other.services)),
    )
    return tuple(f"same {name}: {_some(texts)}" for name, texts in lines if texts)


def _some(texts: list[str]) -> str:
    told = "; ".join(texts[:SHOWN])
    more = len(texts) - SHOWN
    return f"{told} and {more} more" if more > 0 else told
