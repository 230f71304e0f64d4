"""`firstcause mcp` as an assistant starts it, over a real Cassandra; the official client asks."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from cassandra.cluster import Session
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from assistant.bounds import ANSWER_BYTES
from firstcause.events.log_event import LogEvent
from firstcause.settings import Settings
from firstcause.storage.stored_time import ms_from_datetime
from search.embedded.writer import HourWriters
from tests.integration.api.test_stores import NOW, TRACE, put_log, put_measured
from tests.integration.log_analyzer.stored_incidents import put_incident
from tests.integration.spark.stored_logs import store
from tests.planted_secrets import planted_secrets

pytestmark = pytest.mark.integration

Question = tuple[str, dict[str, Any]]

START = (NOW - timedelta(minutes=5)).isoformat()
QUESTIONS: tuple[Question, ...] = (
    ("incidents", {"start": "2h"}),
    ("services", {}),
    ("trace", {"trace_id": TRACE}),
    ("patterns_diff", {"start": START}),
    ("objectives", {}),
    ("normal", {"service": "cart"}),
    ("search_logs", {"query": "level:error"}),
)
LINES_A_TRACE = 10
TRACES = [f"{number:02x}" * 16 for number in range(1, 6)]
# The bound of an answer is two seconds: what a busy machine may take longer for is asked again.
AGAIN = ("No answer within", "Too many questions", "It is being read", "does not answer")
PATIENCE_SECONDS = 300.0


@pytest.fixture(scope="module")
def planted(settings: Settings, session: Session) -> list[str]:
    """Secrets in log lines that are stored and findable, some lines a trace."""
    secrets = planted_secrets(LINES_A_TRACE * len(TRACES))
    events = [
        LogEvent(
            str(uuid.UUID(int=10_000 + number)),
            ms_from_datetime(NOW) + number,
            "vault",
            "ERROR",
            f"Payment failed after 30 ms {one.text}",
            trace_id=TRACES[number // LINES_A_TRACE],
        )
        for number, one in enumerate(secrets)
    ]
    store(session, events)
    writers = HourWriters(settings.search_dir)
    writers.put(events)
    writers.close()
    return [one.secret for one in secrets]


def test_an_assistant_asks_an_installation(
    product_env: dict[str, str], session: Session, planted: list[str]
) -> None:
    for number in range(12):
        put_log(session, number)
    put_measured(session)
    first_ms = ms_from_datetime(NOW)
    incident = put_incident(session, first_ms, first_ms + 60_000, "open")
    program = Path(sys.executable).with_name("firstcause")
    server = StdioServerParameters(command=str(program), args=["mcp"], env=product_env)
    asked = (
        *QUESTIONS,
        ("incident", {"incident_id": str(incident)}),
        *(("trace", {"trace_id": trace}) for trace in TRACES),
    )
    answers = anyio.run(ask, server, asked)
    assert all(len(text.encode()) <= ANSWER_BYTES for _, text in answers)
    told = [None if is_error else orjson.loads(text) for is_error, text in answers]
    by_tool = dict(zip((name for name, _ in asked[: -len(TRACES)]), told, strict=False))
    assert [one["incident_id"] for one in by_tool["incidents"]["items"]] == [str(incident)]
    assert by_tool["incident"]["title"] == "shop: It failed"
    assert {one["service"] for one in by_tool["services"]["items"]} >= {"cart", "order"}
    assert [one["message"] for one in by_tool["trace"]["items"]] == ["line 0", "line 10"]
    assert [one["change"] for one in by_tool["patterns_diff"]["items"]] == ["new"]
    assert by_tool["objectives"]["items"] == []
    assert by_tool["normal"] is None
    assert "Nothing is learned" in answers[5][1]
    assert by_tool["search_logs"]["items"][0]["service"] == "vault"
    lines = [one["message"] for answer in told[-len(TRACES) :] for one in answer["items"]]
    assert len(lines) == len(planted)
    texts = " ".join(text for _, text in answers)
    assert [secret for secret in planted if secret in texts] == []


async def ask(
    server: StdioServerParameters, questions: Sequence[Question]
) -> list[tuple[bool, str]]:
    """For each question whether the answer is an error, and its text."""
    found = []
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(stdio_client(server)) as client:
            for name, arguments in questions:
                while True:
                    result = await client.call_tool(name, arguments)
                    text = str(result.content[0].text)
                    if not (result.is_error and any(one in text for one in AGAIN)):
                        break
                found.append((bool(result.is_error), text))
    return found
