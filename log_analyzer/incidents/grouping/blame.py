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

    def resources_of(self, one: Failing) -> Iterator[str]:
        """What its errors name and no service is: hosts, databases, queues."""
        return (each for each in one.names if each not in self._around.services)

    def complained_of(self, one: Failing) -> Iterator[str]:
        """The service that its traces blame; where none or one does, those that its errors name."""
        peer = self.peer_of(one)
        if peer is not None:
            # Where traces complain of another service, that goes before words.
            yield peer
        else:
            yield from self._around.named_by(one)

    def odd_complaint(self, one: Failing) -> str | None:
        """The other service that a single trace blames, where no more were read; None without."""
        name, count, total = self._blamed(one)
        is_odd = name != one.service_name and 2 * count >= total and 0 < count < LEAST_BLAMES
        return name if is_odd else None

    def peer_of(self, one: Failing) -> str | None:
        """The other service that most of its traces blame; None if they blame none, or too few."""
        name, count, total = self._blamed(one)
        if name == one.service_name or count < LEAST_BLAMES or 2 * count < total:
            return None
        return name

    def is_own_fault(self, one: Failing) -> bool:
        """True when most of its traces, and not too few of them, blame its own service."""
        name, count, total = self._blamed(one)
        return name == one.service_name and count >= LEAST_BLAMES and 2 * count >= total

    def is_of_another(self, one: Failing) -> bool:
        """True when its traces blame another service; if they blame nobody, when its errors do."""
        if self.peer_of(one) is not None:
            return True
        return not self.is_own_fault(one) and bool(self._around.named_by(one))

    def are_of_two_kinds(self, one: Failing, other: Failing) -> bool:
        """True for a service's own fault, and one where it complains of another service."""
        return any(
            self.is_own_fault(own) and self.is_of_another(peers)
            for own, peers in ((one, other), (other, one))
        )

    def is_apart(self, peer: str | None, other: str | None) -> bool:
        """True for two services of which neither calls the other, directly or through others."""
        if peer is None or other is None or peer == other:
            return False
        return other not in self._around.reach(peer) and peer not in self._around.reach(other)

    def _blamed(self, one: Failing) -> tuple[str, int, int]:
        """The service that most of its traces blame, how many of them do, and of how many.

        A trace blames a service that it complains of, or from whose errors it surfaces.
        """
        key = one.episode_id
        blamed = self._complaints_of(one)
        if not blamed:
            # Its traces were not read: what few of them share with others says nothing of the rest.
            return one.service_name, 0, 0
        for other, count in self._votes.origins[key].items():
            if other != key:
                blamed[self._by_id[other].service_name] += count
        name = max(blamed, key=lambda each: (blamed[each], each != one.service_name, each))
        return name, blamed[name], blamed.total()

    def _complaints_of(self, one: Failing) -> Counter[str]:
        """The services that its traces complain of, with how many do."""
        found: Counter[str] = Counter()
        for name, count in self._votes.complaints.get(one.episode_id, Counter()).items():
            # A caller logs before it calls: that is no sign that it failed first.
            is_above = self._around.is_above(name, one.service_name)
            found[one.service_name if is_above else name] += count
        return found

    def is_on_itself(self, one: Failing) -> bool:
        """True when a fair share of an episode's traces complain of its own service.

        Also when one trace alone was read, which may be odd.
        """
        blamed = self._complaints_of(one)
        own = blamed[one.service_name]
        is_odd = blamed.total() == 1
        return is_odd or own >= max(LEAST_BLAMES, OWN_BLAME_SHARE * blamed.total())
