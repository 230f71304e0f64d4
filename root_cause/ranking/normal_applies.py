"""Decides whether a normal describes the system that the events come from. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Final

from root_cause.normal.learned_counts import Normal
from root_cause.traces.steps import Step

# Windows of recorded faults have up to a third; of clocks that moved, more than nine tenths.
_TOO_STRANGE: Final = 0.5


def normal_applies(steps: Iterable[Step], normal: Normal) -> bool:
    """False if in most services most transitions are new.

    One culprit does not cause that: clocks have moved, or another release runs, or the normal is
    of another system. Services that normal does not know are left out.
    """
    turns: Counter[str] = Counter()
    new: Counter[str] = Counter()
    for step in steps:
        name = step.event.service_name
        part = normal.services.get(name)
        if part is not None and part.events:
            turns[name] += 1
            # The wider of the two contexts: the exact one is new too often.
            new[name] += step.after not in part.successors.get(step.contexts[0], {})
    if not turns:
        return True
    return statistics.median(new[name] / turns[name] for name in turns) < _TOO_STRANGE
