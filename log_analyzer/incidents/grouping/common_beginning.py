"""Finds which episodes of one service are tied by beginning together. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from log_analyzer.incidents.grouping.blame import Blame
from log_analyzer.incidents.grouping.trace_votes import Failing

NEAR_ONSET_MS: Final = 60_000
AT_ONCE_MS: Final = 5_000


def begun_together(
    episodes: Sequence[Failing], window_ms: int, blame: Blame
) -> Iterator[tuple[UUID, UUID]]:
    """Neighbours in time within a window, unless their traces blame different services.

    The episodes are given in the order of their beginning. Which tie counts must not depend on the
    order in which they become known. So what blames nobody ties what began just before and after.
    A service's own fault and one of a service that it calls are tied only if they begin at once.
    """
    by_peer: dict[str, list[Failing]] = defaultdict(list)
    for one in episodes:
        peer = blame.peer_of(one)
        if peer is not None:
            by_peer[peer].append(one)
    for one, other in itertools.pairwise(episodes):
        gap_ms = other.opened_ms - one.opened_ms
        if gap_ms > AT_ONCE_MS and blame.are_of_two_kinds(one, other):
            continue
        if gap_ms <= window_ms and not blame.is_apart(blame.peer_of(one), blame.peer_of(other)):
            yield one.episode_id, other.episode_id
    # One of another kind between two does not part them.
    own_faults = [one for one in episodes if blame.is_own_fault(one)]
    for alike in (own_faults, *by_peer.values()):
        yield from chained(alike, window_ms)


def chained(episodes: Sequence[Failing], window_ms: int) -> Iterator[tuple[UUID, UUID]]:
    """Neighbours in time that began within a window of each other."""
    for one, other in itertools.pairwise(episodes):
        if other.opened_ms - one.opened_ms <= window_ms:
            yield one.episode_id, other.episode_id
