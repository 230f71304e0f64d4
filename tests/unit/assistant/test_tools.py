"""Each tool by the official client: what it answers, within its bounds, without secrets."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import anyio
import orjson
import pytest
from mcp import Client

from assistant import answers
from assistant.bounds import ANSWER_BYTES, Answer, answer_text
from assistant.sources import FoundLogs
from assistant.stored import StoredSources
from assistant.tools import ANSWER_SECONDS, AT_ONCE, Tools, server_of
from firstcause.cli.mcp import redaction
from firstcause.settings import Settings
from log_analyzer.redaction.redactor import RULES
from search.patterns.store import PatternStore
from tests.planted_secrets import planted_secrets
from tests.unit.assistant.world import LOG_ID, QUESTIONS, TRACE, World, answer_of, ask, text_of

MARKED = re.compile("«(.*?)»", re.DOTALL)
LINES_A_WORLD = 8


async def _listed() -> list[object]:
    async with Client(server_of(Tools(World(["x"]), redaction))) as client:
        return list((await client.list_tools()).tools)


def test_there_are_eight_tools_and_all_only_read() -> None:
    tools = anyio.run(_listed)
    assert {tool.name for tool in tools} == set(QUESTIONS)
    assert len(tools) <= 8
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert all(tool.description for tool in tools)


def test_each_tool_tells_what_is_there() -> None:
    results = ask(World(["Payment 7 failed"]), list(QUESTIONS.items()))
    told = dict(zip(QUESTIONS, map(answer_of, results), strict=True))
    assert told["incidents"]["items"][0]["title"] == "order: Payment 7 failed"
    incident = told["incident"]
    assert incident["path"] == ["payment", "order"]
    assert {"path_step": "Payment 7 failed"} in incident["items"]
    assert any(one.get("log_id") == str(LOG_ID) for one in incident["items"])
    assert told["search_logs"]["items"][0]["message"] == "Payment 7 failed"
    assert told["search_logs"]["more"] is True
    assert told["patterns_diff"]["items"][0]["change"] == "new"
    assert told["trace"]["items"][0]["operation"] == "Payment 7 failed"
    assert told["trace"]["items"][1]["trace_id"] == TRACE
    assert "payment" in {one["service"] for one in told["services"]["items"]}
    assert {one["kind"] for one in told["normal"]["items"]} == {
        "usual_error",
        "time",
        "follows",
        "rate",
    }
    assert told["objectives"]["items"][0]["good_share"] == 0.95


@pytest.mark.parametrize("text", ["x" * 800, "\x00\x1b[31m" * 200, "日本語" * 300, '"\\' * 500])
def test_answers_are_at_most_8_kilobytes(text: str) -> None:
    world = World([f"{number} {text}" for number in range(50)])
    for name, result in zip(QUESTIONS, ask(world, list(QUESTIONS.items())), strict=True):
        assert len(text_of(result).encode()) <= ANSWER_BYTES, name
        told = answer_of(result)
        # Something fits always, but for the incident: there its head says what happened.
        assert told["items"] or name == "incident", name


@pytest.mark.parametrize("char", ["\U0001f600", "x", "\x01", '"'])
def test_a_head_that_does_not_fit_is_cut(char: str) -> None:
    text = char * 600
    names = [f"{number} {char * 198}" for number in range(20)]
    analysis = dict.fromkeys(("source", "root_cause", "culprit", "confidence", "note"), text)
    head = {"title": text, "suspects": names[:5], "services": names, "errors": 7}
    head |= {"analysis": analysis, "path": names * 5, "id": str(LOG_ID)}
    told = answer_text(Answer(head, [{"message": text}] * 3), lambda one, limit: one[:limit])
    assert len(told.encode()) <= ANSWER_BYTES
    cut = orjson.loads(told)
    assert (cut["errors"], cut["id"], cut["shortened"]) == (7, str(LOG_ID), True)
    assert cut["title"].startswith(char)
    assert cut["services"][0].startswith(f"0 {char}")
    assert len(cut["items"]) + cut.get("left_out", 0) == 3
    assert "shortened" not in answer_text(Answer({"title": text}), lambda one, limit: one[:limit])


def test_what_is_left_out_is_counted() -> None:
    world = World([f"{number} {'y' * 400}" for number in range(40)])
    [result] = ask(world, [("search_logs", {"query": "y"})])
    told = answer_of(result)
    assert len(told["items"]) + told["left_out"] == 40
    assert "smaller limit" in told["hint"]


def test_a_list_that_takes_long_tells_what_is_read_and_that_there_is_more() -> None:
    world, times = World(["x"]), (0, 2**41)
    one = answers.incidents(world, times, status=None, service=None, limit=5, is_late=lambda: False)
    assert (len(one.items), one.head["more"]) == (1, False)
    late = answers.incidents(world, times, status=None, service=None, limit=5, is_late=lambda: True)
    assert (len(late.items), late.head["more"]) == (0, True)


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    # The bound of the product is 2 s; here it is short, and the source far beyond it.
    assert ANSWER_SECONDS <= 2
    world = World(["x"], slow_seconds=3)
    began = time.monotonic()
    [result] = ask(world, [("search_logs", {"query": "x"})], answer_seconds=0.05)
    assert result.is_error
    assert "ask for a shorter time" in text_of(result)
    assert time.monotonic() - began < 60


async def _ask_while_all_are_held(world: World, tools: Tools) -> tuple[list[str], str]:
    question = ("search_logs", {"query": "x"})
    async with Client(server_of(tools)) as client:
        told = [text_of(await client.call_tool(*question)) for _ in range(AT_ONCE + 2)]
        world.release.set()
        with anyio.fail_after(60):
            while (again := await client.call_tool(*question)).is_error:
                await anyio.sleep(0.01)
    return told, text_of(again)


class _Held(World):
    """A world whose logs are not read before they are released."""

    def __init__(self) -> None:
        super().__init__(["x"])
        self.release = threading.Event()
        self.lock = threading.Lock()
        self.reading = self.most = 0

    def logs(self, *asked: object) -> FoundLogs:
        with self.lock:
            self.reading += 1
            self.most = max(self.most, self.reading)
        self.release.wait(60)
        with self.lock:
            self.reading -= 1
        return super().logs(*asked)


def test_a_question_that_is_given_up_on_keeps_its_thread_until_it_ends() -> None:
    world = _Held()
    tools = Tools(world, redaction, answer_seconds=0.2)
    told, again = anyio.run(partial(_ask_while_all_are_held, world, tools))
    assert all("No answer within" in one for one in told[:AT_ONCE])
    assert all("Too many questions" in one for one in told[AT_ONCE:])
    assert world.most == AT_ONCE
    assert orjson.loads(again)["items"]


def test_patterns_of_too_long_a_time_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = MagicMock()
    session.execute.return_value = [SimpleNamespace(service_name="cart")]
    sources = StoredSources(Settings(firstcause_home=tmp_path), session, World(["x"]).incidents)
    asked: list[tuple[int, int]] = []

    def counts(_: object, services: list[str], from_ms: int, to_ms: int) -> Counter[object]:
        asked.append((from_ms, to_ms))
        return Counter()

    monkeypatch.setattr(PatternStore, "counts", counts)
    for start in ("all", "300d", "0001-01-01"):
        [result] = ask(sources, [("patterns_diff", {"start": start})])
        assert result.is_error
        assert "shorter time or one service" in text_of(result)
    assert asked == []
    [result] = ask(sources, [("patterns_diff", {"start": "30d"})])
    assert not result.is_error
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("search_logs", {"query": 'level:"'}, "mistake"),
        ("search_logs", {"query": "x", "start": "yesterday"}, "no time"),
        ("search_logs", {"query": "x", "start": "1h", "end": "2h"}, "begins after it ends"),
        ("search_logs", {"query": "x", "limit": 5_000}, "limit"),
        ("patterns_diff", {"start": "0001-01-01"}, "calendar"),
        ("incident", {"incident_id": "nothing"}, "incident_id"),
        ("incident", {"incident_id": str(LOG_ID)}, "There is no incident"),
        ("normal", {"service": "unknown"}, "Nothing is learned"),
        ("drop_tables", {}, "drop_tables"),
    ],
)
def test_a_mistake_is_told_in_words(name: str, arguments: dict[str, object], says: str) -> None:
    [result] = ask(World(["x"]), [(name, arguments)])
    assert result.is_error
    assert says in text_of(result)


def leaks(texts: list[str], secrets: list[str]) -> list[tuple[str, str]]:
    """Tool and secret, where an answer of some of these texts shows one."""
    found = []
    for at in range(0, len(texts), LINES_A_WORLD):
        some = slice(at, at + LINES_A_WORLD)
        results = ask(World(texts[some]), list(QUESTIONS.items()))
        for result in results:
            told = " ".join(text_of(result).replace("\\n", " ").split())
            found += [(told[:60], one) for one in secrets[some] if " ".join(one.split()) in told]
    return found


def test_no_kind_of_the_table_of_redaction_comes_out() -> None:
    texts, secrets = [], []
    for rule in RULES:
        for secret in MARKED.findall(rule.example) if rule.kind else ():
            # Beside ids and times a number of three digits is found by chance.
            if len(secret) >= 6:
                texts.append(rule.example.replace("«", "").replace("»", ""))
                secrets.append(secret)
    kinds = {rule.kind for rule in RULES if rule.kind}
    assert len(texts) >= len(kinds)
    assert leaks(texts, secrets) == []


def test_no_planted_secret_comes_out() -> None:
    planted = planted_secrets(1_000)
    texts = [f"Payment failed after 30 ms {one.text}" for one in planted]
    assert leaks(texts, [one.secret for one in planted]) == []


def test_a_secret_that_a_cut_would_tear_does_not_come_out() -> None:
    secret = "hunter2" + "Zq9" * 30
    texts = [f"{'x' * length} password={secret} done" for length in range(480, 600, 4)]
    found = leaks(texts, [secret[:20]] * len(texts))
    assert found == []
