"""Finds the ties of episodes that say the same or nearly the same. Pure.

- Several services that say the same within `TOGETHER_MS` have one cause.
- A service that says of itself what differs in one word has one cause.
- A service that says the same of `LEAST_PEERS` others has one cause: what they have in common is
  the service that calls them. Of two others it may be two faults.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

from log_analyzer.incidents.grouping.blame import Blame
from log_analyzer.incidents.grouping.common_beginning import NEAR_ONSET_MS, chained
from log_analyzer.incidents.grouping.trace_votes import Failing
from log_analyzer.incidents.grouping.wording import but_one_word, without_names, word_count

TOGETHER_MS: Final = 30_000
# Words that are no variable: fewer say nothing by being the same.
LEAST_WORDS: Final = 3
LEAST_PEERS: Final = 3


def ties_of_words(roots: Sequence[Failing], blame: Blame) -> Iterator[tuple[UUID, UUID]]:
    """Pairs of episodes that say the same, of those that no other explains, in their order."""
    yield from _of_several_services(roots)
    yield from _of_itself(roots, blame)
    yield from _of_peers(roots)


def _of_several_services(roots: Iterable[Failing]) -> Iterator[tuple[UUID, UUID]]:
    saying: dict[str, list[Failing]] = defaultdict(list)
    for one in roots:
        saying[one.template].append(one)
    for template, episodes in saying.items():
        if word_count(template) >= LEAST_WORDS:
            yield from chained(episodes, TOGETHER_MS)


def _of_itself(roots: Iterable[Failing], blame: Blame) -> Iterator[tuple[UUID, UUID]]:
    alike: dict[tuple[str, tuple[int, int, int]], list[Failing]] = defaultdict(list)
    for one in roots:
        if blame.is_on_itself(one) and word_count(one.template) > 1:
            for key in but_one_word(one.template):
                alike[one.service_name, key].append(one)
    for episodes in alike.values():
        yield from chained(episodes, NEAR_ONSET_MS)


def _of_peers(roots: Iterable[Failing]) -> Iterator[tuple[UUID, UUID]]:
    alike: dict[tuple[str, str], list[Failing]] = defaultdict(list)
    for one in roots:
        sentence = without_names(one.template, frozenset(one.names))
        if sentence != one.template and word_count(sentence) > 1:
            alike[one.service_name, sentence].append(one)
    for episodes in alike.values():
        for near in _near(episodes):
            if len({one.template for one in near}) >= LEAST_PEERS:
                yield from chained(near, NEAR_ONSET_MS)


def _near(episodes: Sequence[Failing]) -> Iterator[list[Failing]]:
    """Runs of episodes of which each began within `NEAR_ONSET_MS` of the one before."""
    run: list[Failing] = []
    for one in episodes:
        if run and one.opened_ms - run[-1].opened_ms > NEAR_ONSET_MS:
            yield run
            run = []
        run.append(one)
    yield run
