"""A mistake in rules is named by its line, and a broken edit keeps the last good rules."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.rules_file import load_rules
from firstcause.cli.alerting import rules as commands
from firstcause.errors import FirstcauseError
from firstcause.settings import PROJECT_ROOT, Settings
from tests.unit.firstcause.yaml_mistakes import assert_named_by_its_line

GOOD = """\
version: 1
rules:
  - name: errors
    kind: threshold
    severity: high
    measure: {name: error_rate}
    above: 0.1
  - name: slow
    kind: baseline
    severity: high
    measure: {name: latency_p95_ms}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("    above: 0.1\n", "    abov: 0.1\n", 7, "abov"),
        ("    above: 0.1\n", "", 3, "one of above and below is needed"),
        ("above: 0.1", "above: 7", 3, "share between 0 and 1"),
        ("kind: threshold", "kind: treshold", 4, "treshold"),
        ("error_rate}", "error_rat}", 6, "name"),
        ("{name: error_rate}", "{name: status_rate}", 6, "needs status_at_least"),
        ("name: slow", "name: errors", 8, "two rules are called errors"),
        ("name: slow", "name: Slow one", 8, "name"),
        ("kind: baseline", "kind: baseline\n    z: -1", 10, "z"),
        (
            "severity: high\n    measure: {name: lat",
            "severity: loud\n    measure: {name: lat",
            10,
            "sev",
        ),
        ("    measure: {name: error_rate}\n", "", 3, "measure"),
        (
            "kind: baseline\n    severity: high\n    measure: {name: latency_p95_ms}",
            "kind: sequence\n    within_minutes: 5\n    severity: low\n    steps: [errors, nobody]",
            12,
            "there is no rule nobody",
        ),
        ("version: 1", "version: 2", 1, "version"),
        ("rules:", "rules: [", 3, "not YAML"),
    ],
)
def test_a_mistake_is_named_by_its_line(
    file: Path, old: str, new: str, line: int, said: str
) -> None:
    assert_named_by_its_line(load_rules, file, GOOD, (old, new), line, said)


def test_a_maintenance_without_an_offset_is_a_mistake(file: Path) -> None:
    file.write_text(
        f"{GOOD}maintenance:\n  - {{name: a, from: 2026-01-01T00:00:00, to: 2026-01-02T00:00:00}}\n"
    )
    with pytest.raises(FirstcauseError, match="offset"):
        load_rules(file)


def test_a_saved_change_is_read_and_a_broken_one_is_not(file: Path) -> None:
    rules = EditedFile(file, load_rules)
    assert not rules.reread()
    file.write_text(GOOD.replace("0.1", "0.2"))
    assert rules.reread()
    assert rules.content.rules[0].model_dump()["above"] == 0.2
    file.write_text(GOOD.replace("above", "abov"))
    assert not rules.reread()
    assert rules.content.rules[0].model_dump()["above"] == 0.2
    file.unlink()
    assert not rules.reread()
    file.write_text(GOOD)
    assert rules.reread()


def test_the_shipped_rules_are_good() -> None:
    assert load_rules(Settings().alert_rules).rules


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    commands.register(app)
    return app


FILES = sorted((PROJECT_ROOT / "tests" / "rules").glob("*.test.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_examples_of_each_kind_hold(app: typer.Typer, path: Path) -> None:
    outcome = CliRunner().invoke(app, ["rules", "test", str(path)])
    assert outcome.exit_code == 0, outcome.output
    kinds = {rule.kind for rule in load_rules(path.with_name("kinds.yaml")).rules}
    assert kinds == {"threshold", "baseline", "silence", "break_off", "sequence"}


def test_an_alert_that_is_missing_and_one_too_many_fail(app: typer.Typer, file: Path) -> None:
    tests = file.with_name("tests.yaml")
    tests.write_text(
        "rules: rules.yaml\n"
        "tests:\n"
        "  - name: two mistakes\n"
        "    windows:\n"
        '      - {service: cart, events: 100x4, errors: "0x1 50x2"}\n'
        "    alerts:\n"
        "      - {rule: errors, service: order, onset: 2m}\n"
    )
    outcome = CliRunner().invoke(app, ["rules", "test", str(tests)])
    assert outcome.exit_code == 1
    assert "missing: errors of order, onset 2m, not resolved" in outcome.output
    assert "unexpected: errors of cart, onset 2m, not resolved" in outcome.output


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (5, "100x4", "100y4", "100y4"),
        (7, "onset: 2m", "onset: soon", "onset"),
        (7, "rule: errors", "rule: nothing", "there is no rule nothing"),
        (5, "50x2", "500x2", "more errors"),
    ],
)
def test_a_mistake_in_a_test_is_named_by_its_line(
    file: Path, line: int, old: str, new: str, said: str
) -> None:
    from firstcause.alerts.rule_tests import run_rule_tests

    tests = file.with_name("tests.yaml")
    content = (
        "rules: rules.yaml\n"
        "tests:\n"
        "  - name: one\n"
        "    windows:\n"
        '      - {service: cart, events: 100x4, errors: "0x1 50x2"}\n'
        "    alerts:\n"
        "      - {rule: errors, service: cart, onset: 2m}\n"
    )
    tests.write_text(content.replace(old, new))
    with pytest.raises(FirstcauseError, match=f"tests.yaml:{line}: .*{said}"):
        run_rule_tests(tests)


def test_recorded_events_are_judged_as_the_stream_measures_them(
    file: Path, app: typer.Typer
) -> None:
    lines = [
        f'{{"log_id":"00000000-0000-4000-8000-{number:012d}","timestamp":"2026-01-01T00:00:{number:02d}Z",'
        f'"service_name":"cart","level":"{"ERROR" if number < 10 else "INFO"}","message":"m"}}'
        for number in range(40)
    ]
    # Sent twice, an event counts once: 10 of 40, and not 20 of 50.
    (file.parent / "events.jsonl").write_text("\n".join([*lines, *lines[:10]]))
    tests = file.with_name("tests.yaml")
    tests.write_text(
        "rules: rules.yaml\n"
        "tests:\n"
        "  - name: recorded\n"
        "    events: events.jsonl\n"
        "    alerts: [{rule: errors, service: cart, onset: 0m}]\n"
    )
    outcome = CliRunner().invoke(app, ["rules", "test", str(tests)])
    assert outcome.exit_code == 0, outcome.output
    file.write_text(GOOD.replace("above: 0.1", "above: 0.3"))
    assert "missing" in CliRunner().invoke(app, ["rules", "test", str(tests)]).output
