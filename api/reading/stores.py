"""The stores behind the API: opened when they are first needed, and again after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cassandra.cluster import Session
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from api.reading.cursor import Position
from api.reading.logs import LogFilter, LogReader
from api.reading.search import LogSearch, SearchedPage
from firstcause.alerts.escalation_history import EscalationHistory
from firstcause.alerts.objective_statuses import ObjectiveStatusStore
from firstcause.alerts.store import AlertStore
from firstcause.alerts.topic import AlertTopic
from firstcause.errors import FirstcauseError
from firstcause.hot_state.connection import open_redis
from firstcause.hot_state.reader import TIMEOUT_SECONDS, HotStateReader
from firstcause.incidents.door import IncidentDoor
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.log_history import LogHistory
from firstcause.storage.window_metrics import WindowHistory
from search.embedded.engine import EmbeddedEngine
from search.patterns.store import PatternStore
from search.query.tree import Node
from search.rows import RowReader

CHECK_SECONDS: Final = 3.0

MakeIncidents = Callable[[Session], IncidentDoor]


@dataclass(frozen=True, slots=True)
class Stores:
    """What is read. Logs come by time or by search, spans by the session."""

    session: Session
    logs: LogReader
    search: LogSearch
    patterns: PatternStore
    alerts: AlertStore
    escalations: EscalationHistory
    windows: WindowHistory
    objectives: ObjectiveStatusStore
    incidents: IncidentDoor
    hot: HotStateReader | None = None

    def found(
        self,
        query: Node | None,
        wanted: LogFilter,
        after: Position | None,
        limit: int,
        step: Callable[[], None],
    ) -> SearchedPage:
        """The next lines after a position: those that match a query, or all. See `LogSearch`."""
        if query is not None:
            return self.search.page(query, wanted, after, limit, step)
        page = self.logs.page(wanted, after, limit, step)
        return SearchedPage(page.rows, page.next)


class StoreAccess:
    """Gives the stores to the threads that read; the first one connects.

    Raises:
        FirstcauseError: an option of `REDIS_URL` is none.
    """

    def __init__(self, settings: Settings, make_incidents: MakeIncidents) -> None:
        self._settings = settings
        self._make_incidents = make_incidents
        url = settings.redis_url
        self._hot = None if url is None else HotStateReader(open_redis(url, TIMEOUT_SECONDS))
        self._lock = threading.Lock()
        self._stores: Stores | None = None
        self._kafka_lock = threading.Lock()
        self._kafka: AdminClient | None = None
        self._alert_topic: AlertTopic | None = None

    def get(self) -> Stores:
        """The stores. Blocks while it connects.

        Raises:
            FirstcauseError: Cassandra does not answer, or the keyspace is not there.
        """
        with self._lock:
            if self._stores is None:
                session = cassandra.connect(
                    self._settings, request_timeout_seconds=self._settings.api_query_seconds
                )
                try:
                    self._stores = self._opened(session)
                except BaseException:
                    session.cluster.shutdown()
                    raise
            return self._stores

    def _opened(self, session: Session) -> Stores:
        logs = LogReader(LogHistory(session))
        engine = EmbeddedEngine(self._settings.search_dir)
        return Stores(
            session=session,
            logs=logs,
            search=LogSearch(engine, RowReader(session).rows, logs),
            patterns=PatternStore(session),
            alerts=AlertStore(session),
            escalations=EscalationHistory(session),
            windows=WindowHistory(session),
            objectives=ObjectiveStatusStore(session),
            incidents=self._make_incidents(session),
            hot=self._hot,
        )

    def send_alerts(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Sends alerts to their topic; blocks until Kafka has them.

        Raises:
            KafkaException: it does not have all of them; all may be sent again.
        """
        with self._kafka_lock:
            if self._alert_topic is None:
                # It fails before the request's time is up: 503, and Alertmanager tries again.
                seconds = self._settings.api_query_seconds / 2
                self._alert_topic = AlertTopic(self._settings, delivery_seconds=seconds)
            topic = self._alert_topic
        topic.send_messages(messages)

    def cassandra_problem(self) -> str:
        """Empty when Cassandra answers a query; else why not. Blocks for seconds at the most."""
        try:
            self.get().session.execute("SELECT now() FROM system.local", timeout=CHECK_SECONDS)
        except (FirstcauseError, *cassandra.AWAY) as error:
            return str(error)[:300] or type(error).__name__
        return ""

    def kafka_problem(self) -> str:
        """Empty when Kafka has the topic of logs; else why not. Blocks for seconds at the most."""
        topic = self._settings.kafka_logs_topic
        # Not the stores' lock: who connects to Cassandra holds that until it answers.
        with self._kafka_lock:
            if self._kafka is None:
                bootstrap = self._settings.kafka_bootstrap_servers
                self._kafka = AdminClient(
                    {"bootstrap.servers": bootstrap, "client.id": "firstcause-api", "log_level": 0}
                )
            kafka = self._kafka
        try:
            known = kafka.list_topics(timeout=CHECK_SECONDS).topics
        except KafkaException as error:
            return str(error.args[0])[:300]
        return "" if topic in known else f"there is no topic {topic}"

    def close(self) -> None:
        """Ends the connections."""
        with self._lock:
            if self._stores is not None:
                self._stores.session.cluster.shutdown()
                self._stores = None
        with self._kafka_lock:
            self._kafka = self._alert_topic = None
