"""Pairs of fault-free stretches, and simulations in which nothing is wrong."""

from __future__ import annotations

import random

import pytest
from typer.testing import CliRunner

from generators.cases.null_traffic import NULL_ROWS, NullRow, null_pairs
from root_cause.evaluation.log_damage import Recording
from root_cause.evaluation.noise import WINDOW_MS, fault_free_pairs, ranked
from tests.unit.cli.test_evaluate import evaluate_app
from tests.unit.root_cause.small_traces import Line, traffic


def usual(_: int, dice: random.Random) -> list[Line]:
    return [Line(0, "web", "request"), Line(dice.randint(1, 5), "shop", "order")]


RECORDINGS: list[Recording] = [(traffic(usual, 400), []), (traffic(usual, 400, first=1_000), [])]
STRANGER: Recording = (traffic(lambda *_: [Line(0, "other", "hello")], 400, first=2_000), [])


def test_a_window_and_its_normal_share_no_trace() -> None:
    pairs = list(fault_free_pairs([*RECORDINGS, STRANGER], 12, seed=1))
    assert len(pairs) == 12
    for pair in pairs:
        (normal, _), (window, _) = pair.normal, pair.window
        assert {one.trace_id for one in normal}.isdisjoint(one.trace_id for one in window)
        assert {one.service_name for one in normal} == {one.service_name for one in window}
        times = [one.timestamp_ms for one in window]
        assert max(times) - min(times) <= WINDOW_MS + 10
        assert len(normal) >= len(window)


def test_pairs_are_seeded() -> None:
    first, again, other = (list(fault_free_pairs(RECORDINGS, 4, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert not list(fault_free_pairs([], 4, 1))


@pytest.mark.parametrize("row", NULL_ROWS, ids=lambda row: row.name)
def test_simulations_are_seeded_and_whole(row: NullRow) -> None:
    first, again = (next(iter(null_pairs(row, 1, 1))) for _ in range(2))
    assert first == again
    events = first.normal[0] + first.window[0]
    assert len({one.log_id for one in events}) == len(events)
    assert len({one.trace_id for one in first.normal[0]}) == row.normal_traces + 1


def test_what_runs_as_usual_names_nobody() -> None:
    found = list(ranked(fault_free_pairs(RECORDINGS, 6, seed=1)))
    assert [one.culprit for one in found] == [None] * 6


def test_the_command_tells_how_often_nobody_is_named() -> None:
    result = CliRunner().invoke(evaluate_app(), ["--null", "1", "--json"])
    assert result.exit_code == 0, result.output
    assert result.output.count('"pairs":1') == len(NULL_ROWS)
