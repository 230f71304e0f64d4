"""The commands, as far as they go without services."""

from __future__ import annotations

import gzip

import orjson
import pytest
import typer
from typer.testing import CliRunner

from firstcause.events.log_event import read_log_event
from generators.commands import register
from generators.scenario import scenario_names


@pytest.fixture(scope="module")
def app():
    program = typer.Typer(pretty_exceptions_enable=False)
    register(program)
    return program


def run(app, *arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_generate_writes_a_file_and_says_the_answer(app, tmp_path):
    out = tmp_path / "logs.jsonl.gz"
    shown = run(
        app, "generate", "--rate", "200", "--duration", "30", "--scenario", "bad_deployment",
        "--seed", "5", "--start", "2026-01-01T00:00:00Z", "--out", str(out), "--json",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    result = orjson.loads(shown.stdout)
    lines = gzip.decompress(out.read_bytes()).splitlines()
    assert result["written"] == len(lines) > 1000
    assert result["culprit"] == "payment"
    assert result["fault_start"].startswith("2026-01-01T00:00:20")
    for line in lines:
        read_log_event(line, 2**53)


def test_the_scenarios_are_listed(app):
    shown = run(app, "generate", "--list-scenarios", "--json")
    assert [orjson.loads(line)["name"] for line in shown.stdout.splitlines()] == scenario_names()
    assert all(name in run(app, "generate", "--list-scenarios").stdout for name in scenario_names())


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "--rate", "0"),
        ("generate", "--duration", "-1"),
        ("generate", "--start", "yesterday"),
        ("generate", "--start", "2026-01-01T00:00:00"),
        ("generate", "--seed", "-1"),
        ("replay",),
        ("replay", "missing.jsonl"),
        ("replay", "."),
        ("replay", __file__, "--speed", "fast"),
        ("replay", __file__, "--speed", "nan"),
        ("replay", __file__, "--speed", "-2"),
    ],
)
def test_bad_usage_ends_with_2(app, arguments):
    assert run(app, *arguments).exit_code == 2
