"""Finds the ties of episodes that complain of the same service or resource. Pure.

Episodes that name the same are tied if they began within `NAMED_ONSET_MS` of each other, and so are
one that names a service and one of that service. Not if the one has traces and the other complains
of yet another service: then traces would tie them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Final
from uuid import UUID

from log_analyzer.incidents.grouping.blame import Blame
from log_analyzer.incidents.grouping.trace_votes import Failing, TraceVotes, in_order

NAMED_ONSET_MS: Final = 120_000


class _Part(Enum):
    """What an episode has to do with a name."""

    NAMES = auto()
    NAMES_TRACED = auto()
    OWN = auto()
    OF_ANOTHER = auto()


_NAMING = (_Part.NAMES, _Part.NAMES_TRACED)
# Where traces show who names a service, what that one only passes on is no reason of it.
_TIED: Final = {
    _Part.NAMES: (*_NAMING, _Part.OWN, _Part.OF_ANOTHER),
    _Part.NAMES_TRACED: (*_NAMING, _Part.OWN),
    _Part.OWN: _NAMING,
    _Part.OF_ANOTHER: (_Part.NAMES,),
}

_ByName = dict[str, list[Failing]]


class NameTies:
    """The ties by name between some episodes.

    Args:
        by_service: the episodes of each service.
    """

    def __init__(
        self,
        by_service: Mapping[str, Sequence[Failing]],
        votes: TraceVotes,
        blame: Blame,
    ) -> None:
        self._by_service = by_service
        self._votes = votes
        self._blame = blame

    def ties(self, roots: Sequence[Failing]) -> Iterator[tuple[UUID, UUID]]:
        """Pairs of episodes, of those that no other explains, in the order of their beginning."""
        naming, unsure = self._complaints(roots)
        own = {id(one) for one in roots}
        for name, episodes in naming.items():
            marked = [(one, self._naming(one)) for one in (*episodes, *unsure[name])]
            marked += [
                (one, _Part.OF_ANOTHER if self._blame.is_of_another(one) else _Part.OWN)
                for one in self._by_service.get(name, ())
                if id(one) in own and self._may_fail(one)
            ]
            marked.sort(key=lambda item: in_order(item[0]))
            last: dict[_Part, Failing] = {}
            for one, part in marked:
                for others_part in _TIED[part]:
                    other = last.get(others_part)
                    if other is not None and one.opened_ms - other.opened_ms <= NAMED_ONSET_MS:
                        yield other.episode_id, one.episode_id
                last[part] = one

    def _naming(self, one: Failing) -> _Part:
        traced = one.episode_id in self._votes.origins
        return _Part.NAMES_TRACED if traced else _Part.NAMES

    def _complaints(self, roots: Iterable[Failing]) -> tuple[_ByName, _ByName]:
        """By name, the episodes that complain of it; and those of which one trace alone does.

        An episode with one trace that blames another service than its words do would tie strangers
        by both. The trace counts: it shows what failed first.
        """
        naming: _ByName = defaultdict(list)
        unsure: _ByName = defaultdict(list)
        for one in roots:
            for name in self._blame.resources_of(one):
                naming[name].append(one)
            odd = self._blame.odd_complaint(one)
            words = tuple(self._blame.complained_of(one))
            if odd is not None and odd not in words:
                unsure[odd].append(one)
                continue
            for name in words:
                naming[name].append(one)
        return naming, unsure

    def _may_fail(self, one: Failing) -> bool:
        """True unless traces show that nobody else minds its errors."""
        has_traces = one.episode_id in self._votes.origins
        return one.episode_id in self._votes.spread or not has_traces
