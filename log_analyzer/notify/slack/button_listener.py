"""Receives clicks on the buttons of messages through Slack's Socket Mode."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

import stamina
import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from firstcause.incidents.human_actions import Action, action_of_click
from firstcause.storage.cassandra import AWAY
from log_analyzer import metrics
from log_analyzer.notify.slack.channel import HTTP_TIMEOUT_SECONDS

CONNECT_PAUSE_MAX_SECONDS: Final = 60.0
STORE_ATTEMPTS: Final = 8
STORE_TIMEOUT_SECONDS: Final = 120.0

_log = structlog.get_logger()


class ActionStore(Protocol):
    """Where clicks go."""

    def apply(self, action: Action) -> bool:
        """Does what a click asks for; False when there is nothing to do it to."""


class ButtonListener:
    """Listens to clicks and stores them. Needs an app-level token (connections:write).

    Slack hears at once that a click arrived, then it is stored; while Cassandra is away that is
    tried again for two minutes. A click that could not be stored is logged and counted; the
    message goes on to show its buttons. Slack tells every click to one of the instances only.
    The connection is looked after each `ping_seconds`.
    """

    def __init__(
        self,
        *,
        app_token: str,
        api_url: str,
        store: ActionStore,
        changed: Callable[[UUID], None] = lambda _: None,
        ping_seconds: float = 5.0,
    ) -> None:
        self._app_token = app_token
        self._api_url = api_url
        self._store = store
        self._changed = changed
        self._ping_seconds = ping_seconds

    def run(self, stopping: threading.Event) -> None:
        """Listens until `stopping`; blocks. Once connected, the SDK connects again by itself."""
        web = WebClient(base_url=self._api_url, timeout=HTTP_TIMEOUT_SECONDS, retry_handlers=[])
        client = SocketModeClient(
            app_token=self._app_token, web_client=web, ping_interval=self._ping_seconds
        )
        client.socket_mode_request_listeners.append(self.take)
        try:
            self._connect(client, stopping)
            stopping.wait()
        finally:
            client.close()

    @staticmethod
    def _connect(client: SocketModeClient, stopping: threading.Event) -> None:
        pause = 1.0
        while not stopping.is_set():
            try:
                client.connect()
            # The SDK raises whatever its socket raised.
            except Exception as error:  # noqa: BLE001 - told, and tried again
                _log.warning("slack_buttons_away", reason=str(error)[:300], again_in_seconds=pause)
                stopping.wait(pause)
                pause = min(CONNECT_PAUSE_MAX_SECONDS, pause * 2)
            else:
                _log.info("slack_buttons_connected")
                return

    def take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """One envelope: answered at once, then stored. Raises nothing."""
        try:
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        except SlackClientError as error:
            # Slack sends it again; stored twice it is one action.
            _log.warning("slack_click_not_answered", reason=str(error)[:300])
        action = action_of_click(request.payload) if request.type == "interactive" else None
        if action is None:
            return
        kind = type(action).__name__.lower()
        incident = str(action.incident_id)
        try:
            known = self._apply(action)
        except AWAY as error:
            metrics.CLICKS.labels(kind=kind, outcome="lost").inc()
            _log.error("slack_click_lost", incident_id=incident, kind=kind, reason=str(error)[:300])
            return
        metrics.CLICKS.labels(kind=kind, outcome="stored" if known else "unknown_incident").inc()
        _log.info("slack_click", incident_id=incident, kind=kind, by=action.by, known=known)
        self._changed(action.incident_id)

    @stamina.retry(on=AWAY, attempts=STORE_ATTEMPTS, timeout=STORE_TIMEOUT_SECONDS, wait_max=30.0)
    def _apply(self, action: Action) -> bool:
        return self._store.apply(action)
