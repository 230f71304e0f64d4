"""Objectives as OpenSLO writes them; a mistake is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from alerting.measures.sketch import bucket_of
from alerting.windows import WindowKind, WindowMetrics
from firstcause.alerts.objectives_file import load_objectives
from firstcause.cli.alerting import objectives as commands
from firstcause.settings import Settings
from tests.unit.firstcause.yaml_mistakes import assert_named_by_its_line

GOOD = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: availability
spec:
  service: cart
  indicator:
    spec:
      ratioMetric:
        bad: {metricSource: {spec: {measure: errors}}}
        total: {metricSource: {spec: {measure: events}}}
  timeWindow:
    - {duration: 1w, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
    - targetPercent: 99.9
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: latency}
spec:
  service: "*"
  indicator: {spec: {thresholdMetric: {metricSource: {spec: {measure: latency_ms}}}}}
  timeWindow: [{duration: 14d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - {op: lte, value: 300, target: 0.95}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "objectives.yaml"
    path.write_text(GOOD)
    return path


def test_documents_are_objectives(file: Path) -> None:
    availability, latency = load_objectives(file)
    assert (availability.name, availability.target, availability.window_ms) == (
        "availability",
        0.999,
        7 * 86_400_000,
    )
    assert availability.title == "99.9 % without an error"
    assert latency.title == "95 % within 300 ms"
    assert [one.is_about("order") for one in (availability, latency)] == [False, True]
    window = WindowMetrics(
        "cart",
        WindowKind.MINUTE,
        0,
        60_000,
        events=10,
        levels={"INFO": 7, "ERROR": 2, "FATAL": 1},
        buckets={bucket_of(100.0): 6, bucket_of(500.0): 2},
    )
    assert availability.counts(window) == (3, 10)
    assert latency.counts(window) == (2, 8)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("targetPercent: 99.9", "targetPercent: 100", 16, "leaves no error budget"),
        ("target: 0.95", "target: 1.0", 27, "leaves no error budget"),
        ("targetPercent: 99.9", "target: 0", 16, "target"),
        ("targetPercent: 99.9", "display: none", 16, "display"),
        ("duration: 1w", "duration: 30d", 13, "kept for 14 days"),
        ("duration: 1w", "duration: soon", 13, "span of time"),
        ("measure: events", "measure: statuses", 9, "share of events"),
        ("op: lte, value: 300, ", "", 21, "needs op (lte) and value"),
        ("targetPercent: 99.9", "{target: 0.9, op: lte, value: 3}", 5, "no op and no value"),
        ("  service: cart\n", "  servise: cart\n", 6, "servise"),
        ("name: latency", "name: availability", 20, "two objectives are called availability"),
        ("name: availability", "name: Availability!", 4, "name"),
        ("kind: SLO\nmetadata:\n", "kind: Service\nmetadata:\n", 2, "kind"),
        ("isRolling: true}\n  budget", "isRolling: false}\n  budget", 13, "isRolling"),
    ],
)
def test_a_mistake_is_named_by_its_line(
    file: Path, old: str, new: str, line: int, said: str
) -> None:
    assert_named_by_its_line(load_objectives, file, GOOD, (old, new), line, said)


def test_without_a_file_there_is_no_objective(tmp_path: Path) -> None:
    assert load_objectives(tmp_path / "none.yaml") == ()


def test_the_shipped_objectives_are_good() -> None:
    assert {one.name for one in load_objectives(Settings().objectives)} == {
        "availability",
        "latency",
    }


def test_check_lists_objectives_and_says_what_is_missing(file: Path) -> None:
    app = typer.Typer()
    commands.register(app)
    outcome = CliRunner().invoke(app, ["objectives", "check", str(file)])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.splitlines() == [
        "availability of cart: 99.9 % without an error over 7 d",
        "latency of *: 95 % within 300 ms over 14 d",
    ]
    outcome = CliRunner().invoke(app, ["objectives", "check", str(file.with_name("none"))])
    assert outcome.exit_code == 1
