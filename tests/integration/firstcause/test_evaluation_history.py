"""The history of evaluations on a real Cassandra, and `firstcause evaluations`."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest
from cassandra.cluster import Session

from firstcause.evaluations.code_version import CodeVersion
from firstcause.evaluations.history import EvaluationHistory
from firstcause.evaluations.run import CaseChoice, EvaluatedRun
from root_cause.evaluation.intervals import Interval
from root_cause.evaluation.measure import Shares
from root_cause.evaluation.system_figures import SystemFigures
from tests.command_line import firstcause

pytestmark = pytest.mark.integration

START = datetime(2026, 2, 2, 4, 0, 0, 123_000, tzinfo=UTC)
GOOD = Shares(40, 0.9, 0.95, 0.05, 0.1, 4, 1.0, 30, 0.93)
SHOP = SystemFigures(
    GOOD, {"first": Interval(0.9, 0.81, 0.98)}, {"first error": 0.4}, {"first error": 0.6}
)


@pytest.fixture
def history(session: Session) -> EvaluationHistory:
    session.execute("TRUNCATE evaluations")
    session.execute("TRUNCATE evaluation_faults")
    session.execute("TRUNCATE evaluation_systems")
    return EvaluationHistory(session)


def a_run(
    week: int, suite: int = 1, total: Shares | None = GOOD, **changes: object
) -> EvaluatedRun:
    run = EvaluatedRun(
        run_id=uuid4(),
        evaluated_at=START + timedelta(weeks=week),
        suite=UUID(int=suite),
        choice=CaseChoice(None, 40, 7, with_spans=False),
        version=CodeVersion("0.1.0", "0123456789ab"),
        total=total,
        by_fault={"return": GOOD, "(silent)": GOOD},
        by_system={"shop": SHOP},
        seconds_a_case=0.25,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def test_a_run_comes_back_whole_and_a_retry_replaces_it(history: EvaluationHistory) -> None:
    run = a_run(0)
    for _ in range(2):
        history.record(run)
    assert history.find(run.run_id) == run
    assert history.newest(10) == [replace(run, by_fault={}, by_system={})]
    assert history.find(uuid4()) is None


def test_a_run_without_a_commit_and_of_a_folder_comes_back(history: EvaluationHistory) -> None:
    choice = CaseChoice("/data/cases", 40, 7, with_spans=True)
    run = a_run(0, choice=choice, version=CodeVersion("0.1.0", None))
    history.record(run)
    assert history.find(run.run_id) == run


def test_the_run_before_is_the_last_of_the_same_cases_that_did_not_fail(
    history: EvaluationHistory,
) -> None:
    first, other, failed, now = (
        a_run(0),
        a_run(1, suite=2),
        a_run(2, total=None, error="no such folder", by_fault={}, by_system={}),
        a_run(3),
    )
    oldest = a_run(-9)
    for run in (now, failed, oldest, other, first):
        history.record(run)
    assert history.before(now) == first
    assert history.before(first) == oldest
    assert history.before(oldest) is None
    assert history.before(other) is None
    assert [run.run_id for run in history.newest(3)] == [now.run_id, failed.run_id, other.run_id]


def test_a_run_that_failed_first_and_then_did_not_is_kept_with_its_figures(
    history: EvaluationHistory,
) -> None:
    run = a_run(0)
    history.record(replace(run, total=None, error="away", by_fault={}, by_system={}))
    history.record(run)
    assert history.find(run.run_id) == run


def evaluations(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return firstcause(env, "evaluations", *arguments)


def test_the_command_shows_which_run_got_worse(
    history: EvaluationHistory, product_env: dict[str, str]
) -> None:
    assert "No runs yet" in evaluations(product_env).stdout
    good, bad = a_run(0), a_run(1, total=replace(GOOD, top1=0.5))
    broken = a_run(2, total=None, error="no such folder", by_fault={}, by_system={})
    for run in (good, bad, broken):
        history.record(run)
    table = evaluations(product_env).stdout
    rows = [line for line in table.splitlines() if "40 synthetic, seed 7" in line]
    assert [line.split()[-1] for line in rows] == ["failed", "worse", "run"]
    lines = [orjson.loads(line) for line in evaluations(product_env, "--json").stdout.splitlines()]
    assert [one["top1"] for one in lines[1:]] == [0.5, 0.9]
    assert lines[0]["error"] == "no such folder"
    assert lines[1]["worse"] == ["First: 50.0%, before 90.0% (margin 2.0%)."]
    one = evaluations(product_env, str(bad.run_id)).stdout
    assert "(silent)" in one
    assert "90.0% [81%-98%]" in one
    assert "First: 50.0%, before 90.0%" in one


def test_an_unknown_run_is_one_line(product_env: dict[str, str]) -> None:
    done = evaluations(product_env, str(uuid4()))
    assert done.returncode == 1
    assert "There is no run" in done.stderr
    assert evaluations(product_env, "abc").returncode == 2
