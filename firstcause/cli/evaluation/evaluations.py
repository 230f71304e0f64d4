"""`firstcause evaluations`: the history of how often the true culprit was named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from uuid import UUID

    from firstcause.evaluations.history import EvaluationHistory
    from firstcause.evaluations.run import EvaluatedRun


def register(app: typer.Typer) -> None:
    """Adds the command `evaluations`."""

    @app.command()
    def evaluations(
        run: Annotated[
            str | None, typer.Argument(metavar="RUN", help="One run, by type of fault.")
        ] = None,
        limit: Annotated[int, typer.Option(min=1, help="At most so many runs.")] = 20,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """Show the runs of the DAG `evaluate_root_cause`, newest first, and which got worse.

        A run is worse when it is worse than the run before of the same cases.
        """
        from firstcause.cli.evaluation.history_view import print_run, print_runs
        from firstcause.evaluations.history import EvaluationHistory
        from firstcause.settings import load_settings
        from firstcause.storage import cassandra

        wanted = _run_id(run)
        with cassandra.session(load_settings()) as session:
            history = EvaluationHistory(session)
            found = history.newest(limit) if wanted is None else [_one(history, wanted)]
            pairs = [(one, history.before(one)) for one in found]
        if as_json:
            _print_json(pairs)
        elif wanted is not None:
            print_run(*pairs[0])
        else:
            print_runs(pairs)


def _run_id(text: str | None) -> UUID | None:
    from uuid import UUID

    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no id of a run") from None


def _one(history: EvaluationHistory, run_id: UUID) -> EvaluatedRun:
    from firstcause.errors import FirstcauseError

    found = history.find(run_id)
    if found is None:
        raise FirstcauseError(f"There is no run {run_id}: see `firstcause evaluations`.")
    return found


def _print_json(pairs: list[tuple[EvaluatedRun, EvaluatedRun | None]]) -> None:
    import orjson

    for run, before in pairs:
        typer.echo(orjson.dumps(_json(run, before)).decode())


def _json(run: EvaluatedRun, before: EvaluatedRun | None) -> dict[str, Any]:
    from dataclasses import asdict

    from firstcause.evaluations.run import worsenings

    found: dict[str, Any] = {
        "run_id": str(run.run_id),
        "evaluated_at": run.evaluated_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "suite": str(run.suite),
        **asdict(run.choice),
        "version": run.version.package,
        "commit": run.version.commit,
        "error": run.error,
        "seconds_a_case": run.seconds_a_case,
        "worse": list(worsenings(before, run)) if before else [],
    }
    if run.total is not None:
        found |= asdict(run.total)
    if run.by_system:
        found["by_system"] = {name: asdict(one) for name, one in run.by_system.items()}
    if run.by_fault:
        found["by_fault"] = {name: asdict(some) for name, some in run.by_fault.items()}
    return found
