"""`firstcause mcp`: questions of AI assistants, given the analyzer's incidents and redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from assistant.bounds import Clean
    from firstcause.incidents.door import (
        IncidentDoor,
        IncidentHeadline,
        IncidentReport,
        OpenedIncident,
    )
    from firstcause.incidents.view import IncidentView

DAY_MS = 24 * 3_600_000


def register(program: typer.Typer) -> None:
    """Adds the command to the program."""
    program.command()(mcp)


def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP with an API key, not standard input.")
    ] = False,
    host: Annotated[str, typer.Option(help="Where HTTP listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Its port.")] = 18091,
) -> None:
    """Answer AI assistants by the Model Context Protocol; read-only, redacted as for the model."""
    from assistant.process import serve_http, serve_stdio
    from assistant.stored import StoredSources
    from assistant.tools import ANSWER_SECONDS, Tools, server_of
    from firstcause.access.keys import KeyFile
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.structured_logging import configure_logging
    from log_analyzer.door import StoredIncidents

    settings = load_settings()
    configure_logging(settings)
    session = cassandra.connect(settings, request_timeout_seconds=ANSWER_SECONDS)
    try:
        with_model = settings.mistral_api_key is not None
        incidents = RedactedIncidents(StoredIncidents(session, model_configured=with_model))
        server = server_of(Tools(StoredSources(settings, session, incidents), redaction))
        warm_up(incidents)
        if http:
            serve_http(server, KeyFile(settings.api_keys_file), host, port)
        else:
            serve_stdio(server)
    finally:
        session.cluster.shutdown()


def warm_up(incidents: RedactedIncidents) -> None:
    """Tells of the newest incident to nobody: code and rules are loaded before a question waits.

    Blocks for seconds. While Cassandra is away nothing is done: the first question says so.
    """
    import time

    from firstcause.storage.cassandra import AWAY

    redaction()("Ready.", 100)
    now_ms = time.time_ns() // 1_000_000
    try:
        newest = next(incidents.opened(now_ms - DAY_MS, now_ms), None)
        view = incidents.read(newest.incident_id) if newest else None
        if view is not None:
            incidents.headline(view)
            incidents.report(view)
    except AWAY:
        return


class RedactedIncidents:
    """Incidents of a door as the model sees them; see `ShownIncidents`."""

    def __init__(self, door: IncidentDoor) -> None:
        self._door = door

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        """See `ShownIncidents`."""
        return self._door.opened(start_ms, until_ms)

    def read(self, incident: UUID) -> IncidentView | None:
        """See `ShownIncidents`."""
        from log_analyzer.report.redacted_incident import shown_incident

        view = self._door.read(incident)
        return None if view is None else shown_incident(view, personal=False)

    def listed(self, incident: UUID) -> IncidentView | None:
        """See `ShownIncidents`."""
        return self._door.read(incident)

    def headline(self, view: IncidentView) -> IncidentHeadline:
        """See `ShownIncidents`."""
        return self._door.headline(view)

    def report(self, view: IncidentView) -> IncidentReport:
        """See `ShownIncidents`."""
        return self._door.report(view)


def redaction() -> Clean:
    """The redaction of one answer: that of the model's prompts."""
    from log_analyzer.redaction.redactor import Redactor
    from log_analyzer.report.redacted_incident import visible

    redactor = Redactor()
    return lambda text, limit: redactor.redact(visible(text), limit)
