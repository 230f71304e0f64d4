"""Live alerts and a backtest over the same stored minutes: the same alerts, id by id."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import Any

import orjson
import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer
from typer.testing import CliRunner

from alerting.alert import Alert
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.rules_file import load_rules
from firstcause.alerts.store import AlertStore
from firstcause.alerts.topic import AlertTopic
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from firstcause.storage.log_history import LogHistory
from firstcause.storage.window_metrics import INSERT, WindowHistory, window_row
from log_analyzer.workers.alerts import AlertWorker

pytestmark = pytest.mark.integration

MINUTES = 45
HISTORY_MS = 24 * 3_600_000


@pytest.fixture
def own(settings: Settings) -> Settings:
    topic = f"{settings.kafka_alerts_topic}_{uuid.uuid4().hex[:8]}"
    fresh = settings.model_copy(update={"kafka_alerts_topic": topic})
    ensure_topics(fresh)
    return fresh


def messages(of: Settings, count: int) -> list[dict[str, Any]]:
    consumer = Consumer(
        {
            "bootstrap.servers": of.kafka_bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([of.kafka_alerts_topic])
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            found.append(orjson.loads(message.value() or b""))
    consumer.close()
    return found


def test_a_backtest_lists_exactly_the_alerts_that_live_made(
    own: Settings, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS - (MINUTES + 2) * MINUTE_MS
    insert = session.prepare(INSERT)
    clock = [start_ms]
    worker = AlertWorker(
        windows=WindowHistory(session),
        services=LogHistory(session).services,
        store=AlertStore(session),
        load_rules=lambda: EditedFile(own.alert_rules, load_rules),
        send=AlertTopic(own).send,
        watermark_ms=120_000,
        history_ms=HISTORY_MS,
        clock_ms=lambda: clock[0],
        monotonic=lambda: clock[0] / 1_000,
    )
    for service in ("cart", "order"):
        session.execute(
            "INSERT INTO services (service_name, last_heard) VALUES (%s, toTimestamp(now()))",
            (service,),
        )
    for at in range(MINUTES):
        errors = 40 if 30 <= at < 33 else 0
        levels = {"INFO": 200 - errors, "ERROR": errors}
        cells = {"order": {"INFO": 200}, ALL_SERVICES: {"INFO": 400}}
        # The cart falls silent at last.
        cells |= {"cart": levels} if at < 38 else {}
        rows = [
            WindowMetrics(
                service,
                WindowKind.MINUTE,
                start_ms + at * MINUTE_MS,
                start_ms + (at + 1) * MINUTE_MS,
                events=sum(counts.values()),
                levels=counts,
            )
            for service, counts in cells.items()
        ]
        execute_concurrent_with_args(session, insert, [window_row(row) for row in rows])
        clock[0] = start_ms + at * MINUTE_MS + 10_000
        worker.run_once()
    stored = AlertStore(session).between(start_ms, start_ms + MINUTES * MINUTE_MS)
    live = {str(one.alert.alert_id): one for one in stored}
    assert {one.alert.rule for one in stored} >= {"error_rate", "silent", "traffic_broke_off"}
    told = messages(own, sum(one.told_ms is not None for one in stored))
    assert sorted(one["alert_id"] for one in told) == sorted(
        key for key, one in live.items() if one.told_ms is not None
    )
    assert {one["severity"] for one in told} <= {"low", "medium", "high", "critical"}

    from firstcause.cli import app

    for name in ("load_settings",):
        monkeypatch.setattr(f"firstcause.settings.{name}", lambda: own)
    app._assemble()
    moments = [
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1_000))
        for ms in (start_ms, start_ms + (MINUTES - 1) * MINUTE_MS)
    ]
    arguments = ["rules", "backtest", "--from", moments[0], "--to", moments[1], "--json"]
    outcome = CliRunner().invoke(app.app, arguments)
    assert outcome.exit_code == 0, outcome.output
    listed = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert {one["alert_id"] for one in listed} == set(live)
    assert {one["alert_id"]: one["resolved_at"] is None for one in listed} == {
        key: one.alert.resolved_ms is None for key, one in live.items()
    }
    outcome = CliRunner().invoke(app.app, ["alerts", "--since", moments[0], "--json"])
    assert {json.loads(line)["alert_id"] for line in outcome.stdout.splitlines()} == set(live)


def test_an_alert_that_late_events_reopen_has_no_end_any_more(session: Session) -> None:
    store = AlertStore(session)
    begun_ms = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
    lasting = Alert(
        alert_id=uuid.uuid4(),
        rule="error_rate",
        service_name="cart",
        severity="high",
        mode="live",
        score=60,
        observed=0.2,
        expected=0.1,
        band=(None, None),
        learned_from="",
        sentence="cart fails",
        window_start_ms=begun_ms,
        window_end_ms=begun_ms + MINUTE_MS,
        last_window_end_ms=begun_ms + MINUTE_MS,
        resolved_ms=None,
    )
    store.write([replace(lasting, resolved_ms=begun_ms + 6 * MINUTE_MS)], {lasting.alert_id: 5})
    store.write([lasting], {})
    [stored] = store.between(begun_ms, begun_ms + MINUTE_MS)
    assert (stored.alert, stored.told_ms) == (lasting, 5)
