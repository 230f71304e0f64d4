"""The stores behind the API: opened when they are first needed, and again after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cassandra.cluster import Session
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from api.reading.logs import LogReader
from firstcause.errors import FirstcauseError
from firstcause.incidents.door import IncidentDoor
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.log_history import LogHistory

CHECK_SECONDS: Final = 3.0

MakeIncidents = Callable[[Session], IncidentDoor]


@dataclass(frozen=True, slots=True)
class Stores:
    """What is read: logs, spans through the session, incidents."""

    session: Session
    logs: LogReader
    incidents: IncidentDoor


class StoreAccess:
    """Gives the stores to the threads that read; the first one connects."""

    def __init__(self, settings: Settings, make_incidents: MakeIncidents) -> None:
        self._settings = settings
        self._make_incidents = make_incidents
        self._lock = threading.Lock()
        self._stores: Stores | None = None
        self._kafka: AdminClient | None = None

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
                    self._stores = Stores(
                        session, LogReader(LogHistory(session)), self._make_incidents(session)
                    )
                except BaseException:
                    session.cluster.shutdown()
                    raise
            return self._stores

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
        with self._lock:
            if self._kafka is None:
                bootstrap = self._settings.kafka_bootstrap_servers
                self._kafka = AdminClient(
                    {"bootstrap.servers": bootstrap, "client.id": "firstcause-api", "log_level": 0}
                )
        try:
            known = self._kafka.list_topics(timeout=CHECK_SECONDS).topics
        except KafkaException as error:
            return str(error.args[0])[:300]
        return "" if topic in known else f"there is no topic {topic}"

    def close(self) -> None:
        """Ends the connections."""
        with self._lock:
            if self._stores is not None:
                self._stores.session.cluster.shutdown()
                self._stores = None
            self._kafka = None
