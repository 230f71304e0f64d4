"""Assembles the workers that find alerts, one a thread."""

from __future__ import annotations

from cassandra.cluster import Session

from alerting.pipeline import PipelineLimits
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.objective_statuses import ObjectiveStatusStore
from firstcause.alerts.objectives_file import load_objectives
from firstcause.alerts.rules_file import load_rules
from firstcause.alerts.store import AlertStore
from firstcause.alerts.topic import AlertTopic
from firstcause.settings import Settings
from firstcause.storage.log_history import LogHistory
from firstcause.storage.window_metrics import WindowHistory
from log_analyzer.workers.alerts import AlertWorker, Watch
from log_analyzer.workers.objective_watch import ObjectiveWatch
from log_analyzer.workers.pipeline_reading import PipelineReader
from log_analyzer.workers.pipeline_watch import PipelineWatch
from log_analyzer.workers.rule_watch import RuleWatch


def alert_workers(settings: Settings, session: Session) -> dict[str, AlertWorker]:
    """The workers by the names of their threads. Blocks; raises the driver's errors."""
    store, windows = AlertStore(session), WindowHistory(session)
    services = LogHistory(session).services
    watermark_ms = settings.window_watermark_seconds * 1_000
    watches: dict[str, Watch] = {
        "alerts": RuleWatch(
            windows=windows,
            services=services,
            store=store,
            load_rules=lambda: EditedFile(settings.alert_rules, load_rules),
            watermark_ms=watermark_ms,
            history_ms=settings.alert_history_hours * 3_600_000,
        ),
        "objectives": ObjectiveWatch(
            windows=windows,
            services=services,
            store=store,
            statuses=ObjectiveStatusStore(session),
            load_objectives=lambda: EditedFile(settings.objectives, load_objectives),
            watermark_ms=watermark_ms,
        ),
    }
    limits = PipelineLimits(
        silent_ms=int(settings.pipeline_silent_seconds * 1_000),
        stalled_ms=int(settings.pipeline_stalled_seconds * 1_000),
    )
    watches["pipeline"] = PipelineWatch(
        read=PipelineReader(settings).read, store=store, limits=limits
    )
    send = AlertTopic(settings).send
    return {name: AlertWorker(watch, store=store, send=send) for name, watch in watches.items()}
