"""What a person sees of an error: one line, an exit code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import SyntaxException
from confluent_kafka import KafkaError, KafkaException

from cassandra import InvalidRequest, OperationTimedOut
from firstcause.error_exit import run
from firstcause.errors import FirstcauseError
from firstcause.settings import PROJECT_ROOT


def program_that_raises(error: BaseException) -> typer.Typer:
    program = typer.Typer(pretty_exceptions_enable=False)

    @program.command()
    def fail() -> None:
        raise error

    return program


def run_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **environment},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FirstcauseError("do this"), "do this"),
        (FirstcauseError("Known: \x1b]0;shop\x07 [b]"), "Known: \ufffd]0;shop\ufffd [b]"),
        (OperationTimedOut({"10.0.0.1": "no answer"}), "Cassandra failed: errors={'10.0.0.1'"),
        (NoHostAvailable("no host", {}), "Cassandra failed: ('no host'"),
        (InvalidRequest("no table [x]\nat all"), "Cassandra failed: no table [x] at all."),
        (SyntaxException(0x2000, "no statement", {}), "no statement"),
        (KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), "Kafka failed: KafkaError{"),
    ],
)
def test_what_a_service_refuses_is_one_line_and_1(
    error: Exception,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["fail"])
    with pytest.raises(SystemExit) as end:
        run(program_that_raises(error))
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("firstcause: ")
    assert words in line


def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fail"])
    with pytest.raises(ZeroDivisionError):
        run(program_that_raises(ZeroDivisionError()))


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fail"])
    with pytest.raises(SystemExit) as end:
        run(program_that_raises(KeyboardInterrupt()))
    assert end.value.code == 130


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_service_that_is_not_there_is_bad_usage(command: str) -> None:
    done = run_module("firstcause.cli.app", command, "--only", "nosuch")
    assert done.returncode == 2
    assert "nosuch" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("firstcause.cli.app", "status"), ("firstcause.local.container", "setup")]
)
def test_a_bad_setting_is_one_line_and_2(arguments: tuple[str, ...]) -> None:
    done = run_module(*arguments, CASSANDRA_PORT="many")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "CASSANDRA_PORT" in line
