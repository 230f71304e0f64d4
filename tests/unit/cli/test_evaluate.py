"""`firstcause evaluate` on a small folder of its own, and on the TrainTicket cases."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner

from firstcause.cli.evaluation import evaluate
from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent
from firstcause.settings import PROJECT_ROOT
from root_cause.evaluation.log_damage import DEGRADATIONS
from root_cause.evaluation.measure import Conditions, outcomes, shares
from tests.unit.root_cause.small_traces import START_MS, Line, trace, traffic

TRAINTICKET = PROJECT_ROOT.parent / "shared" / "data" / "trainticket"
needs_trainticket = pytest.mark.skipif(
    not TRAINTICKET.is_dir(), reason="the TrainTicket cases are not beside the project"
)
INJECT_MS = START_MS + 600_000


def quiet(_: int, dice: random.Random) -> list[Line]:
    return [
        Line(0, "web", "request"),
        Line(dice.randint(1, 5), "shop", "order begins"),
        Line(dice.randint(1, 5), "shop", "order is done"),
        Line(dice.randint(1, 5), "web", "answered"),
    ]


def slow(number: int, dice: random.Random) -> list[Line]:
    first, second, third, fourth = quiet(number, dice)
    return [first, second, Line(800, "shop", third.message), fourth]


def write_lines(path: Path, rows: Sequence[object]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))


def row_of(event: LogEvent) -> dict[str, object]:
    row = {name: value for name, value in asdict(event).items() if value is not None}
    del row["timestamp_ms"], row["attributes"]
    return {"timestamp": _rfc3339(event.timestamp_ms), **row}


def _rfc3339(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A case of a slow shop and a quiet one, with their day's baseline."""
    day = datetime.fromtimestamp(INJECT_MS / 1000, UTC).date().isoformat()
    baseline = traffic(quiet, 60)
    before = traffic(quiet, 20, first=1_000, at_ms=INJECT_MS - 60_000)
    faulty = traffic(slow, 60, first=2_000, at_ms=INJECT_MS)
    calm = traffic(quiet, 60, first=3_000, at_ms=INJECT_MS)
    write_lines(tmp_path / f"baseline_logs-{day}.jsonl.gz", [row_of(one) for one in baseline])
    write_lines(tmp_path / f"baseline_spans-{day}.jsonl.gz", [])
    for name, events in (("slow", before + faulty), ("calm", before + calm)):
        write_lines(tmp_path / name / "logs.jsonl.gz", [row_of(one) for one in events])
        write_lines(tmp_path / name / "spans.jsonl.gz", [])
    common = {"inject_time": _rfc3339(INJECT_MS), "events": 320, "spans": 0}
    cases = [
        {"case": "slow", "service_name": "shop", "fault": "cpu_contention", **common},
        {"case": "calm", "service_name": None, "fault": "none", **common},
    ]
    (tmp_path / "cases.json").write_bytes(orjson.dumps(cases))
    return tmp_path


def evaluate_app() -> typer.Typer:
    app = typer.Typer()
    evaluate.register(app)
    return app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(evaluate_app(), list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


SHARES = {"cases": 2, "top1": 1.0, "top3": 1.0, "confident_wrong": 0.0, "inconclusive": 0.0}


def test_json_ends_with_the_shares_of_each_system_and_of_all(folder: Path) -> None:
    lines = run(str(folder), "--json").splitlines()[-2:]
    assert [orjson.loads(line) for line in lines] == [
        {"system": folder.name, **SHARES},
        {"system": "all", **SHARES},
    ]


def test_all_is_the_mean_over_systems_however_many_cases_each_has(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    loud = trace(1, [Line(0, "web", "request"), Line(5, "web", "broken", "ERROR")], INJECT_MS)
    write_lines(other / "wrong" / "logs.jsonl.gz", [row_of(one) for one in loud])
    case = {"case": "wrong", "service_name": "nobody", "fault": "x"}
    case["inject_time"] = _rfc3339(INJECT_MS)
    (other / "cases.json").write_bytes(orjson.dumps([case]))
    lines = run(str(folder), str(other), "--json").splitlines()[-3:]
    first, second, both = (orjson.loads(line) for line in lines)
    assert (first["top1"], second["top1"], both["top1"]) == (1.0, 0.0, 0.5)
    assert [one["system"] for one in (first, second)] == [folder.name, other.name]
    assert both["cases"] == 3


def test_a_run_without_a_case_fails(folder: Path) -> None:
    (folder / "cases.json").write_bytes(b"[]")
    with pytest.raises(FirstcauseError, match="lists no case"):
        list(outcomes(folder, Conditions()))


def test_quiet_cases_are_counted_apart(folder: Path) -> None:
    total = shares(list(outcomes(folder, Conditions(known_start=True))))
    assert (total.quiet, total.quiet_unnamed) == (1, 1.0)
    assert "Quiet cases: 1; no culprit named in 100.0%" in run(str(folder))


def test_the_table_of_robustness_has_each_change(folder: Path) -> None:
    table = run(str(folder), "--robustness", "--spans")
    assert "as recorded" in table
    assert "shuffled" in table


@pytest.mark.parametrize("name", ["duplicate", "shuffle", "no-span-ids", "no-debug"])
def test_what_bears_no_information_costs_nothing(folder: Path, name: str) -> None:
    total = shares(list(outcomes(folder, Conditions(degradation=DEGRADATIONS[name]))))
    assert (total.top1, total.quiet_unnamed) == (1.0, 1.0)


def test_one_recording_without_a_day_serves_all_cases(folder: Path) -> None:
    (logs,) = folder.glob("baseline_logs-*")
    logs.rename(folder / "baseline_logs.jsonl.gz")
    assert shares(list(outcomes(folder, Conditions(known_start=True)))).top1 == 1.0


def test_cases_without_a_recording_are_evaluated_without_one(folder: Path) -> None:
    wanted = list(outcomes(folder, Conditions(without_normal=True)))
    for path in folder.glob("baseline_*"):
        path.unlink()
    found = list(outcomes(folder, Conditions()))
    assert [one.ranking for one in found] == [one.ranking for one in wanted]
    assert "Without a fault-free recording" in run(str(folder))


def test_generated_cases_have_their_recordings_and_true_paths() -> None:
    told = run("--synthetic", "2", "--seed", "3")
    assert "Without a fault-free recording" not in told
    assert "by a right path in" in told


def test_no_normal_learns_nothing(folder: Path) -> None:
    table = run(str(folder), "--no-normal")
    assert "counting ERROR lines" in table
    (logs,) = folder.glob("baseline_logs-*")
    logs.write_bytes(b"unreadable")
    run(str(folder), "--no-normal")


def test_the_reliability_of_scores_is_told_by_system(folder: Path) -> None:
    told = run(str(folder), "--reliability")
    assert "The bound of all systems" in told
    assert f"{folder.name} by the bound of the others: they give none" in told


def test_bad_usage_is_told(folder: Path) -> None:
    app = typer.Typer()
    evaluate.register(app)
    for arguments in ([], [str(folder), "--synthetic", "3"], [str(folder), "--degrade", "fire"]):
        assert CliRunner().invoke(app, arguments).exit_code == 2


@needs_trainticket
@pytest.mark.parametrize(
    ("with_spans", "top1", "top3"),
    # From logs alone delays before a service's first line show in no log.
    [(False, 0.80, 0.86), (True, 0.93, 0.98)],
)
def test_true_culprits_of_real_faults_come_first(
    with_spans: bool, top1: float, top3: float
) -> None:
    found = list(outcomes(TRAINTICKET, Conditions(with_spans=with_spans)))
    total = shares(found)
    assert total.top1 >= top1
    assert total.top3 >= top3
    assert total.confident_wrong <= 0.05


@needs_trainticket
def test_clocks_that_disagree_cost_nothing_where_spans_tell() -> None:
    conditions = Conditions(with_spans=True, degradation=DEGRADATIONS["skew"])
    assert shares(list(outcomes(TRAINTICKET, conditions))).top1 >= 0.93
