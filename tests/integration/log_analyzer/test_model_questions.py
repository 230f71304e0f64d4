"""The model's side with a real Cassandra: calls a state, limits, cache, budget, breaker, pool."""

from __future__ import annotations

import dataclasses
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from cassandra.cluster import Session
from prometheus_client import REGISTRY
from pydantic import SecretStr
from typer.testing import CliRunner

from firstcause.errors import FirstcauseError
from firstcause.incidents.human_actions import Feedback
from firstcause.incidents.view import IncidentView
from firstcause.settings import Settings
from log_analyzer.commands.prompts import app
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incidents.severity import level
from log_analyzer.model.analysis_store import AnalysisStore
from log_analyzer.model.breaker import CircuitBreaker
from log_analyzer.model.budget import ModelBudget
from log_analyzer.model.cache import AnswerCache
from log_analyzer.model.mistral_client import MistralModel
from log_analyzer.model.question import Questioner
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.prompting.renderer import DEFAULTS_DIR, PromptTemplates
from log_analyzer.workers.analysis import AT_ONCE, AnalysisWorker
from tests.hostile_lines import HOSTILE_LINES
from tests.integration.log_analyzer.analyzer_parts import (
    DAY_MS,
    QUIET_MS,
    a_tracker,
    an_event,
    consumed,
    eventually,
    incidents_of,
)
from tests.stubs.mistral import MistralStub

pytestmark = pytest.mark.integration

MINUTE_MS = 60_000


@pytest.fixture
def service() -> str:
    return f"payment-{random.randrange(10**9)}".translate(str.maketrans("0123456789", "abcdefghij"))


@pytest.fixture
def stub() -> Iterator[MistralStub]:
    with MistralStub() as server:
        yield server


class Clock:
    """Event time of the tests: it moves when they say so."""

    def __init__(self) -> None:
        self.now_ms = DAY_MS

    def __call__(self) -> int:
        return self.now_ms

    def seconds(self) -> float:
        return self.now_ms / 1000

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)


class Instance:
    """One analyzer's model side, with limits and a clock of the test's own."""

    def __init__(
        self,
        session: Session,
        stub: MistralStub,
        clock: Clock,
        *,
        per_hour: int = 10**9,
        per_day: int = 10**9,
        calls: int = 3,
        timeout_ms: int = 1_000,
    ) -> None:
        settings = Settings(mistral_api_key="key", mistral_server_url=stub.url, _env_file=None)
        reader = IncidentReader(session)
        self.clock = clock
        self.breaker = CircuitBreaker(clock=clock.seconds)
        self.budget = ModelBudget(
            session, tokens_per_hour=per_hour, tokens_per_day=per_day, clock=clock.utc
        )
        self.worker = AnalysisWorker(
            store=AnalysisStore(session),
            outbox=MessageOutbox(session),
            reader=reader,
            questioner=Questioner(
                model=MistralModel(settings, timeout_ms=timeout_ms),
                prompts=PromptTemplates(DEFAULTS_DIR),
                budget=self.budget,
                cache=AnswerCache(session),
                breaker=self.breaker,
                reader=reader,
                calls_per_incident=calls,
                clock_ms=clock,
            ),
            owner=str(uuid.uuid4()),
            clock_ms=clock,
        )

    def look(self) -> None:
        """One pass, and its questions to their end."""
        self.worker.run_once()
        eventually(self.worker.busy, lambda busy: not busy)

    def look_long(self, minutes: int = 1) -> None:
        """Passes each second for some minutes of the tests' clock; steps of ten seconds."""
        for _ in range(6 * minutes + 1):
            self.look()
            self.clock.now_ms += 10_000


@pytest.fixture
def clock(session: Session) -> Iterator[Clock]:
    # Other tests' incidents are none of this one's.
    session.execute("TRUNCATE incident_messages")
    session.execute("TRUNCATE llm_usage")
    session.execute("TRUNCATE model_answers")
    return Clock()


def errors(session: Session, service: str, numbers: range, **fields: object) -> None:
    """Errors of one group, in an incident whose message is out."""
    at_ms = int(fields.pop("at_ms", DAY_MS))
    events = [an_event(service, n, at_ms + n, **fields) for n in numbers]
    a_tracker(session).record(consumed(events))
    outbox = MessageOutbox(session)
    for view in incidents_of(session, service):
        row = outbox.read(view.incident_id)
        if row is not None and row.state == "pending":
            assert outbox.move(dataclasses.replace(row, state="live"))


def the_view(session: Session, service: str) -> IncidentView:
    return incidents_of(session, service)[-1]


def usage_of(session: Session, incident: UUID) -> list[object]:
    return list(session.execute("SELECT * FROM llm_usage WHERE incident_id = %s", (incident,)))


def test_a_state_is_asked_about_once_and_a_new_one_again_up_to_the_limit(
    session, service, stub, clock
) -> None:
    instance = Instance(session, stub, clock, calls=2)
    errors(session, service, range(5), error_code="A")
    instance.look_long()
    assert len(stub.prompts) == 1
    # Ten times the errors, with other evidence; each step is a state of its own.
    for first, last, code in ((10, 20, "B"), (100, 200, "C")):
        errors(session, service, range(first, last), error_code=code)
        instance.look_long(minutes=8)
    assert len(stub.prompts) == 2
    view = the_view(session, service)
    assert view.stored_analysis.source == "mistral"
    assert any("its 2 calls are used up" in one.note for one in view.analyses)
    rows = usage_of(session, view.incident_id)
    assert [(one.outcome, one.purpose, one.requests) for one in rows] == [
        ("answered", "analysis", 1)
    ] * 2
    assert all(one.tokens == one.input_tokens + one.output_tokens > 0 for one in rows)


def test_growth_without_new_evidence_costs_no_call(session, service, stub, clock) -> None:
    instance = Instance(session, stub, clock)
    errors(session, service, range(60))
    instance.look_long()
    errors(session, service, range(60, 200))
    instance.look_long(minutes=2)
    assert len(stub.prompts) == 1
    latest = max(the_view(session, service).analyses, key=lambda one: one.analysed_ms)
    assert latest.note.startswith("From an earlier answer: this incident")


def test_the_same_trouble_of_another_day_is_answered_from_before(
    session, service, stub, clock
) -> None:
    instance = Instance(session, stub, clock)
    errors(session, service, range(5))
    instance.look_long()
    [first] = incidents_of(session, service)
    errors(session, service, range(100, 105), at_ms=DAY_MS + 3 * QUIET_MS)
    instance.look_long()
    assert len(stub.prompts) == 1
    again = the_view(session, service)
    analysis = again.stored_analysis
    assert again.incident_id != first.incident_id
    assert analysis.note.startswith(f"From an earlier answer: incident {first.incident_id}")
    assert analysis.root_cause == first_answer(session, service)
    assert set(analysis.evidence) <= {one.log_id for one in again.evidence}
    assert analysis.evidence
    assert analysis.llm_calls == 0


def first_answer(session: Session, service: str) -> str:
    return incidents_of(session, service)[0].stored_analysis.root_cause


def test_two_instances_ask_once_and_share_one_budget(session, service, stub, clock) -> None:
    both = [Instance(session, stub, clock, per_hour=3_000) for _ in range(2)]
    names = [f"{service}-{letter}" for letter in "abc"]
    for name in names:
        errors(session, name, range(3))
    for _ in range(8):
        for one in both:
            one.worker.run_once()
        for one in both:
            eventually(one.worker.busy, lambda busy: not busy)
        clock.now_ms += 2_000
    # A call takes the most that it may cost out of the budget, so not all fit in at once.
    analyses = [the_view(session, name).stored_analysis for name in names]
    assert all(analyses)
    answered = [one for one in analyses if one.source == "mistral"]
    refused = [one for one in analyses if "the budget of 3,000 tokens an hour" in one.note]
    assert len(answered) + len(refused) == 3
    assert refused
    assert len(stub.prompts) == len(answered)
    spent = both[0].budget.used([clock.utc().replace(minute=0, second=0, microsecond=0)])
    assert spent <= 3_000
    for _ in range(3):
        clock.now_ms += 60 * MINUTE_MS
        both[1].look_long()
    assert [the_view(session, name).stored_analysis.source for name in names] == ["mistral"] * 3


def test_a_day_has_its_own_budget(session, service, stub, clock) -> None:
    instance = Instance(session, stub, clock, per_day=100)
    errors(session, service, range(3))
    instance.look_long()
    assert stub.prompts == []
    assert "the budget of 100 tokens a day" in the_view(session, service).stored_analysis.note
    assert all(one.tokens == 0 for one in usage_of(session, the_view(session, service).incident_id))


@pytest.mark.parametrize("fault", ["http_500", "rate_limited", "drop"])
def test_ten_minutes_of_outage_open_the_breaker_and_the_answer_follows(
    session, service, stub, clock, fault
) -> None:
    instance = Instance(session, stub, clock)
    # The server wants a pause that no call waits for, so that the test does not wait either.
    down = {"kind": fault, "retry_after": 31, "times": 10_000}
    stub.faults.append(down)
    names = [f"{service}-{letter}" for letter in "abcd"]
    for name in names:
        errors(session, name, range(3))
    states = set()
    for _ in range(10 * 6):
        instance.look()
        states.add(instance.breaker.state)
        clock.now_ms += 10_000
    assert REGISTRY.get_sample_value(
        "firstcause_model_breaker", {"firstcause_model_breaker": "open"}
    )
    assert states >= {"open"}
    # Each probe is at most three requests.
    assert len(stub.recorded) <= 3 * (3 + AT_ONCE + 10)
    assert all(the_view(session, name).stored_analysis.source == "deterministic" for name in names)
    asked = len(stub.recorded)
    stub.faults.clear()
    for _ in range(200):
        instance.look()
        clock.now_ms += 10_000
    answered = [the_view(session, name).stored_analysis for name in names]
    assert [one.source for one in answered] == ["mistral"] * 4
    assert len(stub.recorded) > asked
    assert instance.breaker.state == "closed"


def test_nonsense_is_not_asked_for_again_in_the_same_state(session, service, stub, clock) -> None:
    instance = Instance(session, stub, clock)
    stub.faults.append({"kind": "nonsense", "times": 100})
    errors(session, service, range(3))
    instance.look_long(minutes=3)
    assert len(stub.prompts) == 1
    note = the_view(session, service).stored_analysis.note
    assert "the model did not help (an answer that is not in the schema)" in note


def test_an_answer_that_people_marked_wrong_is_given_to_no_other(
    session, service, stub, clock
) -> None:
    instance, handling = Instance(session, stub, clock), HumanActionsStore(session)
    errors(session, service, range(5))
    instance.look_long()
    [first] = incidents_of(session, service)
    answered_ms = first.stored_analysis.analysed_ms
    # What was said of another answer of that incident is not about this one.
    for number, (judged_ms, prompts) in enumerate(
        ((answered_ms - 1, 1), (answered_ms, 2)), start=1
    ):
        wrong = Feedback(first.incident_id, "ann", DAY_MS, "wrong", "mistral", judged_ms)
        assert handling.apply(wrong)
        numbers = range(100 * number, 100 * number + 5)
        errors(session, service, numbers, at_ms=DAY_MS + 3 * number * QUIET_MS)
        instance.look_long()
        assert len(stub.prompts) == prompts


def test_a_call_that_hangs_holds_up_no_other_incident(session, service, stub, clock) -> None:
    instance = Instance(session, stub, clock, timeout_ms=20_000)
    stub.faults.append({"kind": "hang"})
    names = [f"{service}-{letter}" for letter in "abc"]
    for name in names:
        errors(session, name, range(3))
    instance.worker.run_once()
    clock.now_ms += 10_000
    instance.worker.run_once()
    eventually(
        lambda: [the_view(session, name).stored_analysis for name in names],
        lambda found: sum(one is not None for one in found) == 2,
    )
    assert instance.worker.busy()
    stub.released.set()
    eventually(instance.worker.busy, lambda busy: not busy)


def test_hostile_lines_reach_the_model_as_data_and_change_nothing_else(
    session, service, stub, clock
) -> None:
    instance = Instance(session, stub, clock)
    for at in range(0, len(HOSTILE_LINES), 10):
        name = f"{service}-{'abcdefghij'[at // 10]}"
        events = [
            an_event(name, n, DAY_MS + n, message=line.text, error_code=line.text[:50])
            for n, line in enumerate(HOSTILE_LINES[at : at + 10])
        ]
        a_tracker(session).record(consumed(events))
        outbox = MessageOutbox(session)
        for view in incidents_of(session, name):
            row = outbox.read(view.incident_id)
            assert outbox.move(dataclasses.replace(row, state="live"))
    instance.look()
    for _ in range(60):
        clock.now_ms += 1_000
        instance.look()
    views = [
        view for letter in "abcdefghij" for view in incidents_of(session, f"{service}-{letter}")
    ]
    # Lines that name the same service are one incident.
    assert len(views) >= 5
    for view in views:
        # The severity is that of its errors and services, whatever the lines ask for.
        assert view.severity == level(view.error_count, len(view.services)) != "critical"
        assert view.stored_analysis.source == "mistral"
        assert view.stored_analysis.culprit_service in {*view.services, *view.suspects}
    for prompt in stub.prompts:
        [*_, fence] = [one for one in prompt.splitlines() if one.startswith("=== LOG DATA ")]
        outside = prompt.split(fence)[0] + prompt.split(fence)[-1]
        assert prompt.count(fence) == 3  # announced once, then around the data
        assert "OWNED" not in outside
        assert "\x1b" not in prompt
        assert "\u202e" not in prompt


def test_people_try_a_prompt_and_its_tokens_count(
    session, settings, service, stub, clock, monkeypatch
) -> None:
    errors(session, service, range(3), message="Mail to ann@example.com lost")
    incident = the_view(session, service).incident_id
    changed = {"mistral_server_url": stub.url, "mistral_api_key": SecretStr("key")}
    for keyed in (False, True):
        own = settings.model_copy(update=changed if keyed else {})
        monkeypatch.setattr("firstcause.settings.load_settings", lambda own=own: own)
        result = CliRunner().invoke(app, ["try", str(incident), "--json"])
        assert result.exit_code == 0, result.output
        found = orjson.loads(result.stdout)
        assert (found["template"], found["tokens"] > 0) == ("root_cause.md.j2", True)
        assert "<EMAIL_1>" in found["prompt"]
        if not keyed:
            assert found["answer"] is None
            assert "MISTRAL_API_KEY" in found["note"]
    assert found["answer"]["culprit_service"] == service
    assert len(stub.prompts) == 1
    [row] = usage_of(session, incident)
    assert (row.purpose, row.outcome, row.tokens > 0) == ("try", "answered", True)
    shown = CliRunner().invoke(app, ["try", str(incident)])
    assert "The stub blames" in shown.stdout
    missing = CliRunner().invoke(app, ["try", str(uuid.uuid4())])
    assert isinstance(missing.exception, FirstcauseError)
    checked = CliRunner().invoke(app, ["check", str(incident)])
    assert (checked.exit_code, str(incident) in checked.stdout) == (0, True)
