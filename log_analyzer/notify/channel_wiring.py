"""Assembles channels, outboxes and deliveries from the settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from cassandra.cluster import Session

from firstcause.settings import Settings
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.action_taker import ActionTaker
from log_analyzer.notify.announcements.announcer import Announcer
from log_analyzer.notify.channel import Channel
from log_analyzer.notify.delivery import Delivery
from log_analyzer.notify.digests.delivery import Digests
from log_analyzer.notify.digests.store import DigestStore
from log_analyzer.notify.messages.incident import NoticeOptions
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.posting import MessageSender
from log_analyzer.notify.preview.channel import PreviewChannel
from log_analyzer.notify.preview.terminal import print_preview, print_reply
from log_analyzer.notify.routing import Router, load_router
from log_analyzer.notify.slack.button_listener import ButtonListener
from log_analyzer.notify.slack.channel import SlackChannel
from log_analyzer.notify.threads.delivery import ThreadDelivery
from log_analyzer.notify.threads.outbox import ThreadOutbox
from log_analyzer.report.redacted_incident import shown_incident
from log_analyzer.worker_passes import run_passes

_log = structlog.get_logger()

Worker = Callable[[threading.Event], None]


class Messaging:
    """Messages, their threads and their buttons.

    Raises (from the constructor):
        FirstcauseError: the file of routes has a mistake.
    """

    def __init__(self, settings: Settings, session: Session, owner: str) -> None:
        self._settings = settings
        self._session = session
        # Whatever a channel shows is redacted here, before anything of it is cut.
        shown = partial(shown_incident, personal=settings.slack_show_redacted)
        reader, threads = IncidentReader(session, shown=shown), ThreadOutbox(session)
        channel = _channel(settings)
        with_model = settings.mistral_api_key is not None
        self._delivery = delivery_to(
            channel,
            session,
            router=load_router(settings.slack_routes, settings.slack_channel),
            owner=owner,
            reader=reader,
            detail_after_ms=int(settings.slack_picture_after_seconds * 1_000),
            model_configured=with_model,
            show_redacted=settings.slack_show_redacted,
            options=NoticeOptions(
                buttons=_has_buttons(settings), incident_url=settings.incident_url
            ),
            old_after_ms=int(settings.analyzer_old_news_seconds * 1_000),
        )
        self._thread_delivery = ThreadDelivery(
            threads=threads,
            reader=reader,
            channel=channel,
            owner=owner,
            model_configured=with_model,
            buttons=_has_buttons(settings),
        )

    def changed(self, incident: UUID) -> None:
        """Tells that an incident has changed; its message is looked at soon. Never blocks."""
        self._delivery.poke(incident)

    def workers(self) -> dict[str, Worker]:
        """What has to run, by name, each in a thread of its own until its event is set."""
        found: dict[str, Worker] = {
            "delivery": partial(run_passes, "delivery", self._delivery.run_once),
            "threads": partial(run_passes, "threads", self._thread_delivery.run_once),
        }
        app_token = self._settings.slack_app_token
        if _has_buttons(self._settings) and app_token is not None:
            listener = ButtonListener(
                app_token=app_token.get_secret_value(),
                api_url=self._settings.slack_api_url,
                store=ActionTaker(self._session),
                changed=self.changed,
            )
            found["buttons"] = listener.run
        return found


def delivery_to(
    channel: Channel,
    session: Session,
    *,
    router: Router,
    owner: str,
    reader: IncidentReader,
    detail_after_ms: int = 60_000,
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    **options: Any,
) -> Delivery:
    """Delivery of messages to a channel, with all its parts.

    Args:
        channel: where messages go.
        session: of Cassandra.
        router: which of its channels an incident goes to.
        owner: this process, as leases name it.
        reader: of incidents, redacted as messages have to be.
        detail_after_ms: age of a message that gets picture and details.
        clock_ms: the wall clock.
        options: further arguments of `Delivery`.
    """
    outbox, threads = MessageOutbox(session), ThreadOutbox(session)
    sender = MessageSender(
        outbox=outbox, channel=channel, router=router, owner=owner, clock_ms=clock_ms
    )
    return Delivery(
        outbox=outbox,
        sender=sender,
        announcer=Announcer(
            outbox=outbox,
            threads=threads,
            channel=channel,
            router=router,
            detail_after_ms=detail_after_ms,
        ),
        digests=Digests(
            store=DigestStore(session),
            outbox=outbox,
            threads=threads,
            sender=sender,
            router=router,
            clock_ms=clock_ms,
        ),
        reader=reader,
        handling=HumanActionsStore(session),
        channel=channel,
        router=router,
        clock_ms=clock_ms,
        **options,
    )


def _has_buttons(settings: Settings) -> bool:
    return settings.slack_app_token is not None and settings.slack_bot_token is not None


def _channel(settings: Settings) -> Channel:
    if settings.slack_bot_token is None:
        path = settings.firstcause_home / "slack_preview.jsonl"
        _log.info("slack_preview", file=str(path), reason="SLACK_BOT_TOKEN is not set")
        return PreviewChannel(path, print_preview, print_reply)
    return SlackChannel(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
