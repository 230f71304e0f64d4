"""Live alerts and a backtest over the same stored minutes: the same alerts, id by id."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, Message
from typer.testing import CliRunner

from alerting.alert import Alert
from alerting.objectives.burn_rate import ObjectiveStatus
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.objective_statuses import ObjectiveStatusStore
from firstcause.alerts.rules_file import load_rules
from firstcause.alerts.store import AlertStore
from firstcause.alerts.topic import AlertTopic
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from firstcause.storage.log_history import LogHistory
from firstcause.storage.window_metrics import INSERT, WindowHistory, window_row
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_analyzer.webhooks.bodies import Notice
from log_analyzer.webhooks.consumer import WebhookConsumer
from log_analyzer.webhooks.receivers import Receiver, load_notifications
from log_analyzer.webhooks.sender import WebhookSender
from log_analyzer.workers.alerts import AlertWorker
from log_analyzer.workers.rule_watch import RuleWatch
from tests.integration.log_analyzer.analyzer_parts import webhooks_have_a_position
from tests.stubs.webhook import Webhooks, serving

pytestmark = pytest.mark.integration

WAIT_SECONDS = 120

MINUTES = 45
HISTORY_MS = 24 * 3_600_000


BEGUN_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
LASTING = Alert(
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
    window_start_ms=BEGUN_MS,
    window_end_ms=BEGUN_MS + MINUTE_MS,
    last_window_end_ms=BEGUN_MS + MINUTE_MS,
    kind="threshold",
)


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
    watch = RuleWatch(
        windows=WindowHistory(session),
        services=LogHistory(session).services,
        store=AlertStore(session),
        load_rules=lambda: EditedFile(own.alert_rules, load_rules),
        watermark_ms=120_000,
        history_ms=HISTORY_MS,
        clock_ms=lambda: clock[0],
    )
    worker = AlertWorker(
        watch,
        store=AlertStore(session),
        send=AlertTopic(own).send,
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
    told = [one.alert for one in stored if one.told_ms is not None]
    ended = [one for one in told if one.resolved_ms is not None]
    sent = messages(own, len(told) + len(ended))
    for alerts, is_end in ((told, False), (ended, True)):
        assert sorted(
            one["alert_id"] for one in sent if ("resolved_at" in one) is is_end
        ) == sorted(str(one.alert_id) for one in alerts)
    assert {one["severity"] for one in sent} <= {"low", "medium", "high", "critical"}

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


class Interrupted(WebhookSender):
    """Ends its consumer's turn once behind a request that was taken, as a kill would."""

    interruptions = 1

    def send(self, notice: Notice, receiver: Receiver) -> None:
        super().send(notice, receiver)
        if self.interruptions:
            self.interruptions -= 1
            raise RuntimeError("killed behind the answer")


def keys_of(hooks: Webhooks) -> list[str]:
    """In the order in which they came, with all repetitions."""
    return [one.headers["webhook-id"] for one in hooks.requests]


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def consuming(of: Settings, sender: WebhookSender) -> Iterator[None]:
    consumer = WebhookConsumer(
        of,
        load=lambda: EditedFile(of.notifications, load_notifications),
        sender=sender,
        dead_letters=DeadLetterWriter(of),
        wait_seconds=0.0,
    )
    stopping = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stopping,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_a_webhook_has_each_alert_at_least_once_under_one_key_and_the_rest_are_dead_letters(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("log_analyzer.webhooks.consumer.IDLE_SECONDS", 0.1)
    suffix = uuid.uuid4().hex[:8]
    of = own.model_copy(
        update={
            "notifications": tmp_path / "notifications.yaml",
            "analyzer_group": f"analyzer_{suffix}",
            "kafka_dead_letter_topic": f"{own.kafka_dead_letter_topic}_{suffix}",
        }
    )
    ensure_topics(of)
    first, second, third, fourth = (
        replace(LASTING, alert_id=uuid.uuid4(), service_name=f"service-{at}") for at in range(4)
    )
    topic = AlertTopic(of)
    # What was sent before anybody was to be told is no news.
    topic.send([first])
    with serving() as hooks:
        of.notifications.write_text(
            f"version: 1\n"
            f"receivers: [{{name: hub, webhook: {{url: '{hooks.url}'}}}}]\n"
            f"routes: [{{receivers: [hub]}}]\n"
        )
        with consuming(of, Interrupted(external_url="", allow_private=True)):
            eventually(lambda: webhooks_have_a_position(of))
            topic.send([second])
            eventually(lambda: keys_of(hooks).count(f"{second.alert_id}.firing") > 1)
            hooks.refused.add(f"{third.alert_id}.firing")
            topic.send([third])
            (letter,) = letters(of, 1)
        assert dict(letter.headers() or [])["dlq.reason"] == b"not_delivered"
        assert dict(letter.headers() or [])["dlq.error"] == b"hub: answered with status 400"
        # Another process goes on where this one stopped.
        topic.send([replace(second, resolved_ms=second.window_end_ms), fourth])
        with consuming(of, WebhookSender(external_url="", allow_private=True)):
            eventually(lambda: len(set(keys_of(hooks))) >= 4)
        # In the order of their first delivery; how often each came is nobody's promise.
        keys = list(dict.fromkeys(keys_of(hooks)))
        assert keys[:2] == [f"{second.alert_id}.firing", f"{third.alert_id}.firing"]
        assert set(keys[2:]) == {f"{second.alert_id}.resolved", f"{fourth.alert_id}.firing"}


def letters(of: Settings, count: int) -> list[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": of.kafka_bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([of.kafka_dead_letter_topic])
    found: list[Message] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


def test_an_alert_that_late_events_reopen_has_no_end_any_more(session: Session) -> None:
    store, lasting, begun_ms = AlertStore(session), LASTING, LASTING.window_start_ms
    store.write([replace(lasting, resolved_ms=begun_ms + 6 * MINUTE_MS)], {lasting.alert_id: 5})
    store.write([lasting], {})
    [stored] = store.between(begun_ms, begun_ms + MINUTE_MS)
    assert (stored.alert, stored.told_ms) == (lasting, 5)


def test_how_objectives_stand_is_read_as_it_was_written(session: Session) -> None:
    store = ObjectiveStatusStore(session)
    cart = ObjectiveStatus(
        objective="availability",
        service_name="cart",
        title="99 % without an error",
        target=0.99,
        window_ms=14 * 86_400_000,
        at_ms=1_700_000_000_000 // MINUTE_MS * MINUTE_MS,
        bad=3,
        total=1_000,
        burn_rates={"5m": 16.5, "1h": 15.0},
    )
    order = replace(cart, service_name="order", bad=0, burn_rates={})
    latency = replace(cart, objective="latency")
    store.write([order, cart, latency])
    store.write([replace(cart, bad=4)])
    assert store.latest() == [replace(cart, bad=4), order, latency]
    assert store.latest("latency") == [latency]
    store.keep_only(["latency"])
    assert store.latest() == [latency]
