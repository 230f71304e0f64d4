"""`firstcause prompts check` and `firstcause prompts try`, for people who edit templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from firstcause.incidents.view import IncidentView
    from firstcause.settings import Settings
    from log_analyzer.prompting.renderer import Prompt

app = typer.Typer(
    help="Look at the prompt templates: what they render to, and what the model answers.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


@app.command()
def check(
    incident_id: Annotated[
        str | None,
        typer.Argument(help="A stored incident; else the newest, or a built-in example."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Render all templates against an incident and show the tokens; exit 1 if one is broken."""
    import orjson
    from rich.console import Console
    from rich.table import Table

    from firstcause.settings import load_settings
    from log_analyzer.prompting.check import check_templates

    settings = load_settings()
    view, which = _incident(settings, incident_id)
    results = check_templates(settings.prompts_dir, view)
    if as_json:
        for one in results:
            line = {"template": one.template, "tokens": one.tokens, "problem": one.problem}
            typer.echo(orjson.dumps(line | {"incident": which}))
    else:
        console = Console(highlight=False, soft_wrap=True)
        table = Table("template", "tokens", "", title=f"Prompts for {which}", title_justify="left")
        for one in results:
            note = "ok" if one.problem is None else "broken"
            table.add_row(one.template, f"{one.tokens:,}" if one.tokens else "", note)
        console.print(table)
        for one in results:
            if one.problem:
                console.print(one.problem, markup=False)
    if any(one.problem for one in results):
        raise typer.Exit(1)


@app.command("try")
def try_(
    incident_id: Annotated[str, typer.Argument(help="A stored incident.")],
    as_json: AsJson = False,
) -> None:
    """Show template, prompt and the model's answer side by side. Its tokens count in the budget."""
    import orjson
    from rich.console import Console

    from firstcause.errors import FirstcauseError
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.prompting.folder import (
        TEMPLATE_ERRORS,
        describe_template_error,
        read_folder,
        template_for,
    )
    from log_analyzer.prompting.renderer import render_prompt

    settings = load_settings()
    view, which = _incident(settings, incident_id)
    name = str(settings.prompts_dir)
    try:
        sources = read_folder(settings.prompts_dir)
        name = template_for(view, sources)
        prompt = render_prompt(view, name, sources)
    except TEMPLATE_ERRORS as error:
        raise FirstcauseError(
            f"Prompt {describe_template_error(error, settings.prompts_dir / name)}"
        ) from error
    answer: dict[str, Any] | None = None
    note = "No answer: MISTRAL_API_KEY is not set."
    if settings.mistral_api_key is not None:
        with cassandra.session(settings) as session:
            answer, note = _ask(settings, session, view, prompt)
    if as_json:
        found: dict[str, Any] = {
            "incident": which,
            "template": prompt.template,
            "prompt": prompt.text,
        }
        found |= {"tokens": prompt.tokens, "answer": answer, "note": note}
        typer.echo(orjson.dumps(found))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=180)
    console.print(_side_by_side(prompt, sources[name].text, answer, note))


def _incident(settings: Settings, incident_id: str | None) -> tuple[IncidentView, str]:
    """The incident that was named, else the newest stored one, else the example; and its name."""
    from dataclasses import replace
    from datetime import UTC, datetime
    from uuid import UUID

    from firstcause.errors import FirstcauseError
    from firstcause.storage import cassandra
    from log_analyzer.incident_history.reader import IncidentReader
    from log_analyzer.incident_history.similar_incidents import SimilarIncidents
    from log_analyzer.prompting.example_incident import example_incident

    try:
        wanted = UUID(incident_id) if incident_id else None
    except ValueError as error:
        raise typer.BadParameter(f"{incident_id!r} is no incident id") from error
    try:
        with cassandra.session(settings) as session:
            reader = IncidentReader(session)
            if wanted is not None:
                view = reader.read(wanted)
            else:
                view = next(reader.since(datetime(1970, 1, 1, tzinfo=UTC)), None)
            if view is not None:
                similar = SimilarIncidents(session, reader.opened, reader.read_alone)
                view = replace(view, similar=similar.of(view))
    except FirstcauseError:
        if wanted is not None:
            raise
        view = None
    if view is not None:
        return view, f"incident {view.incident_id}"
    if wanted is not None:
        raise FirstcauseError(f"There is no incident {wanted}: see `firstcause incidents`.")
    return example_incident(), "the built-in example (no stored incident was found)"


def _ask(
    settings: Settings, session: Session, view: IncidentView, prompt: Prompt
) -> tuple[dict[str, Any] | None, str]:
    """The answer, and what there is to say about it."""
    from log_analyzer.model.budget import OverBudgetError, model_budget
    from log_analyzer.model.mistral_client import MistralModel, ModelFailedError, call_tokens
    from log_analyzer.report.sections import suspect_names

    budget, model = model_budget(settings, session), MistralModel(settings)
    estimate = call_tokens(prompt.text)
    try:
        charge = budget.reserve(view.incident_id, model.name, estimate, "try")
    except OverBudgetError as error:
        return None, f"No answer: the budget of {error} is used up."
    try:
        services = {view.service_name, *view.services, *suspect_names(view)}
        found = model.ask(prompt.text, prompt.log_ids, services)
    except ModelFailedError as error:
        cost = 0 if error.free else estimate
        budget.settle(charge, "unavailable" if error.free else "invalid", cost)
        return None, f"No answer: the model did not help ({error})."
    budget.settle(
        charge,
        "answered",
        found.tokens,
        requests=found.calls,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
    )
    struck = ", ".join(found.struck_out)
    said = f"{found.tokens:,} tokens." + (f" Struck out: {struck}." if struck else "")
    return found.answer.model_dump(), said


def _side_by_side(prompt: Prompt, template: str, answer: dict[str, Any] | None, note: str) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(expand=True)
    table.add_column(prompt.template, ratio=1, overflow="fold")
    table.add_column(f"prompt, {prompt.tokens:,} tokens at the most", ratio=1, overflow="fold")
    table.add_column("answer", ratio=1, overflow="fold")
    lines = [note]
    for key, value in (answer or {}).items():
        shown = "\n".join(f"- {one}" for one in value) if isinstance(value, list) else str(value)
        lines.append(f"{key}:\n{shown}")
    table.add_row(Text(template), Text(prompt.text), Text("\n\n".join(lines)))
    return table
