"""`firstcause mcp` as an assistant starts it, over a real Cassandra; the official client asks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from cassandra.cluster import Session
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from firstcause.storage.stored_time import ms_from_datetime
from tests.integration.api.test_stores import NOW, TRACE, put_log
from tests.integration.log_analyzer.stored_incidents import put_incident

pytestmark = pytest.mark.integration

QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("incidents", {"start": "2h"}),
    ("services", {}),
    ("trace", {"trace_id": TRACE}),
    ("patterns_diff", {}),
    ("objectives", {}),
    ("normal", {"service": "cart"}),
    ("search_logs", {"query": "level:error"}),
)


def test_an_assistant_asks_an_installation(product_env: dict[str, str], session: Session) -> None:
    for number in range(12):
        put_log(session, number)
    first_ms = ms_from_datetime(NOW)
    incident = put_incident(session, first_ms, first_ms + 60_000, "open")
    program = Path(sys.executable).with_name("firstcause")
    server = StdioServerParameters(command=str(program), args=["mcp"], env=product_env)
    asked = (*QUESTIONS, ("incident", {"incident_id": str(incident)}))
    answers = anyio.run(ask, server, asked)
    told = {name: orjson.loads(text) for name, (is_error, text) in answers.items() if not is_error}
    assert [one["incident_id"] for one in told["incidents"]["items"]] == [str(incident)]
    assert told["incident"]["title"] == "shop: It failed"
    assert {one["service"] for one in told["services"]["items"]} >= {"cart", "order"}
    assert [one["message"] for one in told["trace"]["items"]] == ["line 0", "line 10"]
    assert told["patterns_diff"]["items"] == told["objectives"]["items"] == []
    assert "Nothing is learned" in answers["normal"][1]
    # No indexer has run here.
    assert answers["search_logs"][0]


async def ask(
    server: StdioServerParameters, questions: tuple[tuple[str, dict[str, Any]], ...]
) -> dict[str, tuple[bool, str]]:
    """Tool -> whether it is an error, and the text of the answer."""
    found = {}
    async with Client(stdio_client(server)) as client:
        for name, arguments in questions:
            result = await client.call_tool(name, arguments)
            found[name] = (bool(result.is_error), str(result.content[0].text))
    return found
