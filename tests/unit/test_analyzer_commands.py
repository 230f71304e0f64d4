from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from log_analyzer import commands


@pytest.mark.parametrize(
    "arguments",
    [["--status", "sleeping"], ["not-an-id"], ["--since", "long ago"], ["--limit", "0"]],
)
def test_bad_usage_is_said_before_anything_is_asked_of_cassandra(arguments) -> None:
    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, ["incidents", *arguments])
    assert done.exit_code == 2
