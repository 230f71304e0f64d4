"""Counts the mix of requests of a time, and decides whether two mixes differ. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import untraced_context

Mix = Mapping[str, int]

# A fifth of the requests are others than elsewhere.
DIFFERS_FROM: Final = 0.2
LEAST_REQUESTS: Final = 300
# The commonest kinds of requests tell enough, and bound what is stored.
KINDS_KEPT: Final = 1_000


def mix_of(normal: Normal) -> Counter[str]:
    """How many traces ended with each event; an event without a trace counts as one of its own."""
    mix: Counter[str] = Counter()
    for name, part in normal.services.items():
        mix.update(part.ends)
        mix.update(part.successors.get(untraced_context(name), {}))
    # Equal counts go by the key, so that equal normals have equal mixes.
    return Counter(dict(sorted(mix.items(), key=lambda one: (-one[1], one[0]))[:KINDS_KEPT]))


def distance(one: Mix, other: Mix) -> float:
    """By which share two mixes differ, 0 to 1, beyond what chance makes of two samples of one.

    Total variation distance, less its expectation under equality (normal approximation of the
    mean absolute difference of two proportions).
    """
    ones, others = sum(one.values()), sum(other.values())
    if not ones or not others:
        return 0.0
    apart = chance = 0.0
    for kind in one.keys() | other.keys():
        apart += abs(one.get(kind, 0) / ones - other.get(kind, 0) / others)
        pooled = (one.get(kind, 0) + other.get(kind, 0)) / (ones + others)
        chance += math.sqrt(2 / math.pi * pooled * (1 - pooled) * (1 / ones + 1 / others))
    return max(0.0, (apart - chance) / 2)


def differs(one: Mix, other: Mix) -> bool:
    """True when both have enough requests, and a fifth of them are others."""
    enough = min(sum(one.values()), sum(other.values())) >= LEAST_REQUESTS
    return enough and distance(one, other) >= DIFFERS_FROM
