"""`firstcause generate` and `firstcause replay`; registers `generate-cases` too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generators.cases.commands import generate_cases

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from generators.stream.event_stream import EventStream


def register(app: typer.Typer) -> None:
    """Adds the commands of this folder to the program."""
    app.command()(generate)
    app.command()(replay)
    app.command("generate-cases")(generate_cases)


def generate(
    rate: Annotated[float, typer.Option(help="Log events a second, on average.")] = 50.0,
    duration: Annotated[float, typer.Option(help="Seconds of the stream.")] = 60.0,
    scenario: Annotated[str | None, typer.Option(help="Fault; none: healthy traffic.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed and start, same events.", min=0)] = 0,
    start: Annotated[
        str | None,
        typer.Option(help="Event time of the beginning, RFC 3339; now unless given."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write JSON Lines there (.gz too) instead of Kafka.")
    ] = None,
    spans: Annotated[
        bool, typer.Option("--spans", help="Send the spans of the requests as well.")
    ] = False,
    spans_out: Annotated[
        Path | None, typer.Option(help="With --out: write the spans there (.gz too).")
    ] = None,
    unpaced: Annotated[
        bool, typer.Option("--unpaced", help="As fast as Kafka takes it; ends about now.")
    ] = False,
    list_scenarios: Annotated[
        bool, typer.Option("--list-scenarios", help="Show the scenarios and stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Send the log events of a simulated shop to Kafka, or write them to a file."""
    from datetime import UTC, datetime, timedelta

    if list_scenarios:
        _print_scenarios(as_json)
        return
    from generators.output.message_batch import paced
    from generators.stream.event_stream import EventStream, GeneratorParameters

    if not rate > 0 or not duration > 0:
        raise typer.BadParameter("the rate and the duration must be over 0")
    if (spans_out is not None and out is None) or (spans and out is not None):
        raise typer.BadParameter("--out goes with --spans-out, and --spans with Kafka")
    at_once = unpaced or out is not None
    begins = datetime.now(UTC) - timedelta(seconds=duration if at_once else 0)
    if start is not None:
        begins = _moment(start)
    parameters = GeneratorParameters(rate, duration, scenario, seed, begins)
    stream = EventStream(parameters, with_spans=spans)
    if out is not None:
        from generators.output.json_lines import write_json_lines

        result: dict[str, object] = {
            "written": write_json_lines(out, stream.batches()),
            "file": str(out),
        }
        if spans_out is not None:
            # Equal parameters make equal streams, so a second run has the first one's ids.
            again = EventStream(parameters, with_spans=True)
            alone = (batch.spans_alone() for batch in again.batches())
            result["spans"] = write_json_lines(spans_out, alone)
        _print_result({**result, **_answer_key(stream)}, as_json)
        return
    batches = stream.batches()
    if not unpaced:
        batches = paced(batches, origin_us=parameters.start_us)
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from firstcause.kafka.topics import ensure_topics
    from firstcause.settings import load_settings
    from generators.output.kafka_producer import connect_producer, produce

    settings = load_settings()
    ensure_topics(settings)
    producer = connect_producer(settings)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_progress_console()) as progress:
        task = progress.add_task("sending", total=rate * duration)
        report = produce(
            producer,
            settings.kafka_logs_topic,
            batches,
            spans_topic=settings.kafka_spans_topic,
            on_progress=lambda count: progress.update(task, advance=count),
        )
    _print_result(
        {
            "sent": report.sent,
            "delivered": report.delivered,
            "bytes": report.bytes,
            "seconds": round(report.seconds, 3),
            **_answer_key(stream),
        },
        as_json,
    )


def replay(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="JSON Lines; .gz too.", exists=True, dir_okay=False),
    ],
    speed: Annotated[
        str, typer.Option(help="Times real time by the timestamps, such as 10; or max.")
    ] = "1",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move the timestamps to now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Send the lines of files to Kafka as they are, good and bad ones."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    from firstcause.kafka.topics import ensure_topics
    from firstcause.settings import load_settings
    from generators.output.kafka_producer import connect_producer, produce
    from generators.replay import Replay, ReplayOptions

    settings = load_settings()
    options = ReplayOptions(_speed(speed), shift_to_now, settings.kafka_max_message_bytes)
    job = Replay(files, options)
    ensure_topics(settings)
    producer = connect_producer(settings)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_progress_console()) as progress:
        task = progress.add_task("sending", total=job.total_bytes)
        batches = job.batches(lambda position: progress.update(task, completed=position))
        report = produce(producer, settings.kafka_logs_topic, batches)
    _print_result(
        {
            "sent": report.sent,
            "delivered": report.delivered,
            "bytes": report.bytes,
            "seconds": round(report.seconds, 3),
            "blank_lines": job.counts.blank_lines,
            "lines_without_service": job.counts.lines_without_service,
            "first_error_ms": job.counts.first_error_ms,
        },
        as_json,
    )


def _moment(text: str) -> datetime:
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is no RFC 3339 time", param_hint="--start") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text} has no offset, such as Z", param_hint="--start")
    return moment


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    # Written so that "nan" is refused too.
    if not 0 < speed < float("inf"):
        raise typer.BadParameter("take a number over 0, or max", param_hint="--speed")
    return speed


def _progress_console() -> Console:
    """Progress belongs on standard error; rich shows none where no person watches."""
    from rich.console import Console

    return Console(stderr=True)


def _answer_key(stream: EventStream) -> dict[str, object]:
    if stream.scenario is None or stream.fault_times is None:
        return {"scenario": None}
    first, last = stream.fault_times
    return {
        "scenario": stream.scenario.name,
        "culprit": stream.scenario.culprit,
        "fault_start": first.isoformat(),
        "fault_end": last.isoformat(),
    }


def _print_result(result: dict[str, object], as_json: bool) -> None:
    import orjson

    if as_json:
        typer.echo(orjson.dumps(result).decode())
        return
    for name, value in result.items():
        if value is not None:
            typer.echo(f"{name.replace('_', ' ')}: {value}")


def _print_scenarios(as_json: bool) -> None:
    import orjson

    from generators.scenario import load_scenario, scenario_names
    from generators.topology_file import load_topology

    topology = load_topology()
    for name in scenario_names():
        scenario = load_scenario(name, topology)
        if as_json:
            shown = scenario.model_dump(
                include={"name", "title", "culprit", "culprit_logs_errors", "duration_seconds"}
            )
            typer.echo(orjson.dumps(shown).decode())
        else:
            typer.echo(f"{name}: {scenario.title}")
