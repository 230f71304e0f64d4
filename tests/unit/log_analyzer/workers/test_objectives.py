"""Objectives watched live: told once, also after a restart; broken edits keep what worked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from alerting.alert import Alert
from alerting.objectives.burn_rate import ObjectiveStatus
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.objectives_file import load_objectives
from log_analyzer.workers.alerts import AlertWorker
from log_analyzer.workers.objective_watch import ObjectiveWatch
from tests.unit.alerting.test_engine import START_MS
from tests.unit.log_analyzer.workers.test_alerts import Installation as RuleInstallation

FILE = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: "*"
  indicator:
    spec:
      ratioMetric:
        bad: {metricSource: {spec: {measure: errors}}}
        total: {metricSource: {spec: {measure: events}}}
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""
WATERMARK_MS = 120_000


class Installation(RuleInstallation):
    """Window metrics, alerts and objectives in memory; workers come and go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.objectives = folder / "objectives.yaml"
        self.objectives.write_text(FILE)
        self.statuses: dict[tuple[str, str], ObjectiveStatus] = {}
        self.statuses_fail = False
        self.windows_fail = False
        self.coarse_reads = 0

    def worker(self) -> AlertWorker:
        store = self.Store(self)
        watch = ObjectiveWatch(
            windows=self,
            services=lambda: {name for name, _ in self.rows if name},
            store=store,
            statuses=self,
            load_objectives=lambda: EditedFile(self.objectives, load_objectives),
            watermark_ms=WATERMARK_MS,
            clock_ms=lambda: self.now_ms,
        )
        return AlertWorker(
            watch,
            store=store,
            send=self.send,
            clock_ms=lambda: self.now_ms,
            monotonic=lambda: self.now_ms / 1_000,
        )

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterable[WindowMetrics]:
        # The newest minute is looked for over the sum of all services.
        if self.windows_fail and service_name:
            raise OSError("windows are away")
        self.coarse_reads += kind is WindowKind.FIVE_MINUTES
        return super().between(service_name, kind, start_ms, end_ms)

    def write(self, statuses: Iterable[ObjectiveStatus]) -> None:
        if self.statuses_fail:
            raise OSError("statuses are away")
        self.statuses.update({(one.objective, one.service_name): one for one in statuses})

    def keep_only(self, objectives: Iterable[str]) -> None:
        kept = set(objectives)
        self.statuses = {key: one for key, one in self.statuses.items() if key[0] in kept}


def minute(at: int, errors: int = 0) -> WindowMetrics:
    start_ms = START_MS + at * MINUTE_MS
    levels = {"INFO": 100 - errors, "ERROR": errors}
    return WindowMetrics(
        "cart", WindowKind.MINUTE, start_ms, start_ms + MINUTE_MS, events=100, levels=levels
    )


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def turn(own: Installation, worker: AlertWorker, rows: Sequence[WindowMetrics]) -> None:
    for row in rows:
        own.measure(row)
        own.now_ms += 3_000
        worker.run_once()


def told(own: Installation) -> list[Alert]:
    return own.sent


def test_a_page_and_a_ticket_are_told_once_and_how_it_stands_is_kept(own: Installation) -> None:
    worker = own.worker()
    turn(own, worker, [minute(at) for at in range(10)])
    assert own.sent == []
    turn(own, worker, [minute(10, errors=60), minute(11, errors=60), minute(12, errors=60)])
    turn(own, worker, [minute(at) for at in range(13, 16)])
    assert sorted((one.rule, one.severity, one.kind) for one in own.sent) == [
        ("availability:page", "high", "objective"),
        ("availability:ticket", "medium", "objective"),
    ]
    (status,) = own.statuses.values()
    assert (status.bad, status.total) == (180, 1_500)
    assert status.at_ms == START_MS + 15 * MINUTE_MS
    assert status.budget_left == pytest.approx(1 - 0.12 / 0.01)
    # After a restart the same is found again, and nobody is told.
    before = dict(own.stored)
    worker = own.worker()
    turn(own, worker, [minute(16)])
    assert len(own.sent) == 2
    assert {key: one.alert.window_start_ms for key, one in own.stored.items()} == {
        key: one.alert.window_start_ms for key, one in before.items()
    }
    (status,) = own.statuses.values()
    assert (status.bad, status.total) == (180, 1_600)


def test_an_alert_that_lasted_before_the_time_that_is_judged_again_stays_the_same(
    own: Installation,
) -> None:
    worker = own.worker()
    # Eight hours of a slowly burning budget.
    turn(own, worker, [minute(at, errors=8) for at in range(480)])
    pages = {one.alert_id for one in own.sent if one.rule == "availability:page"}
    assert len(pages) == 1
    worker = own.worker()
    turn(own, worker, [minute(at, errors=8) for at in range(480, 485)])
    assert {one.alert_id for one in own.sent if one.rule == "availability:page"} == pages
    assert len(own.stored) == 2


def test_a_broken_edit_keeps_what_worked_and_a_removed_objective_has_no_status(
    own: Installation,
) -> None:
    worker = own.worker()
    turn(own, worker, [minute(0), minute(1)])
    assert len(own.statuses) == 1
    own.objectives.write_text(FILE.replace("0.99", "1"))
    turn(own, worker, [minute(2)])
    assert [one.at_ms for one in own.statuses.values()] == [START_MS + 2 * MINUTE_MS]
    own.objectives.write_text(FILE.replace("name: availability", "name: other"))
    turn(own, worker, [minute(3)])
    assert {name for name, _ in own.statuses} == {"other"}
    own.objectives.unlink()
    turn(own, worker, [minute(4)])
    assert own.statuses == {}


def test_while_statuses_cannot_be_written_alerts_are_told_and_nothing_is_read_again(
    own: Installation,
) -> None:
    worker = own.worker()
    turn(own, worker, [minute(at) for at in range(10)])
    begun = own.coarse_reads
    own.statuses_fail = True
    turn(own, worker, [minute(at, errors=60) for at in range(10, 13)])
    turn(own, worker, [minute(at) for at in range(13, 16)])
    assert len(own.sent) == 2
    (status,) = own.statuses.values()
    assert status.at_ms == START_MS + 9 * MINUTE_MS
    own.statuses_fail = False
    own.now_ms += 3_000
    # No new minute is needed.
    worker.run_once()
    (status,) = own.statuses.values()
    assert (status.bad, status.at_ms) == (180, START_MS + 15 * MINUTE_MS)
    assert own.coarse_reads == begun


def test_while_windows_cannot_be_read_the_past_that_was_learned_is_kept(own: Installation) -> None:
    worker = own.worker()
    turn(own, worker, [minute(at) for at in range(10)])
    begun = own.coarse_reads
    own.windows_fail = True
    with pytest.raises(OSError, match="windows are away"):
        turn(own, worker, [minute(10)])
    own.windows_fail = False
    turn(own, worker, [minute(11)])
    assert own.coarse_reads == begun
