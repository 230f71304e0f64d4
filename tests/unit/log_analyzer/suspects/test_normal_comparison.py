"""An incident's window against normal: whom it names, and what people read of it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.incidents.view import Analysis, IncidentContext, NormalRanking, Suspect
from firstcause.normal.composed_normal_store import LearnedNormal
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.context.store import decoded, encoded
from log_analyzer.model.analysis_state import state_digest
from log_analyzer.notify.messages.incident import render_notice
from log_analyzer.notify.messages.thread import DETAIL, render_reply
from log_analyzer.notify.slack.layout import slack_blocks
from log_analyzer.prompting.variables import PromptVariables
from log_analyzer.report.deterministic import deterministic_report
from log_analyzer.report.redacted_incident import redacted_incident
from log_analyzer.report.sections import report_sections
from log_analyzer.suspects.normal_comparison import joined_suspects, ranked
from log_analyzer.suspects.window import window_around
from log_analyzer.suspects.window_logs import LogReading
from root_cause.normal.learner import learn
from tests.unit.log_analyzer.context.incident_parts import START_MS, a_log, an_incident

FIRST_MS = START_MS + 120_000
WINDOW = window_around(FIRST_MS)
NOW_MS = START_MS + 3_600_000
FAR_MS = 2**45
BY_TRACES = (
    Suspect("order", ("order failed first in 9 of 9 failing traces (log 4f).",), 1.0, ("4f", "50")),
    Suspect("payment", ("payment fails above it.",)),
)
RANKING = NormalRanking(
    culprit="stock",
    suspects=(
        Suspect("stock", ("After A, B is missing (log 4a).",), log_ids=("4a",), departure=3.1),
        Suspect("order", ("After C, D is missing (log 4b).",), log_ids=("4b",), departure=0.6),
    ),
    fits_normal=True,
    normal_version="v1",
    learned_ms=START_MS - 60_000,
    start_ms=WINDOW.start_ms,
    end_ms=WINDOW.end_ms,
    events=900,
)
FAINT = dataclasses.replace(
    RANKING, culprit=None, suspects=(Suspect("audit", ("A hint (log 4c).",), departure=0.04),)
)
INCONCLUSIVE = dataclasses.replace(RANKING, culprit=None)
MOVED = dataclasses.replace(RANKING, culprit=None, clocks_moved=True)
NEW = dataclasses.replace(RANKING, culprit=None, fits_normal=False)
FIRST_DAY = dataclasses.replace(RANKING, culprit=None, normal_version="", learned_ms=0)


def requests(since_ms: int, until_ms: int, *, stock_dies: bool = False) -> list[LogEvent]:
    """One request a second: order calls stock, which answers, or dies before its second line."""
    found = []
    for number, at in enumerate(range(since_ms, until_ms, 1_000)):
        trace = f"{at:x}"
        lines = [
            ("order", 0, "INFO", "Order placed by caller", "a", None),
            ("stock", 20, "INFO", "Looking into the shelf", "b", "a"),
            ("stock", 40, "INFO", "Taken from the shelf", "b", "a"),
            ("order", 60, "INFO", "Order confirmed", "a", None),
        ]
        if stock_dies and number % 2:
            lines[2:] = [("order", 60, "ERROR", "Order not placed: no answer", "a", None)]
        found += [
            a_log(service, at + late, level, text, span=span, parent=parent, trace=trace)
            for service, late, level, text, span, parent in lines
        ]
    return found


def learned() -> LearnedNormal:
    return LearnedNormal(learn(requests(-600_000, -200_000), ()), "v1", START_MS)


def a_reading() -> LogReading:
    healthy = requests(0, FIRST_MS - START_MS)
    return LogReading((*healthy, *requests(120_000, 300_000, stock_dies=True)), whole=True)


def a_view(ranking: NormalRanking | None):
    context = IncidentContext(
        START_MS, suspects=joined_suspects(ranking, BY_TRACES), ranking=ranking
    )
    return an_incident(context=context)


def said(view) -> str:
    return json.dumps(slack_blocks(render_notice(view, deterministic_report(view, "n")).parts))


def test_the_silent_culprit_is_named_with_its_reasons_and_their_log_lines() -> None:
    reading = a_reading()
    found = ranked(reading, (), learned(), WINDOW, FIRST_MS, NOW_MS)
    assert (found.culprit, found.fits_normal, found.young) == ("stock", True, False)
    assert found.normal_version == "v1"
    # What came last may not be stored whole.
    assert len(reading.events) - 50 < found.events < len(reading.events)
    first = found.suspects[0]
    assert first.service_name == "stock"
    known = {event.log_id for event in reading.events}
    assert first.log_ids
    assert set(first.log_ids) <= known
    assert f"(log {first.log_ids[0]})." in first.reasons[0]


def test_a_young_fault_is_ranked_since_its_first_error() -> None:
    begun = requests(120_000, 150_000, stock_dies=True)
    events = (*requests(0, FIRST_MS - START_MS), *begun)
    found = ranked(LogReading(events, whole=True), (), learned(), WINDOW, FIRST_MS, NOW_MS)
    assert (found.culprit, found.young) == ("stock", True)


def test_a_clock_that_is_ahead_ages_no_fault() -> None:
    begun = requests(120_000, 150_000, stock_dies=True)
    ahead = a_log("cron", 150_000 + 75_000, "INFO", "tick")
    events = (*requests(0, FIRST_MS - START_MS), *begun, ahead)
    now_ms = START_MS + 150_000
    found = ranked(LogReading(events, whole=True), (), learned(), WINDOW, FIRST_MS, now_ms)
    assert (found.culprit, found.young) == ("stock", True)


def test_a_healthy_window_names_nobody_and_a_strange_one_tells_nothing() -> None:
    healthy = LogReading(tuple(requests(0, 300_000)), whole=True)
    assert ranked(healthy, (), learned(), WINDOW, FIRST_MS, NOW_MS).culprit is None
    other = learn(
        [dataclasses.replace(event, message="x") for event in requests(-600_000, -200_000)], ()
    )
    strange = LearnedNormal(other, "v0", START_MS)
    found = ranked(a_reading(), (), strange, WINDOW, FIRST_MS, NOW_MS)
    assert (found.culprit, found.fits_normal) == (None, False)


def test_on_the_first_day_the_window_is_compared_with_its_own_beginning() -> None:
    found = ranked(a_reading(), (), None, WINDOW, FIRST_MS, NOW_MS)
    assert found.suspects[0].service_name == "stock"
    assert (found.has_normal, found.normal_version, found.learned_ms) == (False, "", 0)


def test_each_suspect_stands_once_with_the_reasons_of_both() -> None:
    found = joined_suspects(RANKING, BY_TRACES)
    assert [one.service_name for one in found] == ["stock", "order", "payment"]
    order = found[1]
    assert (order.departure, order.score, order.log_ids) == (0.6, 1.0, ("4b", "4f", "50"))
    assert len(order.reasons) == 2
    faint = [one.service_name for one in joined_suspects(FAINT, BY_TRACES)]
    assert faint == ["audit", "order", "payment"]
    assert joined_suspects(None, BY_TRACES) == BY_TRACES


@pytest.mark.parametrize(
    ("ranking", "culprit", "confidence", "lead"),
    [
        (RANKING, "stock", "likely", "The evidence against stock is the clearest. After A"),
        (INCONCLUSIVE, "stock", "inconclusive", "The evidence against no service is so clear"),
        (FAINT, "audit", "inconclusive", "The evidence against no service is so clear"),
        (NEW, "stock", "inconclusive", "The evidence against no service is so clear"),
        (None, "order", "likely", "order failed first in 9 of 9"),
    ],
)
def test_the_report_begins_with_the_ranking_where_it_can_tell(
    ranking, culprit: str, confidence: str, lead: str
) -> None:
    report = deterministic_report(a_view(ranking), "n")
    assert (report.culprit_service, report.confidence) == (culprit, confidence)
    assert report.root_cause.startswith(lead)


def test_who_is_not_named_is_not_likely_though_the_traces_agree() -> None:
    agreed = dataclasses.replace(INCONCLUSIVE, suspects=INCONCLUSIVE.suspects[1:])
    report = deterministic_report(a_view(agreed), "n")
    assert (report.culprit_service, report.confidence) == ("order", "inconclusive")


@pytest.mark.parametrize(
    ("ranking", "words"),
    [
        (MOVED, "hosts' clocks disagree"),
        (RANKING, "stock stands out (scores: stock 3.10, order 0.60)"),
        (INCONCLUSIVE, "Inconclusive: nobody stands out"),
        (NEW, "Learn normal again"),
        (FIRST_DAY, "with its own beginning, for no normal is learned yet"),
        (None, "The evidence is not ranked"),
    ],
)
def test_the_report_says_against_what_was_compared(ranking, words: str) -> None:
    [section] = [one for one in report_sections(a_view(ranking)) if one.title == "Against normal"]
    assert words in " ".join(section.lines)


def test_slack_and_the_prompt_begin_with_the_ranking() -> None:
    shown = said(a_view(RANKING))
    assert "Suspect: stock* (likely" in shown
    assert "After A, B is missing." in shown
    values = PromptVariables(redacted_incident(a_view(RANKING))).values
    assert values["suspects"][0] == values["ranking"]["culprit"] == "stock"
    assert PromptVariables(redacted_incident(a_view(None))).values["ranking"] is None


def test_the_message_tells_in_a_line_how_a_fault_spread() -> None:
    path = ("stock", "order", "gateway")
    assert "*Spreads:* stock \\u2192 order \\u2192 gateway" in said(
        a_view(dataclasses.replace(RANKING, path=path))
    )
    assert "Spreads" not in said(a_view(dataclasses.replace(RANKING, path=("audit", "order"))))


def test_a_model_that_disagrees_stands_beside_the_rules_each_with_its_reasons() -> None:
    view = a_view(RANKING)
    answer = Analysis("mistral", "order leaks its connections.", "order", "likely", (), ())
    text = json.dumps(slack_blocks(render_notice(view, answer).parts))
    assert "Suspect: order" in text
    assert "order leaks its connections." in text
    assert "The rules say stock" in text
    detail = json.dumps(slack_blocks(render_reply(DETAIL, view, answer, {}).parts))
    assert "After A, B is missing" in detail


def test_another_culprit_is_worth_another_question() -> None:
    assert state_digest(a_view(RANKING)) != state_digest(a_view(INCONCLUSIVE))
    assert state_digest(a_view(INCONCLUSIVE)) == state_digest(a_view(None))


def test_a_context_keeps_its_ranking_when_it_is_stored() -> None:
    context = a_view(RANKING).context
    assert context is not None
    assert decoded(1, encoded(context), a_view(None).incident_id) == context


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def traffic(seconds: float, seed: int, start: datetime, scenario: str | None = None):
    """A stream as a drill sends it, and its events."""
    fault = {"fault_start_seconds": 5, "fault_duration_seconds": seconds - 5} if scenario else {}
    stream = EventStream(
        GeneratorParameters(50, seconds, scenario=scenario, seed=seed, start=start, **fault)
    )
    values = (value for batch in stream.batches() for value in batch.values)
    return stream, tuple(read_log_event(value, 2**52) for value in values)


@pytest.fixture(scope="module")
def shop_normal() -> LearnedNormal:
    _, healthy = traffic(400, 1, NOON)
    return LearnedNormal(learn(healthy, ()), "v1", START_MS)


@pytest.mark.parametrize("scenario", failing_scenario_names())
def test_a_drill_of_each_scenario_names_its_culprit(
    shop_normal: LearnedNormal, scenario: str
) -> None:
    stream, events = traffic(60, 5, NOON + timedelta(hours=1), scenario)
    first_ms = min(event.timestamp_ms for event in events if event.is_error)
    window = window_around(first_ms)
    found = ranked(LogReading(events, whole=True), (), shop_normal, window, first_ms, FAR_MS)
    assert stream.scenario is not None
    assert found.culprit == stream.scenario.culprit


@pytest.mark.parametrize("seed", [70, 77, 80])
def test_another_seed_of_healthy_traffic_names_nobody(
    shop_normal: LearnedNormal, seed: int
) -> None:
    _, events = traffic(90, seed, NOON + timedelta(hours=2))
    first_ms = events[0].timestamp_ms + 30_000
    window = window_around(first_ms)
    found = ranked(LogReading(events, whole=True), (), shop_normal, window, first_ms, FAR_MS)
    assert (found.culprit, found.fits_normal) == (None, True)
