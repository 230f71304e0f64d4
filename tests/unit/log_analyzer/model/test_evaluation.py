"""`firstcause evaluate --model` against a stub of Mistral, spoken to through the real SDK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firstcause.cli.evaluation import evaluate
from firstcause.errors import FirstcauseError
from firstcause.settings import load_settings
from log_analyzer.model.case_incident import NO_ERRORS, case_incident
from log_analyzer.model.evaluation import ModelOutcome, case_questioner, model_shares
from log_analyzer.prompting.renderer import PromptTemplates
from root_cause.evaluation.labelled_cases import LabelledCase
from root_cause.evaluation.measure import Conditions, Outcome, RankedCase, ranked_cases
from root_cause.ranking.ranker import Ranking, Suspect
from tests.stubs.mistral import MistralStub
from tests.unit.cli.test_evaluate import folder

__all__ = ["folder"]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[MistralStub]:
    with MistralStub() as server:
        monkeypatch.setenv("MISTRAL_API_KEY", "key")
        monkeypatch.setenv("MISTRAL_SERVER_URL", server.url)
        load_settings.cache_clear()
        yield server
    load_settings.cache_clear()


def run(*arguments: str) -> str:
    app = typer.Typer()
    evaluate.register(app)
    result = CliRunner().invoke(app, [*arguments, "--model"])
    assert result.exit_code == 0, result.output
    return result.output


def figures(output: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(output.splitlines()[-1])
    return found


def says(**answer: object) -> dict[str, object]:
    return {"kind": "says", "answer": answer, "times": 10}


def test_a_model_that_agrees_is_as_good_as_the_ranking(folder: Path, stub: MistralStub) -> None:
    output = run(str(folder), "--json")
    found = figures(output)
    assert (found["top1"], found["model_top1"], found["model_agreed"]) == (1.0, 1.0, 1.0)
    assert (found["model_answered"], found["model_calls"]) == (1.0, 2)
    assert found["model_tokens"] > 0
    # The stub names a first suspect in the quiet case as well, and is sure of it.
    assert found["model_confident_wrong"] == 0.5
    assert "The culprit first: the ranking, and the model" in output


def test_a_model_that_disagrees_is_told_with_who_was_right(folder: Path, stub: MistralStub) -> None:
    stub.faults.append(says(culprit_service="web", confidence="likely"))
    output = run(str(folder), "--json")
    found = figures(output)
    assert (found["top1"], found["model_top1"], found["model_agreed"]) == (1.0, 0.0, 0.0)
    assert found["model_disagreed_ranking_right"] == 1.0
    assert found["model_disagreed_model_right"] == found["model_disagreed_both_wrong"] == 0.0
    # Of the quiet case it cites no log line, so that its word counts for less.
    assert found["model_confident_wrong"] == 0.5
    told = "slow (cpu_contention): the model names web; first in the ranking is shop. It was shop."
    assert told in output


def test_a_model_that_is_not_sure_of_anybody_is_inconclusive(
    folder: Path, stub: MistralStub
) -> None:
    stub.faults.append(says(culprit_service="unknown", confidence="inconclusive"))
    found = figures(run(str(folder), "--json"))
    assert (found["model_inconclusive"], found["model_confident_wrong"]) == (1.0, 0.0)


def test_a_service_that_no_event_is_of_is_named_by_nobody(folder: Path, stub: MistralStub) -> None:
    stub.faults.append(says(culprit_service="the-moon", confidence="confirmed"))
    found = figures(run(str(folder), "--json"))
    assert (found["model_confident_wrong"], found["model_inconclusive"]) == (0.0, 1.0)


def test_a_model_that_fails_leaves_the_ranking_s_figures(folder: Path, stub: MistralStub) -> None:
    stub.faults.append({"kind": "nonsense", "times": 100})
    output = run(str(folder), "--json")
    found = figures(output)
    assert (found["top1"], found["model_answered"], found["model_top1"]) == (1.0, 0.0, 0.0)
    assert "slow (cpu_contention): no answer of the model: an answer that is not in the" in output
    assert "The model answered 0 of 2 cases" in output


def test_a_model_that_is_away_is_left_alone(folder: Path, stub: MistralStub) -> None:
    stub.faults.append({"kind": "rate_limited", "retry_after": 3600, "times": 100})
    cases = orjson.loads((folder / "cases.json").read_bytes())
    (folder / "cases.json").write_bytes(orjson.dumps(cases * 3))
    output = run(str(folder), "--json")
    assert len(stub.recorded) == 3
    assert output.count("not asked: the model is away") == 3


def test_the_tokens_of_a_run_are_bounded(folder: Path, stub: MistralStub) -> None:
    output = run(str(folder), "--json", "--model-tokens", "10")
    assert not stub.recorded
    assert figures(output)["model_calls"] == 0
    assert "the limit of tokens is reached" in output


def test_the_model_sees_the_ranking_and_redacted_lines_but_no_label(
    folder: Path, stub: MistralStub
) -> None:
    ranked = next(ranked_cases(folder, Conditions()))
    secret = replace(
        max(ranked.events, key=lambda one: one.timestamp_ms),
        level="ERROR",
        message="password=hunter2 refused for ann@example.com",
    )
    questioner = case_questioner(load_settings(), token_limit=100_000)
    questioner.ask(replace(ranked, events=[*ranked.events, secret]))
    [prompt] = stub.prompts
    assert re.search(r"most likely first: shop\b", prompt)
    assert "usually takes up to" in prompt
    assert f"log_id={secret.log_id}" in prompt
    for hidden in ("hunter2", "ann@example.com", "cpu_contention", "inject", str(folder)):
        assert hidden not in prompt


def test_a_window_without_errors_and_suspects_is_an_incident_too(folder: Path) -> None:
    ranked = list(ranked_cases(folder, Conditions()))[1]
    view = case_incident(ranked.events, Ranking(()))
    assert (view.template, view.error_count, view.evidence) == (NO_ERRORS, 0, ())
    assert view.services == view.suspects == ()


def test_a_ranking_that_names_nobody_says_so_to_the_model(folder: Path) -> None:
    sure, unsure = (one.outcome.ranking for one in ranked_cases(folder, Conditions()))
    weak = Ranking(tuple(replace(one, score=0.5) for one in sure.suspects))
    events = next(ranked_cases(folder, Conditions())).events
    templates = PromptTemplates(load_settings().prompts_dir)
    prompts = [templates.render(case_incident(events, one)).text for one in (sure, weak)]
    assert ["is inconclusive" in prompt for prompt in prompts] == [False, True]
    assert unsure.inconclusive


def test_the_lines_that_reasons_cite_are_shown(folder: Path) -> None:
    ranked: RankedCase = next(ranked_cases(folder, Conditions()))
    view = case_incident(ranked.events, ranked.outcome.ranking)
    assert view.context is not None
    shown = {one.log_id for one in view.context.trace_logs}
    assert shown
    assert shown & set(view.context.suspects[0].log_ids)
    assert shown <= {one.log_id for one in ranked.events}


def test_without_a_key_one_line_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_settings.cache_clear()
    app = typer.Typer()
    evaluate.register(app)
    result = CliRunner().invoke(app, [str(folder), "--model"])
    assert isinstance(result.exception, FirstcauseError)
    assert str(result.exception).startswith("MISTRAL_API_KEY is not set")
    assert not result.output


SERVICES = ["a", "b", "c"]


def outcome_of(culprit: str | None, ranked: list[str]) -> Outcome:
    suspects = tuple(
        Suspect(name, place, 10.0 / place, (), 0) for place, name in enumerate(ranked, start=1)
    )
    position = ranked.index(culprit) + 1 if culprit in ranked else None
    case = LabelledCase("case", 0, culprit, "fault", (), Path())
    return Outcome(case, Ranking(suspects), position, 0.1, 10)


MODEL_OUTCOMES = st.builds(
    ModelOutcome,
    st.builds(
        outcome_of,
        st.sampled_from([*SERVICES, None]),
        st.lists(st.sampled_from(SERVICES), unique=True),
    ),
    st.sampled_from([*SERVICES, None]),
    st.booleans(),
    st.sampled_from(["", "away"]),
)


@given(st.lists(MODEL_OUTCOMES, max_size=20))
def test_agreement_and_who_was_right_add_up(found: list[ModelOutcome]) -> None:
    total = model_shares(found)
    judged = any(one.answered and one.outcome.case.culprit for one in found)
    parts = (total.agreed, total.model_right, total.ranking_right, total.both_wrong)
    assert sum(parts) == pytest.approx(1.0 if judged else 0.0)
    for share in (*parts, total.top1, total.confident_wrong, total.inconclusive, total.answered):
        assert 0.0 <= share <= 1.0
