"""Templates in Cassandra: the same ids in every instance, in any race, after any restart."""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cassandra.cluster import NoHostAvailable, OperationTimedOut, Session

from firstcause.templates.shared_miner import (
    GENERATION_SECONDS,
    SharedTemplateMiner,
    TemplatePatternStore,
)
from log_templates.miner import MASK
from log_templates.tree import PATTERNS_OF_A_LEAF

pytestmark = pytest.mark.integration

_RULES = itertools.count(1_000)


@pytest.fixture
def rules() -> int:
    """A version of the rules that no other test uses: a tree of its own."""
    return next(_RULES)


def a_word(number: int) -> str:
    return "q" + str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def messages() -> list[str]:
    places = [f"seat class={a_word(n)}, count={n} sold to user {a_word(n % 7)}" for n in range(60)]
    wide = [f"unit {a_word(n)} of the fleet lost its bearing" for n in range(60)]
    verbs = [f"VM {verb} on host {n}" for n in range(5) for verb in ("started", "paused", "gone")]
    return places + wide + verbs


def test_instances_that_race_agree_on_every_id(session: Session, rules: int) -> None:
    together = threading.Barrier(4)

    def instance(seed: int) -> dict[str, object]:
        miner, mine = SharedTemplateMiner(session, rules), messages()
        random.Random(seed).shuffle(mine)
        together.wait(60)
        return {message: miner.add(message).template_id for message in mine}

    with ThreadPoolExecutor(4) as instances:
        first, *others = instances.map(instance, range(4))
    assert all(other == first for other in others)
    # The races were about something: much was generalised.
    assert len(set(first.values())) < len(first) / 3
    late = SharedTemplateMiner(session, rules)
    assert {message: late.add(message).template_id for message in reversed(messages())} == first


def test_a_restarted_instance_knows_what_was_learned(session: Session, rules: int) -> None:
    before = SharedTemplateMiner(session, rules)
    learned = [before.add(message) for message in messages()]
    after = SharedTemplateMiner(session, rules)
    again = [after.add(message) for message in messages()]
    assert [one.template_id for one in again] == [one.template_id for one in learned]
    assert again[1].text == "seat class=<*>, count=<*> sold to user <*>"
    assert again[1].parameters == (a_word(1), "1", a_word(1))


class CountedSession:
    """A session that counts its requests, and fails some, before or after they were done."""

    def __init__(self, inner: Session) -> None:
        self._inner = inner
        self.requests = 0
        self.failing: list[str] = []

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def execute(self, *arguments: object):
        self.requests += 1
        how = self.failing.pop(0) if self.failing else "works"
        if how == "away":
            raise NoHostAvailable("away", {})
        result = self._inner.execute(*arguments)
        if how == "no answer":
            raise OperationTimedOut()
        return result


def test_a_known_message_costs_no_request(session: Session, rules: int) -> None:
    counted = CountedSession(session)
    miner = SharedTemplateMiner(counted, rules)
    for number in range(100):
        miner.add(f"Payment {number} of user {a_word(number)} failed")
    # Where the leaf's log stands; learned, then generalised by the second user: a read and a write.
    assert counted.requests == 5


@pytest.mark.parametrize("failures", [["away"], ["works", "away"], ["works", "no answer"]])
def test_what_cassandra_refused_or_did_not_answer_is_learned_by_the_next_try(
    session: Session, rules: int, failures: list[str]
) -> None:
    counted = CountedSession(session)
    miner = SharedTemplateMiner(counted, rules)
    counted.failing = list(failures)
    with pytest.raises((NoHostAvailable, OperationTimedOut)):
        miner.add("Payment 7 failed")
    template = miner.add("Payment 7 failed")
    assert template.text == "Payment <*> failed"
    assert SharedTemplateMiner(session, rules).add("Payment 8 failed").template_id == (
        template.template_id
    )
    stored = TemplatePatternStore(session, rules)
    assert sum(len(stored.after(leaf, 0)) for leaf in range(256)) == 1


def test_a_full_leaf_stays_full_and_known_messages_keep_their_ids(
    session: Session, rules: int
) -> None:
    miner = SharedTemplateMiner(session, rules)
    mine = [
        f"same {a_word(n)} {a_word(7 * n + 1)} {a_word(13 * n + 2)} x"
        for n in range(PATTERNS_OF_A_LEAF + 30)
    ]
    ids = [miner.add(message).template_id for message in mine]
    assert miner.add(mine[-1]).text == MASK
    again = SharedTemplateMiner(session, rules)
    assert [again.add(message).template_id for message in reversed(mine)] == ids[::-1]


def test_a_full_leaf_ages_what_is_met_keeps_its_id_and_what_is_new_finds_a_place(
    session: Session, rules: int
) -> None:
    now = [time.time()]

    unplaced: list[None] = []

    def instance() -> SharedTemplateMiner:
        return SharedTemplateMiner(
            session,
            rules,
            clock_seconds=lambda: now[0],
            unplaced=lambda: unplaced.append(None),
        )

    def words(number: int) -> str:
        return f"same {a_word(number)} {a_word(7 * number + 1)} {a_word(13 * number + 2)} x"

    miner = instance()
    ids = [miner.add(words(number)).template_id for number in range(PATTERNS_OF_A_LEAF)]
    assert unplaced == []
    assert miner.add(words(500)).text == MASK
    assert len(unplaced) == 1
    # The same day nothing turns over, however much comes.
    now[0] += 3_600
    assert miner.add(words(500)).text == MASK
    now[0] += GENERATION_SECONDS
    new = miner.add(words(500))
    assert new.text != MASK
    # Another instance, and one that starts now, agree; what is met keeps its id.
    other = instance()
    assert other.add(words(500)).template_id == new.template_id
    assert [other.add(words(number)).template_id for number in range(20)] == ids[:20]
    for number in range(600, 600 + PATTERNS_OF_A_LEAF - 21):
        other.add(words(number))
    now[0] += GENERATION_SECONDS + 60
    assert other.add(words(900)).text != MASK
    late = instance()
    assert [late.add(words(number)).template_id for number in range(20)] == ids[:20]
    assert late.add(words(500)).template_id == new.template_id
    # A day or two old and never met again: forgotten, and learned anew when it comes back.
    assert len(late.patterns()) <= 2 * PATTERNS_OF_A_LEAF
