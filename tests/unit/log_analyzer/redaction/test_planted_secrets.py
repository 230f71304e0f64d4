"""Secrets planted into log lines must not reach the model; timestamps and ids must, whole."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pytest

from firstcause.incidents.view import Evidence
from firstcause.settings import PROJECT_ROOT, Settings
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.model.mistral_client import MistralModel
from log_analyzer.prompting.renderer import DEFAULTS_DIR, PromptTemplates
from log_analyzer.redaction.redactor import redact
from log_analyzer.report.deterministic import iso
from tests.planted_secrets import KINDS, PlantedSecret, planted_secrets
from tests.stubs.mistral import MistralStub
from tests.unit.log_analyzer.notify.test_message import a_view

TRAINTICKET = PROJECT_ROOT.parent / "shared" / "data" / "trainticket"
SECRETS = 1_000
LINES_OF_A_PROMPT = 8
WANTED_SHARE = 0.995
# What is planted must stand in the part of a message that a prompt shows.
BEFORE_CHARS = 120


@dataclass(frozen=True)
class Planted:
    secret: PlantedSecret
    line: Evidence


def trainticket_lines(count: int) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    for case in sorted(TRAINTICKET.glob("case-*/logs.jsonl.gz")):
        with gzip.open(case) as events:
            lines += [orjson.loads(one) for one in itertools.islice(events, 0, 8_000, 97)]
    random.Random(4).shuffle(lines)
    assert len(lines) >= count
    return lines[:count]


def generated_lines(count: int) -> list[dict[str, object]]:
    stream = EventStream(
        GeneratorParameters(300, 10, None, 7, datetime(2026, 3, 1, 12, tzinfo=UTC))
    )
    values = (value for batch in stream.batches() for value in batch.values)
    return [orjson.loads(value) for value in itertools.islice(values, count)]


def plant(lines: list[dict[str, object]]) -> list[Planted]:
    rng = random.Random(12)
    planted = []
    for event, secret in zip(lines, planted_secrets(SECRETS), strict=True):
        words = str(event["message"])[:BEFORE_CHARS].split(" ")
        words.insert(rng.randrange(len(words) + 1), secret.text)
        evidence = Evidence(
            log_id=str(event["log_id"]),
            timestamp_ms=1_675_000_000_000 + rng.randrange(10**9),
            service_name=str(event["service_name"]),
            level=str(event["level"]),
            message=f"{event['timestamp']} {' '.join(words)}",
            error_code=None,
            trace_id=str(event.get("trace_id") or uuid.UUID(int=rng.getrandbits(128)).hex),
            span_id=f"{rng.getrandbits(64):016x}",
            parent_span_id=f"{rng.getrandbits(64):016x}",
        )
        planted.append(Planted(secret, evidence))
    return planted


def received_prompts(planted: list[Planted]) -> Iterator[tuple[str, list[Planted]]]:
    """What the model's server receives, a few lines at a time."""
    templates = PromptTemplates(DEFAULTS_DIR)
    with MistralStub() as stub:
        settings = Settings(mistral_api_key="key", mistral_server_url=stub.url, _env_file=None)
        model = MistralModel(settings)
        for at in range(0, len(planted), LINES_OF_A_PROMPT):
            some = planted[at : at + LINES_OF_A_PROMPT]
            view = dataclasses.replace(a_view(), evidence=tuple(one.line for one in some))
            prompt = templates.render(view)
            model.ask(prompt.text, prompt.log_ids, set(view.services))
            yield stub.prompts[-1], some


def looks(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def assert_redacted(lines: list[dict[str, object]]) -> None:
    planted = plant(lines)
    leaked: Counter[str] = Counter()
    examples, harmed, placeholders = [], [], 0
    for prompt, some in received_prompts(planted):
        for one in some:
            if looks(one.secret.secret) in looks(prompt):
                leaked[one.secret.kind] += 1
                examples.append(one.secret.text)
            line = one.line
            ours = [line.log_id, line.trace_id, line.span_id, line.parent_span_id]
            ours += [iso(line.timestamp_ms), line.message.split(" ")[0]]
            harmed += [value for value in ours if value and value not in prompt]
        placeholders += len(re.findall(r"<[A-Z_]+_\d+>", prompt.split("Error lines:")[1]))
    assert harmed == []
    assert placeholders >= SECRETS - leaked.total()
    assert 1 - leaked.total() / SECRETS >= WANTED_SHARE, (leaked, examples)


def test_a_thousand_secrets_of_twelve_kinds_are_planted() -> None:
    kinds = Counter(one.kind for one in planted_secrets(SECRETS))
    assert kinds.keys() == KINDS.keys()
    assert (len(kinds), kinds.total()) == (12, SECRETS)
    assert min(kinds.values()) >= SECRETS // 12


@pytest.mark.skipif(not TRAINTICKET.is_dir(), reason="the TrainTicket cases are not there")
def test_secrets_in_real_lines_do_not_reach_the_model() -> None:
    assert_redacted(trainticket_lines(SECRETS))


def test_secrets_in_generated_lines_do_not_reach_the_model() -> None:
    assert_redacted(generated_lines(SECRETS))


@pytest.mark.skipif(not TRAINTICKET.is_dir(), reason="the TrainTicket cases are not there")
def test_real_lines_without_a_secret_stay_whole() -> None:
    lines = [str(one["message"]) for one in trainticket_lines(SECRETS)]
    # These lines do hold tokens of logged-in users.
    clean = [one for one in lines if "eyJ" not in one]
    assert len(clean) > SECRETS // 2
    for message in clean:
        assert redact(message) == message
