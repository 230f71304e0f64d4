"""The API over a real Cassandra and Kafka: pages of logs, a trace, incidents, people's actions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import schemathesis
from cassandra.cluster import Session
from confluent_kafka import Consumer
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks
from starlette.testclient import TestClient

from alerting.windows import WindowKind, WindowMetrics
from api.app import create_app
from api.reading.stores import StoreAccess
from firstcause.access.keys import KeyFile
from firstcause.alerts.store import AlertStore
from firstcause.events.log_event import LogEvent
from firstcause.settings import Settings
from firstcause.storage.log_history import LogHistory
from firstcause.storage.log_partition import shard_of
from firstcause.storage.stored_time import ms_from_datetime
from firstcause.storage.window_metrics import INSERT, window_row
from log_analyzer.door import StoredIncidents
from log_analyzer.incidents.escalations import ConsumedEscalation, EscalationStore
from search.embedded.engine import EmbeddedEngine
from search.embedded.rebuild import rebuild
from search.embedded.writer import HourWriters
from search.patterns.counter import CountKey, PatternChanges, TemplateSeen
from search.patterns.store import PatternStore
from search.query.parser import parse
from tests.integration.log_analyzer.stored_incidents import put_incident
from tests.unit.api.test_alerts import an_alert

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
TRACE = "ab" * 16
SERVICES = ("cart", "order", 'it\'s "quoted"; DROP TABLE logs')


@pytest.fixture(scope="module")
def client(settings: Settings, session: Session) -> Iterator[TestClient]:
    for number in range(60):
        put_log(session, number)
    put_into_index(settings)
    put_measured(session)
    # How fast the machine is, is not what is tested.
    patience = {"api_requests_per_second": 100_000.0, "api_query_seconds": 120.0}
    unhurried = settings.model_copy(update=patience)
    stores = StoreAccess(unhurried, lambda opened: StoredIncidents(opened, model_configured=False))
    with TestClient(create_app(unhurried, stores), base_url="http://127.0.0.1") as opened:
        yield opened


def put_log(session: Session, number: int) -> None:
    """Line `number`: of a service in turn, three in a second, over some minutes."""
    log_id, service = uuid.UUID(int=number), SERVICES[number % 3]
    at = NOW + timedelta(seconds=number // 3 * 7)
    minute = at.replace(second=0)
    session.execute(
        "INSERT INTO logs (service_name, minute, shard, timestamp, log_id, level, message, "
        "trace_id, attributes, anomaly) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            service, minute, shard_of(str(log_id)), at, log_id,
            "ERROR" if number % 5 == 0 else "INFO", f"line {number}",
            TRACE if number % 10 == 0 else None, {"n": str(number)},
            "medium" if number % 5 == 0 else "low" if number % 7 == 0 else None,
        ),
    )  # fmt: skip
    session.execute(
        "INSERT INTO log_minutes (service_name, day, minute) VALUES (%s, %s, %s)",
        (service, at.date(), minute),
    )
    session.execute(
        "INSERT INTO services (service_name, last_heard) VALUES (%s, %s)", (service, at)
    )


def put_into_index(settings: Settings) -> None:
    """Every second line, and one that is not stored."""
    writers = HourWriters(settings.search_dir)
    events = []
    for number in (*range(0, 60, 2), 1_000):
        at_ms = ms_from_datetime(NOW + timedelta(seconds=number % 60 // 3 * 7))
        log_id = str(uuid.UUID(int=number))
        events.append(LogEvent(log_id, at_ms, SERVICES[number % 3], "INFO", f"line {number}"))
    writers.put(events)
    writers.close()


def put_measured(session: Session) -> None:
    """A pattern, an alert, an escalation and a window of the service cart."""
    now_ms, template = ms_from_datetime(NOW), uuid.UUID(int=5)
    PatternStore(session).write(
        PatternChanges(
            {CountKey("cart", now_ms, template, 0, 0): 7},
            {("cart", template): TemplateSeen("line <*>", "INFO", now_ms, now_ms)},
        )
    )
    stored = an_alert(1, service_name="cart", window_start_ms=now_ms, last_window_end_ms=now_ms)
    AlertStore(session).write([stored.alert], {})
    escalation = ConsumedEscalation(uuid.UUID(int=6), "cart", 3, now_ms, now_ms + 60_000)
    EscalationStore(session).write([escalation])
    for name in ("cart", ""):
        window = WindowMetrics(name, WindowKind.MINUTE, now_ms, now_ms + 60_000, events=10)
        session.execute(session.prepare(INSERT), window_row(window))


def numbers(client: TestClient, **params: object) -> list[int]:
    """The numbers of all lines, over as many pages as there are."""
    found: list[int] = []
    while True:
        answer = client.get("/logs", params={"from": "all", **params}).json()
        found += [uuid.UUID(one["log_id"]).int for one in answer["logs"]]
        if "next_cursor" not in answer:
            return found
        params["cursor"] = answer["next_cursor"]


def anomalies(client: TestClient, **params: object) -> list[tuple[int, str, int]]:
    """Number, severity and score of all odd lines, over as many pages as there are."""
    found: list[tuple[int, str, int]] = []
    while True:
        answer = client.get("/logs/anomalies", params={"from": "all", **params}).json()
        found += [
            (uuid.UUID(one["log"]["log_id"]).int, one["severity"], one["score"])
            for one in answer["anomalies"]
        ]
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


@pytest.mark.parametrize("limit", [3, 1_000])
def test_odd_lines_are_found_by_their_severity(client: TestClient, limit: int) -> None:
    errors = newest_first(range(0, 60, 5))
    assert anomalies(client, severity="medium", limit=limit) == [
        (number, "medium", 40) for number in errors
    ]
    found = [number for number, _, _ in anomalies(client, limit=limit)]
    assert found == [one for one in newest_first(range(60)) if one % 5 == 0 or one % 7 == 0]
    assert anomalies(client, severity="high") == []


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
    for opened, incident in ((NOW, older), (NOW + timedelta(seconds=5), newer)):
        session.execute(
            "UPDATE episodes SET opened_at = %s WHERE episode_id = %s", (opened, incident)
        )
    listed = client.get("/incidents", params={"limit": 1}).json()
    rest = client.get("/incidents", params={"limit": 1, "cursor": listed["next_cursor"]}).json()
    ids = [one["incident_id"] for page in (listed, rest) for one in page["incidents"]]
    assert ids == [str(newer), str(older)]
    secret = KeyFile(settings.api_keys_file).add("ann", "act")
    headers = {"authorization": f"Bearer {secret}"}
    base = f"/incidents/{newer}"
    assert client.post(f"{base}/ack", json={}, headers=headers).status_code == 200
    assert client.post(f"{base}/silence", json={"minutes": 5}, headers=headers).status_code == 200
    told = client.get(base).json()
    (similar,) = told["similar"]
    assert (similar["incident_id"], similar["similarity"]) == (str(older), 1.0)
    assert "same errors: shop: It failed" in similar["shared"]
    wrong = client.post(f"/incidents/{older}/feedback", json={"verdict": "wrong"}, headers=headers)
    assert wrong.status_code == 200
    assert client.get(base).json()["similar"] == []
    handling = told["handling"]
    assert handling["acknowledged_by"] == handling["silenced_by"] == "ann"
    page = client.get(f"/ui/incidents/{newer}").text
    assert "Taken by <strong>ann</strong>" in page
    missing = client.post(f"/incidents/{uuid.uuid4()}/ack", json={}, headers=headers)
    assert missing.status_code == 404


def test_lines_are_searched_by_the_index_and_come_from_the_table(client: TestClient) -> None:
    found = newest_first(range(0, 60, 2))
    assert numbers(client, q="line", limit=7) == found
    assert numbers(client, q="line -service:cart") == [one for one in found if one % 3]
    answer = client.get("/logs", params={"from": "all", "q": "line"}).json()
    assert answer["not_stored"] == 1
    assert answer["logs"][0]["attributes"] == {"n": str(found[0])}
    assert client.get("/logs/stats", params={"from": "all", "q": "line"}).json()["total"] == 31
    page = client.get("/ui/logs", params={"from": "1h", "q": "line"}).text
    assert f"line {found[0]}<" in page


def test_an_index_that_is_made_again_from_the_table_answers_the_same(
    client: TestClient, session: Session, tmp_path: Path
) -> None:
    hour = timedelta(hours=1)
    for _ in range(2):
        writers = HourWriters(tmp_path)
        made = rebuild(LogHistory(session), writers, NOW - hour, NOW + hour)
        writers.close()
    found = EmbeddedEngine(tmp_path).search(parse("line"), 0, 2**41, 100).keys
    assert made == 60
    assert [uuid.UUID(key.log_id).int for key in found] == newest_first(range(60))


def test_what_was_measured_is_answered(client: TestClient) -> None:
    times = {"from": (NOW - timedelta(minutes=5)).isoformat()}
    patterns = client.get("/patterns", params=times).json()["patterns"]
    assert [(one["text"], one["count"]) for one in patterns] == [("line <*>", 7)]
    changed = client.get("/patterns/diff", params=times).json()["changes"]
    assert [one["change"] for one in changed] == ["new"]
    assert "line &lt;*&gt;" in client.get("/ui/patterns", params=times).text
    alerts = client.get("/alerts", params=times).json()["alerts"]
    assert [one["sentence"] for one in alerts] == ["order fails 1"]
    escalations = client.get("/escalations", params=times).json()["escalations"]
    assert [one["alert_count"] for one in escalations] == [3]
    kpi = client.get("/kpi", params=times).json()
    assert (kpi["total"]["events"], kpi["services"][0]["service_name"]) == (10, "cart")
    series = client.get("/series", params={**times, "service": "cart"}).json()["series"]
    assert [one["events"] for one in series[0]["windows"]] == [10]


def test_an_alert_of_alertmanager_is_on_the_topic(client: TestClient, settings: Settings) -> None:
    labels = {"alertname": "Down", "service": "cart", "severity": "critical"}
    alert = {"status": "firing", "labels": labels, "startsAt": NOW.isoformat()}
    answer = client.post("/alerts/alertmanager", json={"version": "4", "alerts": [alert]})
    assert (answer.status_code, answer.json()["sent"]) == (200, 1)
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": str(uuid.uuid4()),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([settings.kafka_alerts_topic])
    try:
        message = consumer.poll(60)
        assert message is not None
        assert message.key() == b"cart"
        assert b'"rule":"Down"' in message.value()
    finally:
        consumer.close()


def test_whatever_the_description_allows_is_answered_as_it_says(
    client: TestClient, session: Session, settings: Settings
) -> None:
    first_ms = ms_from_datetime(NOW)
    there = {
        "incident_id": str(put_incident(session, first_ms, first_ms + 60_000, "open")),
        "trace_id": TRACE,
    }
    secret = KeyFile(settings.api_keys_file).add("anybody", "act")
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {secret}"}
    described = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    operations = [one.ok() for one in described.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:

        @example_settings(
            max_examples=6, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(case=operation.as_strategy(), is_there=st.booleans())
        def ask(case: schemathesis.Case, *, is_there: bool) -> None:
            named = case.path_parameters or {}
            if is_there:
                named.update({name: there[name] for name in named.keys() & there.keys()})
            answer = case.call(app=client.app, base_url="http://127.0.0.1", headers=headers)
            case.validate_response(
                answer,
                checks=[
                    schemathesis.checks.not_a_server_error,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                    checks.status_code_conformance,
                ],
            )

        ask()
