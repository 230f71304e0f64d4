"""Window metrics and escalations as processes, beside a recomputation in plain Python."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra.cluster import Session
from confluent_kafka import Producer

from alerting.escalation import Escalation, SeenAlert
from alerting.windows import MINUTE_MS
from firstcause.dead_letters import headers as dead_letter
from firstcause.events.alert_reason import UnreadableAlertReason
from firstcause.events.log_event import read_log_event
from firstcause.events.message_json import BytesFault
from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage.stored_time import datetime_from_ms
from firstcause.storage.window_metrics import read_window
from log_analyzer.incidents.escalations import read_escalation
from spark.driver.process import ESCALATIONS_JOB, WINDOWS_JOB
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.integration.spark.stored_logs import keep
from tests.streaming_driver import StoreDriver
from tests.window_oracle import Sent, a_history, differences, minutes_of, windows_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# By hand: `WINDOW_EVENTS=200000 WINDOW_KILLS=3`.
EVENTS = int(os.environ.get("WINDOW_EVENTS", "5000"))
KILLS = int(os.environ.get("WINDOW_KILLS", "1"))
MINUTES = 20
START_SECONDS = 240.0


def send(settings: Settings, sent: Sequence[Sent]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for one in sent:
        producer.produce(settings.kafka_logs_topic, one.value, partition=0)
        producer.poll(0)
    assert producer.flush(60) == 0


def kill(driver: StoreDriver) -> None:
    killed = driver.processes()
    for process in killed:
        # One may end at the death of the other.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, 30)
    assert not driver.processes()


def stored(session: Session) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Each window's row, as text, by its key."""
    rows = session.execute("SELECT * FROM window_metrics")
    return {(row.service_name, row.kind, row.window_start): tuple(map(repr, row)) for row in rows}


def late_events(session: Session) -> int:
    rows = session.execute("SELECT reason, events FROM window_marks")
    return sum(row.events for row in rows if row.reason == "late")


def backfill(driver: StoreDriver, result: Path) -> Any:
    script = str(PROJECT_ROOT / "spark" / "metrics_backfill.py")
    done = subprocess.run(
        [*driver.command()[:-1], script, "--hours", "1", "--result", str(result)],
        env=driver.environment(),
        cwd=PROJECT_ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return json.loads(result.read_text())


def test_every_window_is_that_of_a_recomputation_late_events_and_kills_included(
    settings: Settings, product_env: dict[str, str], session: Session, tmp_path: Path
) -> None:
    watermark = settings.window_watermark_seconds
    start_ms = (int(time.time()) // 60 - MINUTES - 2) * MINUTE_MS
    in_time, late = a_history(EVENTS, 7, start_ms, MINUTES, watermark)
    env = {
        **product_env,
        "FIRSTCAUSE_HOME": str(tmp_path),
        "WINDOW_TRIGGER_SECONDS": "0.5",
        "SPARK_MAX_EVENTS_PER_BATCH": str(EVENTS // 5),
    }
    own = settings.model_copy(update={"firstcause_home": tmp_path})
    driver = StoreDriver(own, env, job=WINDOWS_JOB)
    send(settings, in_time)
    try:
        driver.start()
        for turn in range(1, KILLS + 1):
            # In the middle of a batch or between two: the tables have to be the same.
            wanted = len(in_time) * turn // (KILLS + 2)
            eventually(driver.committed, lambda done, want=wanted: done >= want, START_SECONDS)
            kill(driver)
            driver.start()
        total = len(in_time)
        eventually(driver.committed, lambda done: done == total, START_SECONDS)
        # Spark sets the watermark at a batch's end: the first late one is behind it for certain.
        send(settings, late)
        eventually(driver.committed, lambda done: done == total + len(late), START_SECONDS)
        eventually(lambda: late_events(session), lambda count: count == len(late))
        by_stream = stored(session)

        everything = [read_log_event(one.value, one.at_ms) for one in (*in_time, *late)]
        keep(session, everything)
        told = backfill(driver, tmp_path / "result.json")
    finally:
        driver.stop()

    marked = minutes_of(late)
    assert told["minutes"] == len({at_ms for _, at_ms in marked})
    rows = session.execute("SELECT * FROM window_metrics")
    assert differences(windows_of([*in_time, *late]), [read_window(row) for row in rows]) == []

    # Rows without a late event are of the stream and were made anew by the backfill: the same.
    after = stored(session)
    incomplete = {
        (window.service_name, window.kind.value, window.start_ms) for window, _ in windows_of(late)
    }
    same = {
        key: row
        for key, row in by_stream.items()
        if (key[0], key[1], int(key[2].timestamp()) * 1000) not in incomplete
    }
    assert same
    assert {key: after[key] for key in same} == same


HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def alert(service: str, at_ms: int, number: int) -> bytes:
    """As somebody else may send it: an id that is no UUID, fields that nobody knows."""
    return json.dumps(
        {
            "alert_id": f"{service}-{number}",
            "event_time": datetime_from_ms(at_ms).isoformat(),
            "service_name": service,
            "labels": {"team": "shop"},
        }
    ).encode()


def messages(settings: Settings, topic: str) -> list[Any]:
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    return list(read_to_current_end(topic, config, group_id="test"))


def test_the_third_alert_within_an_hour_escalates_once_also_when_nothing_follows(
    settings: Settings, product_env: dict[str, str], tmp_path: Path
) -> None:
    now_ms = int(time.time()) * 1000
    cart = [now_ms - 40 * MINUTE_MS, now_ms - 5_000, now_ms - 1_000]
    broken = {
        alert("cart", now_ms + 365 * DAY_MS, 9): UnreadableAlertReason.EVENT_TIME_IN_FUTURE,
        b'{"alert_id": "a", "service_name": "cart"}': UnreadableAlertReason.MISSING_EVENT_TIME,
        b"down!": BytesFault.NOT_JSON_OBJECT,
    }
    env = {**product_env, "FIRSTCAUSE_HOME": str(tmp_path)}
    own = settings.model_copy(update={"firstcause_home": tmp_path})
    driver = StoreDriver(own, env, job=ESCALATIONS_JOB)
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})

    def send_alerts(values: Sequence[bytes]) -> None:
        for value in values:
            producer.produce(settings.kafka_alerts_topic, value, partition=0)
        assert producer.flush(60) == 0

    def escalations() -> dict[bytes, Any]:
        # A kill between sending and committing has a batch sent again: the same message.
        found = messages(settings, settings.kafka_escalations_topic)
        return {one.value(): one for one in found}

    # The last comes before the second, one twice; two of another service are none, and the end of
    # an alert is no other one.
    order = [alert("order", now_ms - at * MINUTE_MS, at) for at in (50, 1)]
    ended = {**json.loads(alert("order", now_ms - 30 * MINUTE_MS, 30)), "resolved_at": "now"}
    order.append(json.dumps(ended).encode())
    shuffled = [alert("cart", cart[place], place) for place in (0, 2, 1, 1)]
    send_alerts([*broken, *shuffled, *order])
    try:
        driver.start()
        eventually(escalations, lambda found: len(found) == 1, START_SECONDS)
        kill(driver)
        driver.start()
        # One more while it lasts, and the third of the other service.
        send_alerts([alert("cart", now_ms, 4), alert("order", now_ms, 3)])
        found = eventually(escalations, lambda found: len(found) == 2, START_SECONDS)
    finally:
        driver.stop()

    expected = [
        Escalation("cart", tuple(SeenAlert(at, f"cart-{n}") for n, at in enumerate(cart))),
        Escalation(
            "order",
            (
                SeenAlert(now_ms - 50 * MINUTE_MS, "order-50"),
                SeenAlert(now_ms - MINUTE_MS, "order-1"),
                SeenAlert(now_ms, "order-3"),
            ),
        ),
    ]
    # Partitions are read one after the other.
    sent = sorted(found.values(), key=lambda one: one.key())
    assert [json.loads(one.value()) for one in sent] == [one.message() for one in expected]
    assert [one.key() for one in sent] == [b"cart", b"order"]
    # The analyzer, which consumes them, reads them.
    read = [read_escalation(one.value(), now_ms) for one in sent]
    assert [one.escalation_id for one in read] == [one.escalation_id for one in expected]
    letters = {
        one.value(): dict(one.headers())[dead_letter.REASON].decode()
        for one in messages(settings, settings.kafka_dead_letter_topic)
    }
    assert letters == broken
