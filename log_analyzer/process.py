"""The analyzer's process: assembles its parts and threads, and stops them."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog
from cassandra.cluster import Session
from prometheus_client import REGISTRY

from firstcause.health import serve_health
from firstcause.kafka.group_lag import GroupLagCollector
from firstcause.settings import Settings
from firstcause.storage.patient_connection import connect_patiently
from firstcause.templates.shared_miner import SharedTemplateMiner
from log_analyzer import metrics
from log_analyzer.context.gatherer import ContextGatherer
from log_analyzer.context.store import ContextStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incident_history.similar_incidents import SimilarIncidents
from log_analyzer.incidents.call_graph import CallGraphStore
from log_analyzer.incidents.escalations import EscalationStore
from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.incidents.stores.trace_complaints import TraceComplaints
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.intake.consumer import LogConsumer
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_analyzer.model.analysis_store import AnalysisStore
from log_analyzer.notify.channel_wiring import Messaging
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.stream_metrics import StreamCollector
from log_analyzer.suspects.ranking_process import RankingProcess
from log_analyzer.webhooks.wiring import webhook_consumer
from log_analyzer.worker_passes import run_passes
from log_analyzer.workers.alert_wiring import alert_workers
from log_analyzer.workers.context import ContextWorker
from log_analyzer.workers.hot_state_wiring import hot_state_copier

ALIVE_SECONDS: Final = 60.0
JOIN_SECONDS: Final = 10.0

_log = structlog.get_logger()


class Analyzer:
    """Consumer loop in the calling thread; all else in threads of their own.

    These are: messages, replies in their threads, buttons, context, analysis, alerts, objectives,
    the copy of the newest window metrics to Redis.
    They share nothing but Cassandra and a hint that an incident has changed, so that any of them
    may be killed at any moment.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: LogConsumer | None = None
        self._workers: list[threading.Thread] = []
        self.stopping = threading.Event()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Well while the consumer loop turns and its workers live."""
        consumer = self._consumer
        if consumer is None:
            return False, {"state": "waiting for Cassandra"}
        seconds = time.monotonic() - consumer.alive_at
        dead = [worker.name for worker in self._workers if not worker.is_alive()]
        state = {"state": "consuming", "loop_seconds_ago": round(seconds, 1), "dead_workers": dead}
        return seconds < ALIVE_SECONDS and not dead, state

    def run(self) -> None:
        """Runs until `stopping` is set; waits for Cassandra as long as it takes."""
        settings = self._settings
        REGISTRY.register(StreamCollector(settings.checkpoints_dir))
        topics = (
            settings.kafka_logs_topic,
            settings.kafka_alerts_topic,
            settings.kafka_escalations_topic,
        )
        REGISTRY.register(
            GroupLagCollector(settings.kafka_bootstrap_servers, settings.analyzer_group, topics)
        )
        metrics.STORE_AWAY.set(1)  # until it is connected
        metrics.show_settings(settings)
        serve_health(
            settings.analyzer_metrics_host,
            settings.analyzer_metrics_port,
            self.health,
            port_setting="ANALYZER_METRICS_PORT",
        )
        connected = connect_patiently(settings, self.stopping, BoardStore)
        if connected is None:
            return
        metrics.STORE_AWAY.set(0)
        session, _ = connected
        try:
            self._consume(session)
        finally:
            self.stopping.set()
            for worker in self._workers:
                worker.join(JOIN_SECONDS)
            session.cluster.shutdown()

    def _consume(self, session: Session) -> None:
        settings = self._settings
        owner = f"{socket.gethostname()}:{os.getpid()}"
        outbox, reader = MessageOutbox(session), IncidentReader(session)
        with_model = settings.mistral_api_key is not None
        messaging = Messaging(settings, session, owner)
        for name, worker in messaging.workers().items():
            self._start(name, worker)
        ranking = RankingProcess(settings)
        contexts = ContextWorker(
            store=ContextStore(session),
            gatherer=ContextGatherer(session),
            outbox=outbox,
            reader=reader,
            owner=owner,
            ranker=ranking,
            old_after_ms=settings.analyzer_old_news_seconds * 1_000,
            changed=messaging.changed,
        )
        self._start("context", partial(run_passes, "context", contexts.run_once))
        if with_model:
            # The SDK takes a third of the start, and is used with a key alone.
            from log_analyzer.model.wiring import questioner
            from log_analyzer.workers.analysis import AnalysisWorker

            analysis = AnalysisWorker(
                store=AnalysisStore(session),
                outbox=outbox,
                reader=reader,
                questioner=questioner(settings, session, reader),
                owner=owner,
                similar=SimilarIncidents(session, reader.opened, reader.read_alone).of,
                changed=messaging.changed,
            )
            self._start("analysis", partial(run_passes, "analysis", analysis.run_once))
        for name, alerts in alert_workers(settings, session).items():
            self._start(name, partial(run_passes, name, alerts.run_once))
        hot_state = hot_state_copier(settings, session, owner)
        if hot_state is not None:
            self._start("hot_state", partial(run_passes, "hot_state", hot_state.run_once))
        self._start("webhooks", webhook_consumer(settings).run)
        graphs, complaints = CallGraphStore(session), TraceComplaints(session)
        tracker = IncidentTracker(
            store=EpisodeStore(session),
            board=BoardStore(session),
            escalations=EscalationStore(session),
            outbox=outbox,
            load_graph=graphs.load,
            load_services=complaints.services,
            new_complaints=complaints.new,
            quiet_ms=int(settings.analyzer_quiet_seconds * 1_000),
            reopen_ms=int(settings.analyzer_reopen_seconds * 1_000),
            gather_ms=int(settings.analyzer_gather_seconds * 1_000),
            changed=messaging.changed,
        )
        self._consumer = LogConsumer(
            settings=settings,
            tracker=tracker,
            dead_letters=DeadLetterWriter(settings),
            miner=SharedTemplateMiner(session, unplaced=metrics.TEMPLATES_UNPLACED.inc),
        )
        _log.info("analyzer_started", group=settings.analyzer_group, with_model=with_model)
        try:
            self._consumer.run(self.stopping)
        finally:
            ranking.close()
        _log.info("analyzer_stopped")

    def _start(self, name: str, worker: Callable[[threading.Event], None]) -> None:
        thread = threading.Thread(target=worker, args=(self.stopping,), name=name, daemon=True)
        self._workers.append(thread)
        thread.start()
