"""HTTP asks for a key; the official client is answered with one."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest

from assistant.process import http_app
from assistant.tools import Tools, server_of
from firstcause.access.keys import KeyFile, Role
from firstcause.cli.mcp import redaction
from tests.unit.assistant.world import World

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"accept": "application/json, text/event-stream"}


def status(keys: KeyFile, headers: dict[str, str]) -> int:
    return anyio.run(_status, keys, headers)


async def _status(keys: KeyFile, headers: dict[str, str]) -> int:
    server = server_of(Tools(World(["x"]), redaction))
    transport = httpx.ASGITransport(app=http_app(server, keys))
    async with (
        server.session_manager.run(),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        return (await client.post("/mcp", json=LIST, headers={**ACCEPT, **headers})).status_code


@pytest.mark.parametrize("role", ["read", "act"])
def test_a_key_that_may_read_is_let_in(tmp_path: Path, role: Role) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    secret = keys.add("assistant", role)
    assert status(keys, {"authorization": f"Bearer {secret}"}) == 200


def test_without_a_key_that_may_read_nobody_is_let_in(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    shipper = keys.add("shipper", "ingest")
    good = keys.add("assistant", "read")
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {good}"},
        {"authorization": f"Bearer {good}x"},
        {"authorization": f"Bearer {shipper}"},
    ):
        assert status(keys, headers) == 401
    keys.revoke("assistant")
    assert status(keys, {"authorization": f"Bearer {good}"}) == 401
