from __future__ import annotations

import uuid

import pytest
import typer
from typer.testing import CliRunner

from log_analyzer.commands import analyzer


@pytest.mark.parametrize(
    "arguments",
    [["--status", "sleeping"], ["not-an-id"], ["--since", "long ago"], ["--limit", "0"]],
)
def test_bad_usage_is_said_before_anything_is_asked_of_cassandra(arguments) -> None:
    app = typer.Typer()
    analyzer.register(app)
    done = CliRunner().invoke(app, ["incidents", *arguments])
    assert done.exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["ack"],
        ["ack", "not-an-id"],
        ["silence", str(uuid.UUID(int=1)), "--for", "a while"],
        ["silence", str(uuid.UUID(int=1)), "--for", "0h"],
        ["silence", str(uuid.UUID(int=1)), "--for", "91d"],
        ["feedback", str(uuid.UUID(int=1)), "perhaps"],
        ["show", "not-an-id"],
    ],
)
def test_bad_usage_of_what_people_do_is_said_before_anything_is_stored(arguments) -> None:
    app = typer.Typer()
    analyzer.register(app)
    done = CliRunner().invoke(app, ["incidents", *arguments])
    assert done.exit_code == 2


def test_help_names_what_people_can_do() -> None:
    app = typer.Typer()
    analyzer.register(app)
    shown = CliRunner().invoke(app, ["incidents", "--help"]).output
    assert all(name in shown for name in ("ack", "silence", "feedback", "--json", "--since"))
