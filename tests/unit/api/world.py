"""An app over stores in memory: the incidents and logs that a test puts there."""

from __future__ import annotations

import dataclasses
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from starlette.testclient import TestClient

from alerting.objectives.burn_rate import ObjectiveStatus
from alerting.windows import WindowKind, WindowMetrics
from api.app import create_app
from api.reading.logs import LogReader
from api.reading.search import LogSearch
from api.reading.stores import StoreAccess, Stores
from firstcause.alerts.store import StoredAlert
from firstcause.events.log_event import LogEvent
from firstcause.hot_state.reader import HotStateReader
from firstcause.incidents.door import IncidentHeadline, IncidentReport, OpenedIncident
from firstcause.incidents.human_actions import Action
from firstcause.incidents.records import Escalation, SimilarIncident
from firstcause.incidents.view import Evidence, IncidentView
from firstcause.settings import Settings
from firstcause.storage.log_history import LogQuery, LogRow
from firstcause.storage.window_metrics import StreamProgress
from log_analyzer.episodes.alerts import alert_count
from log_analyzer.notify.messages.content import plain_text
from log_analyzer.notify.messages.incident import render_notice
from log_analyzer.report.deterministic import current_analysis
from log_analyzer.report.sections import report_sections, suspects
from search.embedded.engine import EmbeddedEngine
from search.embedded.writer import HourWriters
from search.engine import LogKey
from search.patterns.store import Pattern
from search.rows import FoundRow

# An hour ago, at the beginning of a minute: the pages list what is not too old.
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
NOW_MS = int(NOW.timestamp() * 1_000)
TIMES = {
    "from": (NOW - timedelta(days=1)).isoformat(),
    "to": (NOW + timedelta(days=1)).isoformat(),
}
BASE = "http://127.0.0.1:18090"


def an_incident(number: int = 7, **changes: object) -> IncidentView:
    """An incident of two services with one error kept."""
    evidence = Evidence(
        str(uuid.UUID(int=1)), NOW_MS, "payment", "ERROR", "Payment 7 failed", "PAY-1", "aa" * 8,
        "bb" * 8, None,
    )  # fmt: skip
    view = IncidentView(
        incident_id=uuid.UUID(int=number),
        fingerprint=uuid.UUID(int=number + 1_000),
        status="open",
        service_name="order",
        template="Payment <*> failed",
        title="order: Payment 7 failed",
        severity="high",
        suspects=("payment", "order"),
        services=("order", "payment"),
        error_count=1_234,
        first_ms=NOW_MS + number,
        last_ms=NOW_MS + 60_000,
        evidence=(evidence,),
        analyses=(),
        message=None,
    )
    return dataclasses.replace(view, **changes)


class IncidentsInMemory:
    """`IncidentDoor` over a list; what people do is kept in `actions`."""

    def __init__(self, views: list[IncidentView]) -> None:
        self.views = {view.incident_id: view for view in views}
        self.actions: list[Action] = []
        self.similar_ones: tuple[SimilarIncident, ...] = ()

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        found = [OpenedIncident(one.incident_id, one.first_ms) for one in self.views.values()]
        inside = [one for one in found if start_ms <= one.opened_ms <= until_ms]
        yield from sorted(inside, key=lambda one: (-one.opened_ms, str(one.incident_id)))

    def read(self, incident: uuid.UUID) -> IncidentView | None:
        return self.views.get(incident)

    def read_alone(self, incident: uuid.UUID) -> IncidentView | None:
        return self.views.get(incident)

    def headline(self, view: IncidentView) -> IncidentHeadline:
        analysis = current_analysis(view, model_configured=False)
        return IncidentHeadline(analysis, suspects(view), alert_count(view.groups))

    def report(self, view: IncidentView) -> IncidentReport:
        analysis = current_analysis(view, model_configured=False)
        return IncidentReport(
            tuple((one.title, one.lines) for one in report_sections(view)),
            plain_text(render_notice(view, analysis).parts),
        )

    def similar(self, view: IncidentView) -> tuple[SimilarIncident, ...]:
        return self.similar_ones

    def apply(self, action: Action) -> bool:
        self.actions.append(action)
        return action.incident_id in self.views


class LogsInMemory:
    """`LogHistory` over a list of rows."""

    def __init__(self, rows: list[LogRow]) -> None:
        self.rows = rows

    def stored_days(self, start: datetime, end: datetime) -> None:
        return None

    def of_service(self, query: LogQuery, step=lambda: None, days=None) -> Iterator[LogRow]:
        step()
        found = [
            row
            for row in self.rows
            if row["service_name"] == query.service_name
            and query.start <= row["timestamp"] <= query.end
            and query.level in (None, row["level"])
            and (not query.anomalies or row.get("anomaly") in query.anomalies)
        ]
        yield from sorted(
            found, key=lambda row: (-row["timestamp"].timestamp(), str(row["log_id"]))
        )

    def of_trace(self, trace_id: str, limit: int = 10_000) -> list[LogRow]:
        found = [row for row in self.rows if row.get("trace_id") == trace_id]
        return sorted(found, key=lambda row: (row["timestamp"], str(row["log_id"])))[:limit]

    def services(self) -> dict[str, datetime]:
        return {row["service_name"]: row["timestamp"] for row in self.rows}


def a_row(number: int, service: str = "cart", seconds: float = 0.0, **fields: object) -> LogRow:
    return {
        "log_id": uuid.UUID(int=number),
        "timestamp": NOW + timedelta(seconds=seconds),
        "service_name": service,
        "level": "INFO",
        "message": f"line {number}",
        **fields,
    }


class AlertsInMemory:
    """`AlertStore` over a list."""

    def __init__(self) -> None:
        self.stored: list[StoredAlert] = []

    def between(
        self, start_ms: int, end_ms: int, service_name: str | None = None
    ) -> list[StoredAlert]:
        return [
            one
            for one in self.stored
            if start_ms <= one.alert.window_start_ms < end_ms
            and service_name in (None, one.alert.service_name)
        ]


class EscalationsInMemory:
    """`EscalationHistory` over a list."""

    def __init__(self) -> None:
        self.stored: list[Escalation] = []

    def overlapping(self, services: Sequence[str], start_ms: int, end_ms: int) -> list[Escalation]:
        return [
            one
            for one in self.stored
            if one.service_name in services
            and one.first_alert_ms <= end_ms
            and one.last_alert_ms >= start_ms
        ]


class WindowsInMemory:
    """`WindowHistory` over a list."""

    def __init__(self) -> None:
        self.stored: list[WindowMetrics] = []
        self.written: StreamProgress | None = None

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterator[WindowMetrics]:
        found = [one for one in self.stored if (one.service_name, one.kind) == (service_name, kind)]
        yield from (one for one in found if start_ms <= one.start_ms < end_ms)

    def progress(self) -> StreamProgress | None:
        return self.written


class ObjectivesInMemory:
    """`ObjectiveStatusStore` over a list."""

    def __init__(self) -> None:
        self.stored: list[ObjectiveStatus] = []

    def latest(self, objective: str | None = None) -> list[ObjectiveStatus]:
        return [one for one in self.stored if objective in (None, one.objective)]


class PatternsInMemory:
    """`PatternStore` over counts by (service, template id) and minute."""

    def __init__(self) -> None:
        self.counted: dict[tuple[str, uuid.UUID, int], int] = {}
        self.known: dict[tuple[str, uuid.UUID], Pattern] = {}

    def put(self, service: str, text: str, at_ms: int, count: int) -> uuid.UUID:
        template_id = uuid.uuid5(uuid.NAMESPACE_OID, text)
        minute = at_ms // 60_000 * 60_000
        self.counted[service, template_id, minute] = count
        known = service, template_id
        self.known[known] = Pattern(service, template_id, text, "INFO", at_ms, at_ms)
        return template_id

    def services(self) -> list[str]:
        return sorted({service for service, _ in self.known})

    def counts(self, services: list[str], from_ms: int, to_ms: int) -> Counter:
        found: Counter = Counter()
        for (service, template_id, minute), count in self.counted.items():
            if service in services and from_ms <= minute < to_ms:
                found[service, template_id] += count
        return found

    def patterns(self, services: list[str]) -> dict:
        return {name: one for name, one in self.known.items() if name[0] in services}


class StoresInMemory(StoreAccess):
    """Gives stores that no service stands behind; the search engine is the real one."""

    def __init__(self, home: Path, views: list[IncidentView], rows: list[LogRow]) -> None:
        self.incidents = IncidentsInMemory(views)
        self.rows = rows
        self.patterns = PatternsInMemory()
        self.alerts = AlertsInMemory()
        self.escalations = EscalationsInMemory()
        self.windows = WindowsInMemory()
        self.objectives = ObjectivesInMemory()
        self.sent: list[dict] = []
        self.hot: HotStateReader | None = None
        self.kafka_is_away = False
        self._engine = EmbeddedEngine(home / "search")

    def get(self) -> Stores:
        logs = LogReader(LogsInMemory(self.rows))
        search = LogSearch(self._engine, self._found, logs)
        measured = (self.alerts, self.escalations, self.windows, self.objectives)
        return Stores(None, logs, search, self.patterns, *measured, self.incidents, self.hot)

    def send_alerts(self, messages: Sequence[dict]) -> None:
        if self.kafka_is_away:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        self.sent += messages

    def _found(self, keys: Sequence[LogKey]) -> list[FoundRow]:
        stored = {str(row["log_id"]): row for row in self.rows}
        return [FoundRow(key, stored.get(key.log_id)) for key in keys]

    def close(self) -> None:
        pass


def put_into_index(home: Path, rows: list[LogRow]) -> None:
    """Makes these rows findable, as the indexer does."""
    writers = HourWriters(home / "search")
    writers.put(
        LogEvent(
            **{
                **{name: value for name, value in row.items() if name != "timestamp"},
                "log_id": str(row["log_id"]),
                "timestamp_ms": int(row["timestamp"].timestamp() * 1_000),
            }
        )
        for row in rows
    )
    writers.close()


def a_client(
    home: Path,
    views: list[IncidentView] | None = None,
    rows: list[LogRow] | None = None,
    **settings: object,
) -> TestClient:
    """A browser at the app on loopback; `client.stores` is what it reads."""
    stores = StoresInMemory(home, views or [], rows or [])
    chosen = Settings(firstcause_home=home, **settings)
    client = TestClient(create_app(chosen, stores), base_url=BASE, raise_server_exceptions=False)
    client.stores = stores
    return client
