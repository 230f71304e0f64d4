"""Who may ask, how often, how much at a time, and how refusals look."""

from __future__ import annotations

import threading
import time

import pytest

from api.guard.load import Readers
from api.guard.problems import Problem
from api.guard.rate import RateLimit
from firstcause.access.keys import KeyFile
from tests.unit.api.world import a_client, an_incident

BEYOND = {"api_host": "10.0.0.1"}


def key(home, role: str) -> dict[str, str]:
    secret = KeyFile(home / "api_keys.json").add(role, role)
    return {"authorization": f"Bearer {secret}"}


def assert_problem(answer, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/services", "/logs", "/incidents", "/metrics", "/traces/ab"])
def test_beyond_loopback_a_key_is_needed(tmp_path, path: str) -> None:
    client = a_client(tmp_path, **BEYOND)
    assert_problem(client.get(path), 401)
    assert_problem(client.get(path, headers={"x-api-key": "fck_wrong"}), 401)
    assert_problem(client.get(path, headers=key(tmp_path, "ingest")), 403)
    assert client.get(path, headers=key(tmp_path, "read")).status_code in (200, 404, 500)


def test_on_loopback_no_key_is_needed_but_a_wrong_one_is_refused(tmp_path) -> None:
    client = a_client(tmp_path)
    assert client.get("/incidents").status_code == 200
    assert_problem(client.get("/incidents", headers={"x-api-key": "wrong"}), 401)


def test_a_revoked_key_is_refused_at_once(tmp_path) -> None:
    client = a_client(tmp_path, **BEYOND)
    headers = key(tmp_path, "read")
    assert client.get("/incidents", headers=headers).status_code == 200
    KeyFile(tmp_path / "api_keys.json").revoke("read")
    assert_problem(client.get("/incidents", headers=headers), 401)


def test_a_change_needs_the_role_act(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view], **BEYOND)
    path = f"/incidents/{view.incident_id}/ack"
    assert_problem(client.post(path, json={}, headers=key(tmp_path, "read")), 403)
    assert client.stores.incidents.actions == []
    assert client.post(path, json={}, headers=key(tmp_path, "act")).status_code == 200
    assert [one.by for one in client.stores.incidents.actions] == ["act"]


def test_what_a_browser_sends_by_itself_changes_nothing(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view])
    path = f"/incidents/{view.incident_id}/ack"
    assert_problem(client.post(path, json={}), 403)
    assert_problem(client.post(path, json={}, headers={"x-csrf-token": "0" * 32}), 403)
    assert client.stores.incidents.actions == []


def test_another_host_s_name_is_refused_on_loopback(tmp_path) -> None:
    client = a_client(tmp_path)
    assert client.get("/incidents", headers={"host": "evil.example"}).status_code == 400


def test_a_caller_that_is_too_fast_is_told_to_wait(tmp_path) -> None:
    client = a_client(tmp_path, api_requests_per_second=0.5)
    answers = [client.get("/incidents") for _ in range(3)]
    assert [one.status_code for one in answers[:2]] == [200, 200]
    assert_problem(answers[2], 429)
    assert int(answers[2].headers["retry-after"]) >= 1


def test_tokens_come_back_with_time() -> None:
    clock = [0.0]
    rate = RateLimit(2.0, lambda: clock[0])
    assert [rate.wait_seconds("one") for _ in range(8)] == [0.0] * 8
    assert rate.wait_seconds("one") == pytest.approx(0.5)
    assert rate.wait_seconds("another") == 0.0
    clock[0] = 0.5
    assert rate.wait_seconds("one") == 0.0


async def _run(readers: Readers, read) -> object:
    return await readers.run(read)


def test_a_slow_reading_is_given_up_on_and_keeps_its_place_until_it_ends() -> None:
    import asyncio

    async def story() -> None:
        readers = Readers(1, 0.05)
        release = threading.Event()
        with pytest.raises(Problem) as slow:
            await readers.run(lambda _: release.wait(30))
        assert slow.value.status == 504
        with pytest.raises(Problem) as busy:
            await readers.run(lambda _: 1)
        assert busy.value.status == 503
        assert "Retry-After" in busy.value.headers
        release.set()
        deadline = time.monotonic() + 10
        while True:
            try:
                assert await readers.run(lambda _: 2) == 2
                break
            except Problem:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        readers.close()

    asyncio.run(story())


def test_a_defect_tells_nothing_of_its_inside(tmp_path) -> None:
    client = a_client(tmp_path)
    client.stores.incidents.opened = None
    answer = client.get("/incidents")
    assert_problem(answer, 500)
    assert "NoneType" not in answer.text
