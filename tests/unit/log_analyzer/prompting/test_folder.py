"""Templates by service and error code, and what people are told of a broken one."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner

from firstcause.incidents.view import ContextLog, IncidentView, Suspect
from firstcause.settings import Settings
from firstcause.text.event_time import iso
from log_analyzer.commands.prompts import app
from log_analyzer.prompting.answer_schema import MAX_INPUT_TOKENS, MAX_PROMPT_TOKENS
from log_analyzer.prompting.example_incident import example_incident
from log_analyzer.prompting.folder import ROOT_CAUSE
from log_analyzer.prompting.renderer import DEFAULTS_DIR, PromptTemplates
from tests.hostile_lines import HOSTILE_LINES, MARKER
from tests.unit.log_analyzer.notify.test_message import FIRST_ID, a_view

OVERRIDE = '{{% extends "root_cause.md.j2" %}}{{% block knowledge %}}{0}{{% endblock %}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(DEFAULTS_DIR / ROOT_CAUSE, tmp_path / ROOT_CAUSE)
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def templates(folder: Path) -> tuple[PromptTemplates, io.StringIO]:
    told = io.StringIO()
    return PromptTemplates(folder, Console(file=told, width=500)), told


def test_an_error_code_goes_before_a_suspect_and_that_before_the_reporting_service(folder) -> None:
    prompts, told = templates(folder)
    view = a_view()  # suspects payment, reported by order, code PAY-1
    for name in ("services/order", "services/payment", "error_codes/PAY-1"):
        write(folder, f"{name}.md.j2", OVERRIDE.format(f"We know of {name}."))
        prompt = prompts.render(view)
        assert prompt.template == f"{name}.md.j2"
        assert f"We know of {name}." in prompt.text
        assert "You are an experienced site reliability engineer" in prompt.text
        assert FIRST_ID in prompt.text
    assert told.getvalue() == ""


def test_a_broken_override_falls_back_to_its_last_version_then_to_the_base(folder) -> None:
    prompts, told = templates(folder)
    path = write(folder, "services/payment.md.j2", OVERRIDE.format("\n{{ nobody.knows }}"))
    assert prompts.render(a_view()).template == ROOT_CAUSE
    assert f"{path}, line 2" in told.getvalue()
    write(folder, "services/payment.md.j2", OVERRIDE.format("It works."))
    prompts.render(a_view())
    write(folder, "services/payment.md.j2", "{% extends 'nothing.md.j2' %}")
    assert "It works." in prompts.render(a_view()).text


@pytest.mark.parametrize("name", ["../secret", "..", ".hidden", "a/b", "x\x00y", "", "a" * 300])
def test_names_from_logs_lead_to_no_other_file(folder, name) -> None:
    (folder.parent / "secret.md.j2").write_text("SECRET")
    prompts, _ = templates(folder)
    evidence = dataclasses.replace(a_view().evidence[0], error_code=name)
    view = a_view(suspects=(name,), service_name=name, evidence=(evidence,))
    assert prompts.render(view).template == ROOT_CAUSE
    write(folder, ROOT_CAUSE, "{% include '../secret.md.j2' %}")
    assert "SECRET" not in prompts.render(view).text


def a_large_view() -> IncidentView:
    view = example_incident()
    line = "Failed to charge the card of customer number 17 because of a timeout. " * 30
    log = ContextLog("x", view.first_ms, "payment", "INFO", line)
    return dataclasses.replace(
        view,
        evidence=tuple(dataclasses.replace(one, message=line) for one in view.evidence),
        context=dataclasses.replace(
            view.context,
            trace_logs=(log,) * 500,
            logs_before=(log,) * 500,
            suspects=(Suspect("payment", (line,) * 50),) * 50,
        ),
    )


@pytest.mark.parametrize("view", [example_incident(), a_large_view(), a_view()])
def test_a_prompt_fits_into_a_call_whatever_an_incident_holds(view) -> None:
    prompt = PromptTemplates(DEFAULTS_DIR).render(view)
    assert prompt.tokens <= MAX_PROMPT_TOKENS < MAX_INPUT_TOKENS
    assert "Answer with:" in prompt.text
    assert view.evidence[0].log_id in prompt.text
    assert set(prompt.log_ids) >= {view.evidence[0].log_id}


@pytest.mark.parametrize("line", HOSTILE_LINES, ids=lambda line: line.kind)
def test_hostile_text_stays_between_the_fences_wherever_it_stands(line) -> None:
    view = example_incident()
    text = line.text
    log = ContextLog(view.evidence[0].log_id, view.first_ms, text, text, text, text)
    hostile = dataclasses.replace(
        view,
        title=text,
        template=text,
        service_name=text,
        suspects=(text, "order"),
        services=(text,),
        groups=tuple(dataclasses.replace(one, template=text) for one in view.groups),
        evidence=(
            dataclasses.replace(view.evidence[0], message=text, error_code=text, trace_id=text),
        ),
        earlier=tuple(dataclasses.replace(one, root_cause=text) for one in view.earlier),
        similar=tuple(
            dataclasses.replace(
                one,
                incident=dataclasses.replace(one.incident, root_cause=text, culprit_service=text),
                shared=(text, text),
            )
            for one in view.similar
        ),
        context=dataclasses.replace(
            view.context, suspects=(Suspect(text, (text,)),), trace_logs=(log,), logs_before=(log,)
        ),
    )
    prompt = PromptTemplates(DEFAULTS_DIR).render(hostile).text
    lines = prompt.splitlines()
    fence = next(one for one in lines if one.startswith("=== LOG DATA "))
    first, last = lines.index(fence), len(lines) - 1 - lines[::-1].index(fence)
    assert lines.count(fence) == 2
    outside = "\n".join(lines[:first] + lines[last:])
    assert MARKER not in outside
    assert "Severity: medium." in outside
    assert MARKER in prompt or line.kind == "long"
    assert not any(ord(one) < 32 and one != "\n" for one in prompt)


def test_what_the_context_says_is_in_the_prompt_and_its_log_ids_may_be_cited() -> None:
    view, silent, log_id = example_incident(), "card-vault", "0f0e5d5b-9c55-4a1e-8a4d-1e115c1d9a52"
    reason = f"payment got no good answer from {silent} in 3 of 3 failing traces (log {log_id})."
    context = dataclasses.replace(view.context, suspects=(Suspect(silent, (reason,)),))
    prompt = PromptTemplates(DEFAULTS_DIR).render(dataclasses.replace(view, context=context))
    suspects = next(one for one in prompt.text.splitlines() if one.startswith("Suspects"))
    assert silent in suspects
    assert log_id in prompt.log_ids
    without = PromptTemplates(DEFAULTS_DIR).render(dataclasses.replace(view, context=None))
    assert "first error" in without.text  # The timeline needs no context.


def test_a_placeholder_of_an_earlier_incident_is_none_of_this_one() -> None:
    view = example_incident()
    earlier = dataclasses.replace(view.earlier[0], root_cause="<EMAIL_1> had it wrong.")
    [similar] = view.similar
    alike = dataclasses.replace(similar, incident=earlier)
    for changed in ({"earlier": (earlier,), "similar": ()}, {"similar": (alike,)}):
        prompt = PromptTemplates(DEFAULTS_DIR).render(dataclasses.replace(view, **changed))
        assert "<EMAIL> had it wrong." in prompt.text


def test_similar_incidents_are_told_once_and_what_both_show() -> None:
    view = example_incident()
    text = PromptTemplates(DEFAULTS_DIR).render(view).text
    [similar] = view.similar
    assert text.count(similar.incident.root_cause) == 1
    assert f"(likely, confirmed by people): {similar.incident.root_cause}" in text
    assert "\n  same codes: POOL-1\n" in text
    # The other earlier one shows other things.
    _, other = view.earlier
    assert f"the same errors:\n{iso(other.last_ms)} payment (likely): {other.root_cause}" in text
    without = PromptTemplates(DEFAULTS_DIR).render(dataclasses.replace(view, similar=())).text
    assert "show the same things" not in without
    assert without.count(similar.incident.root_cause) == 1


def run(monkeypatch, folder: Path, *arguments: str):
    # No Cassandra there: the built-in example is used.
    settings = Settings(prompts_dir=folder, cassandra_port=1, _env_file=None)
    monkeypatch.setattr("firstcause.settings.load_settings", lambda: settings)
    return CliRunner().invoke(app, list(arguments))


def test_check_shows_the_tokens_of_all_templates(folder, monkeypatch) -> None:
    write(folder, "services/payment.md.j2", OVERRIDE.format("Pool."))
    result = run(monkeypatch, folder, "check", "--json")
    lines = [orjson.loads(one) for one in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [one["template"] for one in lines] == [ROOT_CAUSE, "services/payment.md.j2"]
    assert all(0 < one["tokens"] <= MAX_PROMPT_TOKENS for one in lines)
    assert "example" in lines[0]["incident"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ok\n{% if %}\n", "line 2"),
        ("{{ fence }}\n\n{{ incident.nothing }}\n{{ fence }}", "line 3"),
        ("x " * 20_000, "tokens, at most"),
        ("{{ incident.title }}", "{{ fence }} before and after"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("", "renders to nothing"),
    ],
)
def test_check_ends_with_1_and_says_file_and_line(folder, monkeypatch, text, said) -> None:
    path = write(folder, "services/payment.md.j2", text)
    result = run(monkeypatch, folder, "check")
    assert result.exit_code == 1
    problem = next(one for one in result.stdout.splitlines() if one.startswith(str(path)))
    assert said in problem
    assert ROOT_CAUSE in result.stdout


def test_check_of_a_folder_that_is_not_there_ends_with_1(tmp_path, monkeypatch) -> None:
    assert run(monkeypatch, tmp_path / "nowhere", "check").exit_code == 1


def test_the_readme_example_works(folder, monkeypatch) -> None:
    readme = (DEFAULTS_DIR.parent / "prompts" / "README.md").read_text(encoding="utf-8")
    example = readme.split("```jinja\n")[1].split("```")[0]
    write(folder, "services/payment.md.j2", example)
    assert run(monkeypatch, folder, "check").exit_code == 0
    assert "pool of 50 connections" in templates(folder)[0].render(a_view()).text
