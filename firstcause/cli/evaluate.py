"""`firstcause evaluate`: how often the true culprit of labelled cases is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firstcause.root_cause.evaluation import Conditions, Outcome, Shares


def register(app: typer.Typer) -> None:
    """Adds the command `evaluate`."""

    @app.command()
    def evaluate(
        folder: Annotated[
            Path | None, typer.Argument(metavar="DIR", help="Labelled cases: cases.json and so on.")
        ] = None,
        with_spans: Annotated[bool, typer.Option("--spans", help="With the spans.")] = False,
        known_start: Annotated[
            bool, typer.Option("--known-start", help="Tell the time of the injection.")
        ] = False,
        synthetic: Annotated[
            int | None, typer.Option(min=1, metavar="N", help="Generate N cases instead of DIR.")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of --synthetic, --degrade and so on.")] = 1,
        degrade: Annotated[
            str | None,
            typer.Option(help="drop, duplicate, shuffle, skew, no-source or no-span-ids."),
        ] = None,
        robustness: Annotated[
            bool, typer.Option("--robustness", help="The table of what each of these costs.")
        ] = False,
        as_json: Annotated[
            bool, typer.Option("--json", help="End with one JSON object of the shares.")
        ] = False,
    ) -> None:
        """Rank labelled fault cases without any service, and count how often that is right.

        From logs alone, and without the time of the injection, unless told otherwise.
        """
        from firstcause.root_cause.degradation import DEGRADATIONS
        from firstcause.root_cause.evaluation import Conditions

        if (folder is None) == (synthetic is None):
            raise typer.BadParameter("name either DIR or --synthetic N")
        if degrade is not None and degrade not in DEGRADATIONS:
            raise typer.BadParameter(f"{degrade!r} is none of {', '.join(DEGRADATIONS)}")
        conditions = Conditions(
            with_spans, known_start, DEGRADATIONS[degrade] if degrade else None, seed
        )
        if folder is not None:
            _evaluate(folder, conditions, robustness=robustness, as_json=as_json)
        elif synthetic is not None:
            import tempfile

            from generators.labelled_cases import write_cases

            with tempfile.TemporaryDirectory(prefix="firstcause-cases-") as generated:
                write_cases(Path(generated), synthetic, seed)
                _evaluate(Path(generated), conditions, robustness=robustness, as_json=as_json)


def _evaluate(folder: Path, conditions: Conditions, *, robustness: bool, as_json: bool) -> None:
    from firstcause.cli.evaluation_view import print_miss, print_shares
    from firstcause.root_cause.evaluation import outcomes, shares

    if robustness:
        _print_robustness(folder, conditions)
    found: list[Outcome] = []
    for outcome in outcomes(folder, conditions):
        found.append(outcome)
        if not outcome.is_first or outcome.is_confident_wrong:
            print_miss(outcome)
    total = shares(found)
    print_shares(found)
    if as_json:
        typer.echo(_json(total))


def _print_robustness(folder: Path, conditions: Conditions) -> None:
    from dataclasses import replace

    from firstcause.cli.evaluation_view import print_robustness
    from firstcause.root_cause.degradation import DEGRADATIONS
    from firstcause.root_cause.evaluation import outcomes, shares

    rows: list[tuple[str, Shares]] = []
    for change in (None, *DEGRADATIONS.values()):
        found = list(outcomes(folder, replace(conditions, degradation=change)))
        rows.append((change.says if change else "as recorded", shares(found)))
    print_robustness(rows)


def _json(total: Shares) -> str:
    import orjson

    return orjson.dumps(
        {
            "cases": total.cases,
            "top1": total.top1,
            "top3": total.top3,
            "confident_wrong": total.confident_wrong,
            "inconclusive": total.inconclusive,
        }
    ).decode()
