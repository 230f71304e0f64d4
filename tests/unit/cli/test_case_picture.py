"""The picture of one case: what it tells, where services stand, and the one in the documents."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firstcause.cli.evaluation import evaluate
from firstcause.cli.evaluation.call_map import Lane, Slot, columns_of
from firstcause.cli.evaluation.case_picture import case_picture
from firstcause.errors import FirstcauseError
from firstcause.settings import PROJECT_ROOT
from generators.cases.temporary_folder import case_folder
from root_cause.evaluation.labelled_cases import read_spans
from root_cause.evaluation.measure import Conditions, ranked_cases
from root_cause.explanation.case_story import CaseStory, calls_of, case_story
from tests.unit.root_cause.small_traces import spans_of_call

# As docs/root-cause.md says.
COUNT, SEED, NAME = 12, 8, "case-002"
DOCUMENT_PICTURE = PROJECT_ROOT / "docs" / "root-cause-case.svg"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with case_folder(None, COUNT, SEED) as generated:
        yield generated


@pytest.fixture(scope="module")
def cases(folder: Path) -> Sequence[CaseStory]:
    return [
        case_story(one.outcome, one.events, read_spans(one.outcome.case.folder / "spans.jsonl.gz"))
        for one in ranked_cases(folder, Conditions())
    ]


@pytest.fixture(scope="module")
def story(cases: Sequence[CaseStory]) -> CaseStory:
    return next(story for story in cases if story.name == NAME)


def test_the_picture_in_the_documents_is_that_of_today(story: CaseStory) -> None:
    assert DOCUMENT_PICTURE.read_text("utf-8") == case_picture(story), (
        f"draw it anew: firstcause evaluate --synthetic {COUNT} --seed {SEED} --case {NAME} "
        f"--picture {DOCUMENT_PICTURE.relative_to(PROJECT_ROOT)}; then read the walk through in "
        "docs/root-cause.md again"
    )


def test_the_story_in_the_documents_is_of_a_silent_culprit(story: CaseStory) -> None:
    assert story.culprit is not None
    assert story.suspects[0].service_name == story.culprit
    assert (story.errors.get(story.culprit, 0), story.naming) == (0, 0)
    assert sum(story.errors.values()) > 50
    assert {callee for _, callee in story.call_findings} == {story.culprit}


def test_each_case_is_a_picture_that_names_all_its_services(
    cases: Sequence[CaseStory],
) -> None:
    for story in cases:
        root = ElementTree.fromstring(case_picture(story))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = {text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {name for call in story.calls for name in call} <= texts
        assert len(texts & {f"{count:,} ERROR" for count in story.errors.values()}) > 0


def test_a_quiet_case_says_that_nothing_is_wrong(
    cases: Sequence[CaseStory],
) -> None:
    quiet = next(story for story in cases if story.culprit is None)
    assert "and nothing is wrong" in case_picture(quiet)


def test_text_of_logs_is_no_markup() -> None:
    hostile = CaseStory(
        "<b>", "&", "</svg>", {("<a>", "</svg>"): 1}, {"<a>": 1}, 0, (), '"><script>', {}, ""
    )
    texts = [one.text for one in ElementTree.fromstring(case_picture(hostile)).iter()]
    assert "</svg>" in texts


def test_calls_are_counted_from_spans_of_two_services() -> None:
    spans = [
        span
        for number in range(3)
        for span in spans_of_call(number, 1_000, caller="web", callee="shop", way_ms=1, work_ms=1)
    ]
    assert calls_of(spans + spans[:1]) == {("web", "shop"): 3}


NAMES = st.sampled_from("abcdefgh")
CALLS = st.sets(st.tuples(NAMES, NAMES).filter(lambda call: call[0] != call[1]), max_size=20)


@given(CALLS, st.sets(NAMES))
def test_each_service_stands_once_and_calls_lead_to_the_right(
    calls: set[tuple[str, str]], services: set[str]
) -> None:
    columns = columns_of(calls, services)
    shown = list(itertools.chain(*columns))
    assert sorted(map(str, shown)) == sorted(services | {one for call in calls for one in call})
    column_of = {name: column for column, names in enumerate(columns) for name in names}
    forward = {call for call in calls if column_of[call[0]] < column_of[call[1]]}
    # Without a circle all calls do; of a circle at least one call does not.
    if len(forward) < len(calls):
        assert has_circle(calls)
    assert columns == columns_of(sorted(calls, reverse=True), sorted(services, reverse=True))


def has_circle(calls: set[tuple[str, str]]) -> bool:
    left = set(calls)
    while left:
        ends = {caller for caller, _ in left}
        kept = {(caller, callee) for caller, callee in left if callee in ends}
        if kept == left:
            return True
        left = kept
    return False


def test_a_call_that_crosses_a_column_has_a_lane_there() -> None:
    calls = {("a", "b"), ("b", "c"), ("a", "c")}
    expected: list[list[Slot]] = [["a"], [Lane(("a", "c"), 1), "b"], ["c"]]
    found = columns_of(calls, (), [("a", "c")])
    assert [set(column) for column in found] == [set(column) for column in expected]


def test_the_command_draws_one_case_and_refuses_others(folder: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    evaluate.register(app)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [str(folder), *arguments])

    path = tmp_path / "case.svg"
    drawn = run("--case", NAME, "--picture", str(path))
    assert drawn.exit_code == 0, drawn.output
    assert f"{NAME} (" in drawn.output
    assert path.read_text("utf-8").startswith("<svg ")
    assert run("--picture", str(path)).exit_code == 2
    unknown = run("--case", "other")
    assert isinstance(unknown.exception, FirstcauseError)
    assert "There is no case other" in str(unknown.exception)
    nowhere = run("--case", NAME, "--picture", str(tmp_path / "no" / "case.svg"))
    assert "cannot be written" in str(nowhere.exception)
