"""`firstcause evaluate`: how often the true culprit of labelled cases is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from log_analyzer.model.evaluation import CaseQuestioner, ModelOutcome
    from root_cause.evaluation.measure import Conditions, Outcome, RankedCase, Shares


def register(app: typer.Typer) -> None:
    """Adds the command `evaluate`."""

    @app.command()
    def evaluate(
        folders: Annotated[
            list[Path] | None,
            typer.Argument(metavar="DIR...", help="Labelled cases, a folder a system."),
        ] = None,
        with_spans: Annotated[bool, typer.Option("--spans", help="With the spans.")] = False,
        no_normal: Annotated[
            bool, typer.Option("--no-normal", help="Learn nothing, as on the first day.")
        ] = False,
        known_start: Annotated[
            bool, typer.Option("--known-start", help="Tell the time of the injection.")
        ] = False,
        synthetic: Annotated[
            int | None, typer.Option(min=1, metavar="N", help="Generate N cases instead of DIR.")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of --synthetic, --degrade and so on.")] = 1,
        degrade: Annotated[
            str | None,
            typer.Option(help="One change to the recordings, e.g. drop; --robustness has all."),
        ] = None,
        robustness: Annotated[
            bool, typer.Option("--robustness", help="The table of what each of these costs.")
        ] = False,
        reliability: Annotated[
            bool, typer.Option("--reliability", help="How often each score is right, by system.")
        ] = False,
        noise: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="Rank N pairs of fault-free stretches instead."),
        ] = None,
        null: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="Rank N simulations of noise a kind instead."),
        ] = None,
        pairs: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="Place the errors of N pairs of faults instead."),
        ] = None,
        only: Annotated[
            str | None, typer.Option("--case", metavar="NAME", help="This case alone.")
        ] = None,
        picture: Annotated[
            Path | None, typer.Option(metavar="FILE", help="With --case: draw it, as SVG.")
        ] = None,
        with_model: Annotated[
            bool, typer.Option("--model", help="Ask the model about each case as well.")
        ] = False,
        model_tokens: Annotated[
            int, typer.Option(min=1, help="With --model: so many tokens at the most.")
        ] = 1_000_000,
        as_json: Annotated[
            bool,
            typer.Option("--json", help="End with the shares: an object a DIR, one for all."),
        ] = False,
    ) -> None:
        """Rank labelled fault cases without any service, and count how often that is right.

        From logs alone, and without the time of the injection, unless told otherwise. --model
        shows the ranking and a few log lines, redacted, to Mistral, and counts who is right.
        """
        from generators.cases.temporary_folder import case_folders
        from root_cause.evaluation.log_damage import DEGRADATIONS
        from root_cause.evaluation.measure import Conditions

        if null is not None:
            from firstcause.cli.evaluation.noise import print_null

            print_null(null, seed, as_json=as_json)
            return
        if pairs is not None:
            from firstcause.cli.evaluation.pairs import print_pairs

            print_pairs(pairs, seed, as_json=as_json)
            return
        if bool(folders) == (synthetic is not None):
            raise typer.BadParameter("name either DIR... or --synthetic N")
        if degrade is not None and degrade not in DEGRADATIONS:
            raise typer.BadParameter(f"{degrade!r} is none of {', '.join(DEGRADATIONS)}")
        if picture is not None and only is None:
            raise typer.BadParameter("name one --case to draw", param_hint="--picture")
        conditions = Conditions(
            with_spans,
            known_start,
            DEGRADATIONS[degrade] if degrade else None,
            seed,
            only,
            no_normal,
        )
        questioner = _questioner(model_tokens) if with_model else None
        with case_folders(folders or (), synthetic or 0, seed) as systems:
            if noise is not None:
                from firstcause.cli.evaluation.noise import print_noise

                print_noise(systems, conditions, noise, as_json=as_json)
                return
            if robustness:
                _print_robustness(systems, conditions)
            found, asked = _ranked(systems, conditions, questioner, picture)
        _print(found, asked, reliability=reliability, as_json=as_json)


def _questioner(token_limit: int) -> CaseQuestioner:
    from firstcause.settings import load_settings
    from log_analyzer.model.evaluation import case_questioner

    return case_questioner(load_settings(), token_limit)


def _ranked(
    systems: Mapping[str, Path],
    conditions: Conditions,
    questioner: CaseQuestioner | None,
    picture: Path | None,
) -> tuple[dict[str, list[Outcome]], dict[str, list[ModelOutcome]]]:
    """Ranks all cases, and prints those that went wrong as it goes."""
    from firstcause.cli.evaluation.model_view import print_disagreement
    from firstcause.cli.evaluation.view import print_case
    from root_cause.evaluation.measure import ranked_cases

    found: dict[str, list[Outcome]] = {}
    asked: dict[str, list[ModelOutcome]] = {}
    for system, folder in systems.items():
        found[system], asked[system] = [], []
        for ranked in ranked_cases(folder, conditions):
            outcome = ranked.outcome
            found[system].append(outcome)
            if conditions.only or not outcome.is_first or outcome.is_confident_wrong:
                print_case(outcome)
            if picture is not None:
                _draw(ranked, picture)
            if questioner is not None:
                asked[system].append(questioner.ask(ranked))
                print_disagreement(asked[system][-1])
    return found, asked


def _print(
    found: Mapping[str, list[Outcome]],
    asked: Mapping[str, list[ModelOutcome]],
    *,
    reliability: bool,
    as_json: bool,
) -> None:
    import orjson

    from firstcause.cli.evaluation.model_view import print_model_shares
    from firstcause.cli.evaluation.reliability import print_reliability
    from firstcause.cli.evaluation.systems import (
        ALL,
        details,
        figures_by_system,
        objects,
        print_paths,
        print_systems,
        print_without_normal,
    )
    from firstcause.cli.evaluation.view import print_shares

    for system, outcomes in found.items():
        print_shares(outcomes, system if len(found) > 1 else "")
        if asked[system]:
            print_model_shares(asked[system])
    figures = figures_by_system(found)
    print_systems(figures)
    print_paths(found)
    print_without_normal(found)
    if reliability:
        print_reliability(found)
    if as_json:
        typer.echo(orjson.dumps(details(figures, found)).decode())
        every = {**asked, ALL: [one for some in asked.values() for one in some]}
        for row in objects(figures):
            typer.echo(orjson.dumps(row | _model_figures(every[row["system"]])).decode())


def _draw(ranked: RankedCase, path: Path) -> None:
    from firstcause.cli.evaluation.case_picture import case_picture
    from firstcause.errors import FirstcauseError
    from root_cause.evaluation.labelled_cases import read_spans
    from root_cause.explanation.case_story import case_story

    # The arrows come from the spans, also where the ranking does not see them.
    path_of_spans = ranked.outcome.case.folder / "spans.jsonl.gz"
    spans = read_spans(path_of_spans) if path_of_spans.exists() else []
    try:
        path.write_text(case_picture(case_story(ranked.outcome, ranked.events, spans)), "utf-8")
    except OSError as error:
        raise FirstcauseError(f"{path} cannot be written: {error.strerror or error}.") from error


def _print_robustness(systems: Mapping[str, Path], conditions: Conditions) -> None:
    from dataclasses import replace

    from firstcause.cli.evaluation.view import print_robustness
    from root_cause.evaluation.log_damage import DEGRADATIONS
    from root_cause.evaluation.measure import outcomes, shares

    for system, folder in systems.items():
        rows: list[tuple[str, Shares]] = []
        for change in (None, *DEGRADATIONS.values()):
            found = list(outcomes(folder, replace(conditions, degradation=change)))
            rows.append((change.says if change else "as recorded", shares(found)))
        print_robustness(rows, system)


def _model_figures(asked: Sequence[ModelOutcome]) -> dict[str, object]:
    if not asked:
        return {}
    from log_analyzer.model.evaluation import model_shares

    model = model_shares(asked)
    return {
        "model_top1": model.top1,
        "model_confident_wrong": model.confident_wrong,
        "model_inconclusive": model.inconclusive,
        "model_answered": model.answered,
        "model_agreed": model.agreed,
        "model_disagreed_model_right": model.model_right,
        "model_disagreed_ranking_right": model.ranking_right,
        "model_disagreed_both_wrong": model.both_wrong,
        "model_calls": sum(one.calls for one in asked),
        "model_tokens": sum(one.tokens for one in asked),
    }
