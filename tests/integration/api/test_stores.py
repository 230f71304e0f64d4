"""The API over a real Cassandra and Kafka: pages of logs, a trace, incidents, people's actions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cassandra.cluster import Session
from starlette.testclient import TestClient

from api.app import create_app
from api.reading.stores import StoreAccess
from firstcause.access.keys import KeyFile
from firstcause.settings import Settings
from firstcause.storage.log_partition import shard_of
from firstcause.storage.stored_time import ms_from_datetime
from log_analyzer.door import StoredIncidents
from tests.integration.log_analyzer.stored_incidents import put_incident

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
TRACE = "ab" * 16
SERVICES = ("cart", "order", 'it\'s "quoted"; DROP TABLE logs')


@pytest.fixture(scope="module")
def client(settings: Settings, session: Session) -> Iterator[TestClient]:
    for number in range(60):
        put_log(session, number)
    stores = StoreAccess(settings, lambda opened: StoredIncidents(opened, model_configured=False))
    with TestClient(create_app(settings, stores), base_url="http://127.0.0.1") as opened:
        yield opened


def put_log(session: Session, number: int) -> None:
    """Line `number`: of a service in turn, three in a second, over some minutes."""
    log_id, service = uuid.UUID(int=number), SERVICES[number % 3]
    at = NOW + timedelta(seconds=number // 3 * 7)
    minute = at.replace(second=0)
    session.execute(
        "INSERT INTO logs (service_name, minute, shard, timestamp, log_id, level, message, "
        "trace_id, attributes) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            service, minute, shard_of(str(log_id)), at, log_id,
            "ERROR" if number % 5 == 0 else "INFO", f"line {number}",
            TRACE if number % 10 == 0 else None, {"n": str(number)},
        ),
    )  # fmt: skip
    session.execute(
        "INSERT INTO log_minutes (service_name, day, minute) VALUES (%s, %s, %s)",
        (service, at.date(), minute),
    )
    session.execute(
        "INSERT INTO services (service_name, last_heard) VALUES (%s, %s)", (service, at)
    )


def numbers(client: TestClient, **params: object) -> list[int]:
    """The numbers of all lines, over as many pages as there are."""
    found: list[int] = []
    while True:
        answer = client.get("/logs", params={"from": "all", **params}).json()
        found += [uuid.UUID(one["log_id"]).int for one in answer["logs"]]
        if "next_cursor" not in answer:
            return found
        params["cursor"] = answer["next_cursor"]


def newest_first(found: range) -> list[int]:
    return sorted(found, key=lambda number: (-(number // 3), number))


def test_it_is_ready_when_its_services_answer(client: TestClient) -> None:
    assert client.get("/ready").json() == {"status": "ok", "cassandra": "ok", "kafka": "ok"}


@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_all_lines_come_once_and_in_order(client: TestClient, limit: int) -> None:
    assert numbers(client, limit=limit) == newest_first(range(60))


def test_lines_are_filtered(client: TestClient) -> None:
    assert numbers(client, service="cart", limit=4) == newest_first(range(0, 60, 3))
    assert numbers(client, service=SERVICES[2]) == newest_first(range(2, 60, 3))
    assert numbers(client, level="ERROR", limit=3) == newest_first(range(0, 60, 5))
    named = [one["service_name"] for one in client.get("/services").json()["services"]]
    assert named == sorted(SERVICES)


def test_a_line_has_its_neighbours(client: TestClient) -> None:
    params = {
        "service": "cart",
        "timestamp": (NOW + timedelta(seconds=70)).isoformat(),
        "log_id": str(uuid.UUID(int=30)),
        "count": 2,
    }
    answer = client.get("/logs/context", params=params).json()
    lines = [*answer["before"], answer["line"], *answer["after"]]
    assert [one["message"] for one in lines] == [f"line {n}" for n in (24, 27, 30, 33, 36)]


def test_a_trace_has_its_lines(client: TestClient) -> None:
    answer = client.get(f"/traces/{TRACE.upper()}").json()
    assert [one["attributes"]["n"] for one in answer["logs"]] == ["0", "10", "20", "30", "40", "50"]
    assert answer["spans"] == []
    assert client.get(f"/traces/{'cd' * 16}").status_code == 404


def test_an_incident_is_read_and_handled(
    client: TestClient, session: Session, settings: Settings
) -> None:
    first_ms = ms_from_datetime(NOW)
    older = put_incident(session, first_ms, first_ms + 60_000, "resolved")
    newer = put_incident(session, first_ms + 5_000, first_ms + 60_000, "open")
    listed = client.get("/incidents", params={"limit": 1}).json()
    rest = client.get("/incidents", params={"limit": 1, "cursor": listed["next_cursor"]}).json()
    ids = [one["incident_id"] for page in (listed, rest) for one in page["incidents"]]
    assert ids == [str(newer), str(older)]
    secret = KeyFile(settings.api_keys_file).add("ann", "act")
    headers = {"authorization": f"Bearer {secret}"}
    base = f"/incidents/{newer}"
    assert client.post(f"{base}/ack", json={}, headers=headers).status_code == 200
    assert client.post(f"{base}/silence", json={"minutes": 5}, headers=headers).status_code == 200
    handling = client.get(base).json()["handling"]
    assert handling["acknowledged_by"] == handling["silenced_by"] == "ann"
    page = client.get(f"/ui/incidents/{newer}").text
    assert "Taken by <strong>ann</strong>" in page
    missing = client.post(f"/incidents/{uuid.uuid4()}/ack", json={}, headers=headers)
    assert missing.status_code == 404
