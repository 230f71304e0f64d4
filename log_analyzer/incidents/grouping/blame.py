"""Finds the services and resources that the errors and traces of an episode blame. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from log_analyzer.incidents.grouping.trace_votes import Failing, Surroundings, TraceVotes

# One trace may be odd: so many complain of a service where no error names it.
LEAST_BLAMES: Final = 2
# The least share of an episode's traces that complain of its own service, for that to be a sign.
OWN_BLAME_SHARE: Final = 0.2


class Blame:
    """Whom some episodes blame."""

    def __init__(
        self, by_id: Mapping[UUID, Failing], votes: TraceVotes, around: Surroundings
    ) -> None:
        self._by_id = by_id
        self._votes = votes
        self._around = around

    def complained_of(self, one: Failing) -> Iterator[tuple[str, bool]]:
        """The resources and services that its errors name, or the service that its traces blame.

        With each, whether this is sure: a single trace is not, where no error names the service.
        """
        name, count, total = self._blamed(one)
        is_told = name != one.service_name and 2 * count >= total
        if is_told and count:
            yield name, count >= LEAST_BLAMES
        yield from ((name, True) for name in one.names if name not in self._around.services)
        # Where traces complain of another service, that goes before words.
        if not is_told or count < LEAST_BLAMES:
            yield from ((name, True) for name in self._around.named_by(one))

    def _blamed(self, one: Failing) -> tuple[str, int, int]:
        """The service that most of its traces blame, how many of them do, and of how many.

        A trace blames a service that it complains of, or from whose errors it surfaces.
        """
        key = one.episode_id
        blamed = Counter(self._votes.complaints.get(key, Counter()))
        if not blamed:
            # Its traces were not read: what few of them share with others says nothing of the rest.
            return one.service_name, 0, 0
        for other, count in self._votes.origins[key].items():
            if other != key:
                blamed[self._by_id[other].service_name] += count
        name = max(blamed, key=lambda each: (blamed[each], each != one.service_name, each))
        return name, blamed[name], blamed.total()

    def is_on_itself(self, one: Failing) -> bool:
        """True when a fair share of an episode's traces complain of its own service.

        Also when one trace alone was read, which may be odd.
        """
        blamed = self._votes.complaints.get(one.episode_id, Counter())
        own = blamed[one.service_name]
        is_odd = blamed.total() == 1
        return is_odd or own >= max(LEAST_BLAMES, OWN_BLAME_SHARE * blamed.total())
