"""Alerts, escalations, key figures, and the webhook of Alertmanager."""

from __future__ import annotations

import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from starlette.testclient import TestClient

from alerting.alert import Alert
from alerting.objectives.burn_rate import ObjectiveStatus
from alerting.windows import WindowKind, WindowMetrics
from api.app import SENT_AT_ONCE, create_app
from api.guard.load import Deadline, too_slow
from api.reading.stores import StoreAccess
from firstcause.access.keys import KeyFile
from firstcause.alerts.store import StoredAlert
from firstcause.incidents.records import EarlierIncident, Escalation, SimilarIncident
from firstcause.settings import Settings
from firstcause.storage.window_metrics import StreamProgress
from log_analyzer.episodes.alerts import read_alert
from tests.unit.api.test_pages import HOSTILE, assert_harmless
from tests.unit.api.world import BASE, NOW, NOW_MS, TIMES, a_client, an_incident

MINUTE_MS = 60_000
HOUR = {"from": NOW.isoformat(), "to": (NOW + timedelta(hours=1)).isoformat()}


def an_alert(number: int, minutes: int = 0, **fields: object) -> StoredAlert:
    start = NOW_MS + minutes * MINUTE_MS
    values: dict = {
        "alert_id": uuid.UUID(int=number),
        "rule": "error_rate",
        "service_name": "order",
        "severity": "high",
        "mode": "live",
        "score": 70,
        "observed": 0.4,
        "expected": 0.1,
        "band": (None, 0.2),
        "learned_from": "a bound",
        "sentence": f"order fails {number}",
        "window_start_ms": start,
        "window_end_ms": start + MINUTE_MS,
        "last_window_end_ms": start + 2 * MINUTE_MS,
        **fields,
    }
    return StoredAlert(Alert(**values), start + MINUTE_MS)


@pytest.fixture
def client(tmp_path):
    return a_client(tmp_path)


def numbers(client, **params: object) -> list[int]:
    found = client.get("/alerts", params={**TIMES, **params}).json()["alerts"]
    return [uuid.UUID(one["alert_id"]).int for one in found]


def test_alerts_come_latest_first_and_filtered(client) -> None:
    client.stores.alerts.stored = [
        an_alert(1, -90),
        an_alert(2, 0, severity="low", rule="slow"),
        an_alert(3, 0, service_name="cart", resolved_ms=NOW_MS + 9 * MINUTE_MS),
        an_alert(4, 5, mode="shadow"),
    ]
    assert numbers(client) == [4, 2, 3, 1]
    assert numbers(client, service="cart") == [3]
    assert numbers(client, severity="high", mode="live") == [3, 1]
    assert numbers(client, rule="slow") == [2]
    assert numbers(client, state="resolved") == [3]
    assert numbers(client, state="open") == [4, 2, 1]
    one = client.get("/alerts", params={**TIMES, "service": "cart"}).json()["alerts"][0]
    assert one["onset"] == NOW.isoformat().replace("+00:00", "Z")
    assert client.get("/alerts", params={"from": "all"}).status_code == 400


@pytest.mark.parametrize("limit", [1, 2, 3, 30])
def test_the_pages_of_alerts_and_escalations_follow_their_cursor(client, limit: int) -> None:
    client.stores.rows.append({"service_name": "order", "timestamp": NOW})
    client.stores.alerts.stored = [an_alert(n, -(n // 3) * 400) for n in range(1, 8)]
    client.stores.escalations.stored = [
        Escalation(uuid.UUID(int=n), "order", 3, NOW_MS - n // 3, NOW_MS) for n in range(1, 8)
    ]
    for path, name, key in (
        ("/alerts", "alerts", "alert_id"),
        ("/escalations", "escalations", "escalation_id"),
    ):
        params, seen = {**TIMES, "from": (NOW - timedelta(days=3)).isoformat(), "limit": limit}, []
        while True:
            answer = client.get(path, params=params).json()
            seen += [uuid.UUID(one[key]).int for one in answer[name]]
            if "next_cursor" not in answer:
                break
            params["cursor"] = answer["next_cursor"]
        assert seen == list(range(1, 8))


def test_escalations_of_many_services_are_read_within_the_time(tmp_path, monkeypatch) -> None:
    client = a_client(tmp_path)
    names = [f"service-{number:03}" for number in range(300)]
    client.stores.rows += [{"service_name": name, "timestamp": NOW} for name in names]
    client.stores.escalations.stored = [
        Escalation(uuid.UUID(int=number + 1), name, 3, NOW_MS - number, NOW_MS)
        for number, name in enumerate(names)
    ]
    answer = client.get("/escalations", params={**TIMES, "limit": 1_000})
    assert answer.status_code == 200
    assert [one["service_name"] for one in answer.json()["escalations"]] == names
    assert client.get("/escalations", params={"from": "all"}).status_code == 400
    # The time is looked at between the readings of some services.
    read = client.stores.escalations.overlapping
    asked: list[int] = []

    def slowly(services, start_ms, end_ms):
        asked.append(len(services))
        return read(services, start_ms, end_ms)

    def over(_: Deadline) -> None:
        if asked:
            raise too_slow(1)

    monkeypatch.setattr(Deadline, "check", over)
    monkeypatch.setattr(client.stores.escalations, "overlapping", slowly)
    assert client.get("/escalations", params=TIMES).status_code == 504
    assert len(asked) == 1
    assert asked[0] < 300


def test_an_incident_shows_the_alerts_of_its_services(tmp_path) -> None:
    view = an_incident(escalations=(Escalation(uuid.UUID(int=9), "order", 4, NOW_MS, NOW_MS),))
    client = a_client(tmp_path, [view])
    client.stores.alerts.stored = [
        an_alert(1, 0),
        an_alert(2, 0, service_name="elsewhere"),
        an_alert(3, -90, last_window_end_ms=NOW_MS + MINUTE_MS),
        an_alert(4, -90),
        an_alert(5, 90),
    ]
    told = client.get(f"/incidents/{view.incident_id}").json()
    assert [uuid.UUID(one["alert_id"]).int for one in told["alerts"]] == [3, 1]
    assert told["escalations"][0]["alert_count"] == 4
    text = client.get(f"/ui/incidents/{view.incident_id}").text
    assert "order fails 3" in text
    assert "order: 4 alerts" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_of_an_alert_is_only_text(tmp_path, text: str) -> None:
    view = an_incident(services=(text,))
    client = a_client(tmp_path, [view])
    client.stores.alerts.stored = [an_alert(1, service_name=text, rule=text, sentence=text)]
    answer = client.get(f"/ui/incidents/{view.incident_id}")
    assert answer.status_code == 200
    assert_harmless(answer.text)


def windows(service: str, kind: WindowKind, *counts: tuple[int, int]) -> list[WindowMetrics]:
    """A window after the other: events and errors of each, latencies of 1 ms and more."""
    return [
        WindowMetrics(
            service,
            kind,
            NOW_MS + n * kind.step_ms,
            NOW_MS + n * kind.step_ms + kind.length_ms,
            events=events,
            levels={"ERROR": errors, "INFO": events - errors},
            status_classes={"5xx": errors},
            buckets={0: events},
            latency_sum_ms=float(events),
            latency_max_ms=1.0,
        )
        for n, (events, errors) in enumerate(counts)
    ]


def test_key_figures_add_windows_up(client) -> None:
    client.stores.windows.stored = [
        *windows("cart", WindowKind.MINUTE, (10, 1), (30, 3)),
        *windows("order", WindowKind.MINUTE, (60, 20)),
        *windows("", WindowKind.MINUTE, (70, 21), (30, 3)),
    ]
    client.stores.rows += [
        {"service_name": name, "timestamp": NOW} for name in ("cart", "order", "quiet")
    ]
    told = client.get("/kpi", params=HOUR).json()
    assert told["window"] == "1m"
    assert (told["total"]["events"], told["total"]["errors"]) == (100, 24)
    assert [one["service_name"] for one in told["services"]] == ["order", "cart"]
    cart = told["services"][1]
    assert (cart["events"], cart["error_rate"], cart["latency_mean_ms"]) == (40, 0.1, 1.0)
    assert cart["events_per_minute"] == pytest.approx(40 / 60, abs=0.001)
    assert cart["latency_p95_ms"] == pytest.approx(1.0, rel=0.02)
    only = client.get("/kpi", params={**HOUR, "service": "cart"}).json()
    assert [one["service_name"] for one in only["services"]] == ["cart"]
    assert "total" not in client.get("/kpi", params={"from": "20m"}).json()


def test_key_figures_tell_their_source_their_age_and_alerts_that_last(client) -> None:
    told = client.get("/kpi").json()
    assert told["source"] == "cassandra"
    assert "age_seconds" not in told
    client.stores.windows.written = StreamProgress(NOW_MS, NOW_MS)
    client.stores.alerts.stored = [
        an_alert(1),
        an_alert(2),
        an_alert(3, service_name="cart"),
        an_alert(4, resolved_ms=NOW_MS + 1),
        an_alert(5, mode="shadow"),
        an_alert(6, minutes=-2 * 24 * 60),
    ]
    told = client.get("/kpi").json()
    # An hour ago and more, as `NOW` is.
    assert told["age_seconds"] >= 3_600
    assert told["open_alerts"] == {"order": 2, "cart": 1}
    services = client.get("/services").json()
    assert (services["source"], services["age_seconds"]) == ("cassandra", 0)


def test_a_series_has_a_window_each(client) -> None:
    client.stores.windows.stored = [
        *windows("cart", WindowKind.MINUTE, (10, 1), (30, 3)),
        *windows("cart", WindowKind.FIVE_MINUTES, (40, 4)),
    ]
    told = client.get("/series", params={**HOUR, "service": "cart"}).json()
    (series,) = told["series"]
    assert [one["events"] for one in series["windows"]] == [10, 30]
    wide = client.get("/series", params={**HOUR, "service": "cart", "window": "5m"}).json()
    assert [one["events"] for one in wide["series"][0]["windows"]] == [40]
    assert client.get("/series", params=HOUR).status_code == 422
    too_long = client.get("/series", params={"service": "cart", "from": "all"})
    assert too_long.status_code == 400
    too_many = client.get("/series", params={"service": "cart", "from": "20d", "window": "1m"})
    assert too_many.status_code == 400
    assert "window=5m" in too_many.json()["detail"]


def fires(**changes: object) -> dict:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Pod crashes", "service": "cart", "severity": "critical"},
        "annotations": {"summary": "cart crashes"},
        "startsAt": NOW.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c1c1",
        **changes,
    }
    return {"version": "4", "groupKey": "{}", "receiver": "firstcause", "alerts": [alert]}


PATH = "/alerts/alertmanager"


def test_what_fires_goes_to_the_topic_as_the_analyzer_reads_it(client) -> None:
    for _ in range(2):
        answer = client.post(PATH, json=fires())
        assert (answer.status_code, answer.json()) == (200, {"sent": 1, "resolved": 0})
    first, again = client.stores.sent
    assert first["alert_id"] == again["alert_id"]
    event = read_alert(orjson.dumps(first), int(datetime.now(UTC).timestamp() * 1_000))
    assert event is not None
    assert (event.service_name, event.rule, event.severity) == ("cart", "Pod_crashes", "critical")
    assert (event.message, event.timestamp_ms) == ("cart crashes", NOW_MS)
    other = fires(startsAt=(NOW + timedelta(minutes=1)).isoformat())
    client.post(PATH, json=other)
    assert client.stores.sent[2]["alert_id"] != first["alert_id"]


def test_what_is_over_is_not_sent(client) -> None:
    answer = client.post(PATH, json=fires(status="resolved"))
    assert (answer.json(), client.stores.sent) == ({"sent": 0, "resolved": 1}, [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"startsAt": "2199-01-01T00:00:00Z"}, "more than a day ahead"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "before the year 2000"),
        ({"startsAt": "0001-01-01T00:00:00+23:59"}, "startsAt"),
        ({"startsAt": "9999-12-31T23:59:59-23:59"}, "startsAt"),
        ({"labels": {"alertname": "A"}}, "names no service"),
        ({"labels": {"service": "cart"}}, "alertname"),
        ({"labels": {"service": "cart", "alertname": " \n"}}, "alertname"),
        ({"labels": {"service": "c" * 10_000, "alertname": "A"}}, "names no service"),
    ],
)
def test_an_alert_that_cannot_be_one_is_told_and_the_others_are_taken(
    client, changes: dict, told: str
) -> None:
    body = fires()
    body["alerts"] += fires(**changes)["alerts"]
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error.startswith("alerts.1: ")
    assert told in error
    assert [one["service_name"] for one in client.stores.sent] == ["cart"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"version": "3", "alerts": []},
        fires(startsAt="yesterday"),
        fires(startsAt=None),
        fires(labels={"alertname": 7, "service": "cart"}),
        fires(status="pending"),
        {"version": "4", "alerts": fires()["alerts"] * 1_001},
    ],
)
def test_what_is_no_webhook_is_refused(client, body: object) -> None:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert client.stores.sent == []


def test_alertmanager_is_told_to_come_again_while_kafka_is_away(client) -> None:
    client.stores.kafka_is_away = True
    answer = client.post(PATH, json=fires())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_the_answer_is_503_before_the_time_is_up_while_kafka_is_away(client, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
    settings = Settings(
        firstcause_home=tmp_path, kafka_bootstrap_servers=closed, api_query_seconds=4.0
    )
    away = create_app(settings, StoreAccess(settings, lambda _: client.stores.incidents))
    answer = TestClient(away, base_url=BASE).post(PATH, json=fires())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "Kafka does not take alerts" in answer.json()["detail"]


def test_alerts_that_wait_for_kafka_take_no_reader(tmp_path) -> None:
    client = a_client(tmp_path, api_queries_at_once=1)
    begun, release = threading.Semaphore(0), threading.Event()

    def send_alerts(messages) -> None:
        begun.release()
        release.wait(60)

    client.stores.send_alerts = send_alerts
    statuses: list[int] = []
    # One event loop for all requests, as the server has.
    with client:
        threads = [
            threading.Thread(
                target=lambda: statuses.append(client.post(PATH, json=fires()).status_code)
            )
            for _ in range(SENT_AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in threads:
                assert begun.acquire(timeout=30)
            assert client.get("/alerts", params=TIMES).status_code == 200
            assert client.post(PATH, json=fires()).status_code == 503
        finally:
            release.set()
            for thread in threads:
                thread.join(60)
    assert statuses == [200] * SENT_AT_ONCE


def test_who_may_send_alerts(tmp_path) -> None:
    near = a_client(tmp_path)
    assert near.post(PATH, json=fires(), headers={"origin": "http://evil"}).status_code == 403
    body = orjson.dumps(fires())
    assert near.post(PATH, content=body, headers={"content-type": "text/plain"}).status_code == 403
    far = a_client(tmp_path, api_host="10.0.0.1")
    assert far.post(PATH, json=fires()).status_code == 401
    for role, status in (("read", 403), ("ingest", 200), ("act", 200)):
        secret = KeyFile(tmp_path / "api_keys.json").add(role, role)
        headers = {"authorization": f"Bearer {secret}"}
        assert far.post(PATH, json=fires(), headers=headers).status_code == status
        may_look = far.get("/alerts", headers=headers).status_code
        assert may_look == (403 if role == "ingest" else 200)


def test_a_body_that_is_too_long_is_refused_before_it_is_read(client) -> None:
    long = fires(annotations={"summary": "x" * 2_000_000})
    assert client.post(PATH, json=long).status_code == 413

    def parts():
        for _ in range(40):
            yield b" " * 65_536

    streamed = client.post(PATH, content=parts(), headers={"content-type": "application/json"})
    assert streamed.status_code == 413


@pytest.mark.parametrize("text", ["stock-db leaks connections", *HOSTILE])
def test_an_incident_shows_similar_ones_and_what_helped_then(tmp_path, text: str) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view])
    earlier = EarlierIncident(uuid.UUID(int=77), NOW_MS - 10, NOW_MS - 5, text, text, "likely")
    client.stores.incidents.similar_ones = (
        SimilarIncident(
            earlier, 0.75, (f"same errors: {text}",), is_confirmed=True, resolved_by=text
        ),
    )
    (told,) = client.get(f"/incidents/{view.incident_id}").json()["similar"]
    assert (told["similarity"], told["root_cause"], told["is_confirmed"]) == (0.75, text, True)
    page = client.get(f"/ui/incidents/{view.incident_id}").text
    assert "75 % of what either shows" in page
    assert "confirmed by people" in page
    assert f"/ui/incidents/{uuid.UUID(int=77)}" in page
    assert_harmless(page)


def test_how_objectives_stand_and_those_of_an_incident_s_services(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view])
    title = "99 % of the events are no errors"
    client.stores.objectives.stored = [
        ObjectiveStatus("availability", "order", title, 0.99, 86_400_000, view.last_ms, 2, 100,
                        {"1h": 20.0, "5m": 20.0}),
        ObjectiveStatus("availability", "cart", title, 0.99, 86_400_000, view.last_ms, 0, 0, {}),
        ObjectiveStatus("latency", "payment", title, 0.9, 86_400_000, view.first_ms - 1, 1, 9, {}),
    ]  # fmt: skip
    told = client.get("/objectives").json()["objectives"]
    assert [(one["objective"], one["service_name"]) for one in told] == [
        ("availability", "order"), ("availability", "cart"), ("latency", "payment"),
    ]  # fmt: skip
    assert (told[0]["urgency"], told[0]["good_share"]) == ("page", 0.98)
    assert told[0]["budget_left"] == pytest.approx(-1)
    assert "good_share" not in told[1]
    one = client.get("/objectives", params={"objective": "availability", "service": "cart"})
    assert len(one.json()["objectives"]) == 1
    (touched,) = client.get(f"/incidents/{view.incident_id}").json()["objectives"]
    assert touched["service_name"] == "order"
    assert "-100 % of the error budget left" in client.get(f"/ui/incidents/{view.incident_id}").text
