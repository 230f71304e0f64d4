"""Live alerts: told once, also after a kill; corrected by late events; shadow ones never told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.alert import Alert, alert_id
from alerting.live import LiveJudge
from alerting.rules.engine import Engine
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.rules_file import load_rules
from firstcause.alerts.store import StoredAlert
from log_analyzer.workers.alerts import AlertWorker
from log_analyzer.workers.rule_watch import RuleWatch
from tests.unit.alerting.test_engine import BROKE, ERRORS, SILENT, START_MS, minute, rules

WATERMARK_MS = 120_000
RULES = """\
version: 1
rules:
  - name: errors
    kind: threshold
    severity: high
    mode: MODE
    measure: {name: error_rate}
    above: 0.1
    resolve_after: 3
"""


class Killed(Exception):
    """The process ends here."""


class Installation:
    """Window metrics, alerts and their topic in memory; workers come and go."""

    def __init__(self, folder: Path, mode: str = "live") -> None:
        self.path = folder / "rules.yaml"
        self.path.write_text(RULES.replace("MODE", mode))
        self.rows: dict[tuple[str, int], WindowMetrics] = {}
        self.stored: dict[UUID, StoredAlert] = {}
        self.sent: list[Alert] = []
        self.now_ms = START_MS
        self.fails: Exception | None = None

    def worker(self) -> AlertWorker:
        store = self.Store(self)
        watch = RuleWatch(
            windows=self,
            services=lambda: {name for name, _ in self.rows if name},
            store=store,
            load_rules=lambda: EditedFile(self.path, load_rules),
            watermark_ms=WATERMARK_MS,
            history_ms=24 * 60 * MINUTE_MS,
            clock_ms=lambda: self.now_ms,
        )
        return AlertWorker(
            watch,
            store=store,
            send=self.send,
            clock_ms=lambda: self.now_ms,
            monotonic=lambda: self.now_ms / 1_000,
        )

    def measure(self, *rows: WindowMetrics) -> None:
        for row in rows:
            self.rows[row.service_name, row.start_ms] = row
            everything = WindowMetrics(
                ALL_SERVICES, WindowKind.MINUTE, row.start_ms, row.end_ms, row.events
            )
            self.rows[ALL_SERVICES, row.start_ms] = everything
            self.now_ms = max(self.now_ms, row.start_ms + 10_000)

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterable[WindowMetrics]:
        return [
            row
            for (name, at_ms), row in self.rows.items()
            if name == service_name and row.kind is kind and start_ms <= at_ms < end_ms
        ]

    def send(self, alerts: Sequence[Alert]) -> None:
        self.sent += alerts

    class Store:
        def __init__(self, own: Installation) -> None:
            self._own = own

        def write(self, alerts: Iterable[Alert], told_ms: dict[UUID, int]) -> None:
            if self._own.fails:
                raise self._own.fails
            for one in alerts:
                known = self._own.stored.get(one.alert_id)
                told = told_ms.get(one.alert_id, known and known.told_ms)
                self._own.stored[one.alert_id] = StoredAlert(one, told)

        def withdraw(self, alerts: Iterable[Alert]) -> None:
            for one in alerts:
                self._own.stored.pop(one.alert_id, None)

        def between(self, start_ms: int, end_ms: int) -> list[StoredAlert]:
            found = self._own.stored.values()
            return [one for one in found if start_ms <= one.alert.window_start_ms < end_ms]


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def turn(own: Installation, worker: AlertWorker, *rows: WindowMetrics) -> None:
    own.measure(*rows)
    own.now_ms += 3_000
    worker.run_once()


def test_an_alert_is_told_once_when_its_minute_is_closed_and_its_end_is_stored(
    own: Installation,
) -> None:
    worker = own.worker()
    for at in range(5):
        turn(own, worker, minute(at))
    turn(own, worker, minute(5, errors=50))
    assert own.sent == []
    turn(own, worker, minute(6))
    # 13 s of event time after the end of the minute.
    [alert] = own.sent
    assert alert.alert_id == alert_id("errors", "cart", START_MS + 5 * MINUTE_MS)
    for at in range(7, 15):
        turn(own, worker, minute(at))
    # The end is told once as well, under the same id.
    firing, ended = own.sent
    assert firing == alert
    assert (ended.alert_id, ended.resolved_ms) == (alert.alert_id, START_MS + 9 * MINUTE_MS)
    [stored] = own.stored.values()
    assert stored.told_ms is not None
    assert stored.alert.resolved_ms == START_MS + 9 * MINUTE_MS


def test_a_shadow_alert_is_stored_and_told_to_nobody(tmp_path: Path) -> None:
    own = Installation(tmp_path, "shadow")
    worker = own.worker()
    turn(own, worker, minute(0, errors=50))
    turn(own, worker, minute(1))
    assert own.sent == []
    [stored] = own.stored.values()
    assert (stored.alert.mode, stored.told_ms) == ("shadow", None)


def test_what_a_restart_finds_again_is_not_told_again(own: Installation) -> None:
    worker = own.worker()
    turn(own, worker, minute(0, errors=50), minute(1))
    turn(own, own.worker(), minute(2))
    assert len(own.sent) == 1


def test_killed_between_sending_and_storing_the_same_id_is_sent_again(own: Installation) -> None:
    worker = own.worker()
    own.measure(minute(0, errors=50), minute(1))
    own.fails = Killed()
    with pytest.raises(Killed):
        worker.run_once()
    own.fails = None
    turn(own, own.worker())
    assert len(own.sent) == 2
    assert len({one.alert_id for one in own.sent}) == 1
    # The worker that failed goes on from the stored past as well.
    turn(own, worker, minute(2))
    assert len({one.alert_id for one in own.sent}) == 1


def test_while_the_store_is_away_what_was_found_waits_and_nothing_is_judged_again(
    own: Installation,
) -> None:
    worker = own.worker()
    own.measure(minute(0, errors=50), minute(1))
    own.fails = Killed()
    with pytest.raises(Killed):
        worker.run_once()
    sent = list(own.sent)
    assert len(sent) == 1
    sent_ms = own.now_ms
    # Later than an alert may be to be news at a first look: it was found in time.
    own.rows.clear()
    own.now_ms += 90 * MINUTE_MS
    with pytest.raises(Killed):
        worker.run_once()
    own.now_ms += MINUTE_MS
    own.fails = None
    worker.run_once()
    assert [one.told_ms for one in own.stored.values()] == [sent_ms]
    assert own.sent == sent
    # What is found afterwards is sent as ever.
    turn(own, worker, minute(200, errors=50), minute(201))
    assert len(own.sent) == 2


def test_an_alert_of_long_ago_is_stored_at_the_first_start_and_no_news(own: Installation) -> None:
    own.measure(minute(0, errors=50), *(minute(at) for at in range(1, 90)))
    turn(own, own.worker())
    assert own.sent == []
    assert len(own.stored) == 1


def test_an_event_that_comes_late_moves_the_onset_and_nobody_is_told_twice(
    own: Installation,
) -> None:
    worker = own.worker()
    turn(own, worker, minute(0), minute(1), minute(2, errors=50))
    turn(own, worker, minute(3, errors=50))
    assert len(own.sent) == 1
    turn(own, worker, minute(1, errors=50), minute(4, errors=50))
    turn(own, worker, minute(5, errors=50))
    assert len(own.sent) == 1
    [stored] = own.stored.values()
    assert stored.alert.window_start_ms == START_MS + MINUTE_MS


def test_saved_rules_are_in_force_at_the_next_minute(own: Installation) -> None:
    worker = own.worker()
    turn(own, worker, minute(0, errors=8), minute(1))
    assert own.sent == []
    own.path.write_text(own.path.read_text().replace("above: 0.1", "above: 0.05"))
    turn(own, worker, minute(2))
    assert [one.expected for one in own.sent] == [0.05]


ALL = rules(ERRORS, SILENT, BROKE)
MINUTES = st.lists(
    st.tuples(
        st.sampled_from(["cart", "order"]),
        st.integers(0, 40),
        st.sampled_from([0, 40, 100]),
        st.sampled_from([0, 30]),
        # By how many minutes the final row comes later than its first version.
        st.integers(0, 1),
    ),
    max_size=80,
    unique_by=lambda one: (one[0], one[1]),
)


@settings(max_examples=100, deadline=None)
@given(MINUTES)
def test_once_minutes_are_final_the_alerts_are_those_of_the_engine(
    history: list[tuple[str, int, int, int, int]],
) -> None:
    rows = {
        (service, at): minute(at, service, events, min(errors, events))
        for service, at, events, errors, _ in history
    }
    late = {(service, at): by for service, at, _, _, by in history}
    judge, kept = LiveJudge(Engine(ALL), WATERMARK_MS), dict[UUID, Any]()
    for now in range(45):
        known = [
            row if now >= at + 1 + late[service, at] else minute(at, service, 1)
            for (service, at), row in rows.items()
            if at <= now
        ]
        newest_ms = max((row.start_ms for row in known), default=START_MS)
        look = judge.look(known, max(newest_ms, START_MS + now * MINUTE_MS))
        kept.update((one.alert_id, one) for one in look.changed)
        for one in look.withdrawn:
            del kept[one.alert_id]
        judge.told(look.to_tell)
    whole = Engine(ALL).judge(rows.values(), START_MS + 45 * MINUTE_MS)
    assert kept == {one.alert_id: one for one in whole}
