"""The first screen of every scenario's message: what ten seconds need, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta

import pytest

from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.incidents.view import Evidence, IncidentContext, IncidentView
from firstcause.normal.composed_normal_store import LearnedNormal
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.notify.messages.content import Paragraph, plain_text
from log_analyzer.notify.messages.incident import render_notice
from log_analyzer.report.deterministic import deterministic_report
from log_analyzer.suspects.normal_comparison import joined_suspects, ranked
from log_analyzer.suspects.window import window_around
from log_analyzer.suspects.window_logs import LogReading
from root_cause.normal.learner import learn
from tests.unit.log_analyzer.notify.test_message import a_view
from tests.unit.log_analyzer.suspects.test_trace_suspects import groups

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AFTER_MS = 2**41
WORDS_OF_A_REPETITION = 4
FIRST_SCREEN_CHARS = 900
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SHARES = re.compile(r"\d+ ?% of \d|\bin \d+ of \d")


def traffic(seconds: int, seed: int, start: datetime, scenario: str | None) -> list[LogEvent]:
    fault = {"fault_start_seconds": 5, "fault_duration_seconds": seconds - 5} if scenario else {}
    stream = EventStream(
        GeneratorParameters(50, seconds, scenario=scenario, seed=seed, start=start, **fault)
    )
    return [read_log_event(value, 2**52) for batch in stream.batches() for value in batch.values]


@pytest.fixture(scope="module")
def normal() -> LearnedNormal:
    return LearnedNormal(learn(traffic(400, 1, NOON, None), ()), "v1", 0)


def view_of(events: list[LogEvent], normal: LearnedNormal) -> IncidentView:
    errors = [one for one in events if one.is_error]
    first_ms = min(one.timestamp_ms for one in errors)
    window = window_around(first_ms)
    reading = LogReading(tuple(events), whole=True)
    ranking = ranked(reading, (), normal, window, first_ms, LONG_AFTER_MS)
    found = sorted(groups(events), key=lambda one: -one.error_count)
    evidence = tuple(
        Evidence(
            one.log_id, one.timestamp_ms, one.service_name, one.level, one.message, one.error_code,
            one.trace_id, one.span_id, one.parent_span_id,
        )
        for one in errors[:30]
    )  # fmt: skip
    return dataclasses.replace(
        a_view(),
        service_name=found[0].service_name,
        template=found[0].template,
        title=f"{found[0].service_name}: {found[0].template}",
        services=tuple(dict.fromkeys(one.service_name for one in found)),
        suspects=(),
        groups=tuple(found),
        evidence=evidence,
        error_count=len(errors),
        first_ms=first_ms,
        last_ms=errors[-1].timestamp_ms,
        context=IncidentContext(first_ms, joined_suspects(ranking, ()), ranking=ranking),
    )


def first_screen(view: IncidentView) -> list[str]:
    parts = render_notice(view, deterministic_report(view, "no model is configured")).parts
    large = [one for one in parts if not (isinstance(one, Paragraph) and one.small)]
    return [line for line in plain_text(large).split("\n") if line.strip()]


def phrases(line: str, services: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Runs of words; names of services stand in several lines, in their order too."""
    words = [one for one in re.findall(r"[A-Za-z-]+", line) if one not in services]
    count = WORDS_OF_A_REPETITION
    return {tuple(words[at : at + count]) for at in range(len(words) - count + 1)}


@pytest.mark.parametrize("scenario", failing_scenario_names())
def test_the_first_screen_holds_what_ten_seconds_need(normal: LearnedNormal, scenario: str) -> None:
    view = view_of(traffic(60, 5, NOON + timedelta(hours=1), scenario), normal)
    lines = first_screen(view)
    text = "\n".join(lines)
    assert view.service_name in lines[0]
    assert re.match(r"[\d,]+ errors? since \d\d:\d\d", lines[1])
    assert lines[2].startswith("Where: ")
    assert any(line.startswith("Suspect: ") for line in lines)
    assert lines[-1].startswith("First: ")
    assert len(text) <= FIRST_SCREEN_CHARS
    assert not _UUID.search(text)
    assert not _SHARES.search(text)
    assert "<*>" not in text
    # What convinces is of the suspect itself: a reader does not know why another's line counts.
    [suspected] = re.findall(r"Suspect: ([\w-]+)", text)
    assert set(re.findall(r"(\S+) logs (?:a new|this) error", text)) <= {suspected}
    seen: set[tuple[str, ...]] = set()
    for line in lines:
        assert not seen & phrases(line, view.services), line
        seen |= phrases(line, view.services)


@pytest.mark.parametrize("logged", ["Payment 7 failed", "Card processor is away"])
def test_a_line_that_the_headline_tells_is_told_once(logged: str) -> None:
    view = a_view(
        suspects=("payment",), service_name="payment", title="payment: Payment <*> failed"
    )
    line = dataclasses.replace(view.evidence[0], message=logged)
    text = "\n".join(first_screen(dataclasses.replace(view, evidence=(line,), first_ms=0)))
    assert text.count(logged) == (logged != "Payment 7 failed")
