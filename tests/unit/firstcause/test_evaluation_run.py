"""Whether a run of the evaluation is worse than another, and what makes runs comparable."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dags.tasks.evaluation import SYNTHETIC, case_choice, evaluated_run
from firstcause.evaluations.code_version import CodeVersion, code_version
from firstcause.evaluations.run import CaseChoice, EvaluatedRun, worsenings
from generators.cases.files import write_cases
from root_cause.evaluation.measure import Shares
from root_cause.evaluation.system_figures import SystemFigures

MONDAY = datetime(2026, 2, 2, 4, tzinfo=UTC)
CHOICE = CaseChoice(None, 4, 3, with_spans=False)
VERSION = CodeVersion("1.0", "abc")
GOOD = Shares(40, 0.9, 0.95, 0.05, 0.1, 4, 1.0)


def a_run(total: Shares | None = GOOD, **changes: object) -> EvaluatedRun:
    run = EvaluatedRun(UUID(int=1), MONDAY, UUID(int=2), CHOICE, VERSION, total)
    return replace(run, **changes)  # type: ignore[arg-type]


def test_the_same_figures_are_no_worse() -> None:
    assert worsenings(a_run(), a_run()) == ()


@pytest.mark.parametrize(
    ("total", "told"),
    [
        (replace(GOOD, top1=0.879), "First: 87.9%, before 90.0% (margin 2.0%)."),
        (replace(GOOD, top3=0.9), "In the first three: 90.0%, before 95.0% (margin 2.0%)."),
        (replace(GOOD, confident_wrong=0.075), "Confident and wrong: 7.5%, before 5.0%."),
    ],
)
def test_what_is_worse_is_told_with_its_figures(total: Shares, told: str) -> None:
    assert worsenings(a_run(), a_run(total)) == (told,)


def test_within_the_margin_is_no_worse() -> None:
    within = replace(GOOD, top1=0.88, top3=0.93, confident_wrong=0.04, inconclusive=0.5)
    assert worsenings(a_run(), a_run(within)) == ()
    assert worsenings(a_run(), a_run(within), margin=0.0)


def test_types_of_fault_that_fell_are_named() -> None:
    before = a_run(by_fault={"return": replace(GOOD, top1=1.0), "disk_full": GOOD})
    now = a_run(
        replace(GOOD, top1=0.8),
        by_fault={"return": replace(GOOD, top1=0.5), "disk_full": GOOD, "new": GOOD},
    )
    assert worsenings(before, now)[-1] == "By type of fault, first: return 50.0% (before 100.0%)."


def test_one_system_that_got_worse_is_told_though_the_mean_is_as_good() -> None:
    def systems(first: float, second: float) -> dict[str, SystemFigures]:
        shares = {"one": replace(GOOD, top1=first), "two": replace(GOOD, top1=second)}
        return {name: SystemFigures(some) for name, some in shares.items()}

    before, now = a_run(by_system=systems(0.9, 0.9)), a_run(by_system=systems(1.0, 0.8))
    assert worsenings(before, now) == ("two: First: 80.0%, before 90.0% (margin 2.0%).",)


def test_a_run_of_several_folders_has_figures_of_each(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for seed, folder in enumerate(folders):
        write_cases(folder, 2, seed)
    choice = replace(CHOICE, directory=":".join(map(str, folders)))
    run = evaluated_run(UUID(int=1), MONDAY, choice, VERSION)
    assert run.total is not None
    assert run.total.cases == 4
    assert list(run.by_system) == ["one", "two"]
    assert all(name.startswith(("one: ", "two: ")) for name in run.by_fault)
    one, two = (figures.shares.top1 for figures in run.by_system.values())
    assert run.total.top1 == (one + two) / 2


def test_a_run_that_failed_is_worse_than_any_and_no_measure_for_the_next() -> None:
    failed = a_run(None, error="no such folder")
    assert worsenings(a_run(), failed) == ("The run failed: no such folder",)
    assert worsenings(failed, a_run()) == ()


def test_runs_of_other_cases_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different cases"):
        worsenings(a_run(), a_run(suite=UUID(int=3)))


SHARES = st.builds(
    Shares,
    st.just(40),
    *[st.integers(0, 40).map(lambda count: count / 40)] * 4,
    st.just(4),
    st.just(1.0),
)


@given(SHARES, SHARES, st.sampled_from([0.0, 0.02, 0.1]))
def test_of_two_runs_one_is_worse_only_by_what_the_other_is_better(
    one: Shares, other: Shares, margin: float
) -> None:
    found = worsenings(a_run(one), a_run(other), margin)
    lower = one.top1 > other.top1 or one.top3 > other.top3
    assert not found or lower or other.confident_wrong > one.confident_wrong
    if other.confident_wrong > one.confident_wrong:
        assert found


def test_a_suite_is_its_cases_and_whether_spans_are_seen() -> None:
    suite = CHOICE.suite(b"[]")
    elsewhere = CaseChoice("/elsewhere", 1, 1, with_spans=False)
    assert elsewhere.suite(b"[]") == suite
    assert CHOICE.suite(b"[1]") != suite
    assert replace(CHOICE, with_spans=True).suite(b"[]") != suite


def params(directory: str | None) -> dict[str, object]:
    return {"directory": directory, "count": 4, "seed": 3, "with_spans": False}


def test_the_form_s_folder_comes_before_the_setting_s() -> None:
    own = Path("/own")
    assert case_choice(params(None), None) == CHOICE
    assert case_choice(params(" "), own).directory == "/own"
    assert case_choice(params("/form"), own).directory == "/form"
    assert case_choice(params(SYNTHETIC), own) == CHOICE


def test_a_run_of_generated_cases_has_figures_and_the_same_again() -> None:
    first, second = (evaluated_run(UUID(int=1), MONDAY, CHOICE, VERSION) for _ in range(2))
    assert first.total is not None
    assert first.total.cases == 4
    assert sum(some.cases for name, some in first.by_fault.items() if name[0] != "(") == 4
    assert (second.total, second.suite) == (first.total, first.suite)


def test_cases_that_cannot_be_read_are_the_run_s_error(tmp_path: Path) -> None:
    choice = replace(CHOICE, directory=str(tmp_path))
    run = evaluated_run(UUID(int=1), MONDAY, choice, VERSION)
    assert run.total is None
    assert "cases.json cannot be read" in run.error


def test_the_commit_is_told_where_there_is_one(tmp_path: Path) -> None:
    assert code_version(tmp_path).commit is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    found = code_version(tmp_path).commit
    assert found is not None
    assert len(found) == 12
