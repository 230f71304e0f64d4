"""Ends a program with one line on standard error and an exit code."""

from __future__ import annotations

import sys

import pydantic
import typer
from rich.console import Console
from rich.markup import escape

from firstcause.errors import FirstcauseError
from firstcause.text.printable import printable


def run(program: typer.Typer) -> None:
    """Runs the program. It exits with 0 on success, 2 on bad usage or a bad setting, else with 1.

    Raises:
        Exception: what nobody foresaw comes through, with its traceback.
    """
    try:
        program()
    except FirstcauseError as error:
        _complain(str(error))
        sys.exit(1)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        _complain(f"setting {name}: {first['msg']}")
        sys.exit(2)
    except Exception as error:
        service = _service_that_failed(error)
        if service is None:
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        _complain(f"{service} failed: {said}. Look at `firstcause status`.")
        sys.exit(1)


def _service_that_failed(error: Exception) -> str | None:
    # The clients take a while to import; by now one of them is there anyway.
    from cassandra.cluster import DriverException, NoHostAvailable
    from cassandra.connection import ConnectionException
    from cassandra.protocol import ErrorMessage
    from confluent_kafka import KafkaException

    if isinstance(error, DriverException | NoHostAvailable | ConnectionException | ErrorMessage):
        return "Cassandra"
    return "Kafka" if isinstance(error, KafkaException) else None


def _complain(line: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    # What sources sent may be part of it.
    told = "\n".join(map(printable, line.splitlines()))
    console.print(f"[bold red]firstcause:[/] {escape(told)}")
