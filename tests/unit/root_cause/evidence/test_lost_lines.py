"""Lost lines are told apart from lines that no longer come."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from root_cause.evidence.lost_lines import Losses
from root_cause.normal.learner import by_trace, learn
from root_cause.normal.neighbours import Neighbours
from root_cause.traces.event_key import event_key
from tests.unit.root_cause.small_traces import Line, traffic


def steady(_: int, dice: random.Random) -> list[Line]:
    return [
        Line(dice.randint(1, 5), service, f"step {name}")
        for service in ("web", "shop", "cart")
        for name in ("one", "two", "three", "four")
    ]


USUAL = Neighbours(learn(traffic(steady, 60), []))
KEYS = [event_key(event) for event in traffic(steady, 1)]


def lossy(share: float, seed: int) -> list[list[str]]:
    dice = random.Random(seed)
    kept = [event for event in traffic(steady, 60, first=500) if dice.random() >= share]
    return [[event_key(event) for event in found] for found in by_trace(kept)[0].values()]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 0.2), st.integers(0, 2**32))
def test_the_share_of_lost_lines_is_told(share: float, seed: int) -> None:
    # Of two lost in a row neither is counted: a little less than the truth.
    assert 0.4 * share <= Losses(lossy(share, seed), USUAL).share <= 1.5 * share


def test_what_one_service_no_longer_says_is_no_loss() -> None:
    silent = [[key for key in KEYS if key != KEYS[5]] for _ in range(40)]
    losses = Losses(silent, USUAL)
    assert losses.share == 0.0
    assert losses.explained(KEYS[5], KEYS[6], 40) == 0.0


def test_loss_explains_a_gap_only_where_all_goes_on_behind_it() -> None:
    losses = Losses(lossy(0.1, 1), USUAL)
    assert losses.explained(KEYS[5], KEYS[6], 40) > 0.05
    assert losses.explained(KEYS[5], KEYS[9], 40) == 0.0
    assert losses.explained(KEYS[5], KEYS[6], 4) > losses.explained(KEYS[5], KEYS[6], 400)
