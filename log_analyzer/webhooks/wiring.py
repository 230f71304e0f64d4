"""Assembles what tells webhooks."""

from __future__ import annotations

from firstcause.alerts.edited_file import EditedFile
from firstcause.settings import Settings
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_analyzer.webhooks.consumer import WebhookConsumer
from log_analyzer.webhooks.receivers import load_notifications
from log_analyzer.webhooks.sender import WebhookSender


def webhook_consumer(settings: Settings) -> WebhookConsumer:
    """What reads the topic of alerts for webhooks; starts nothing yet."""
    return WebhookConsumer(
        settings,
        load=lambda: EditedFile(settings.notifications, load_notifications),
        sender=WebhookSender(
            external_url=settings.api_public_url or "",
            allow_private=settings.webhooks_allow_private,
        ),
        dead_letters=DeadLetterWriter(settings),
    )
