"""Posts a line to the operators, such as that the storage of logs has stopped."""

from __future__ import annotations

import html
from typing import Final

import stamina
from slack_sdk import WebClient

from firstcause.settings import Settings
from log_analyzer.notify.channel import NotSentError
from log_analyzer.notify.slack.calls import call
from log_analyzer.notify.slack.channel import HTTP_TIMEOUT_SECONDS

RETRY_SECONDS: Final = 60.0


def post_operations_message(settings: Settings, text: str) -> bool:
    """Posts to `SLACK_CHANNEL`; False if no token is set. Blocks for at most a minute.

    Posts again only when it is sure that the message was not posted.

    Raises:
        NotSentError: Slack did not take it.
        MaybeSentError: nobody knows whether it did.
    """
    if settings.slack_bot_token is None:
        return False
    client = WebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        timeout=HTTP_TIMEOUT_SECONDS,
        retry_handlers=[],
    )
    for attempt in stamina.retry_context(
        on=_may_work_later, attempts=None, timeout=RETRY_SECONDS, wait_max=10.0
    ):
        with attempt:
            call(
                lambda: client.chat_postMessage(
                    channel=settings.slack_channel,
                    text=html.escape(text, quote=False),
                    unfurl_links=False,
                    unfurl_media=False,
                )
            )
    return True


def _may_work_later(error: Exception) -> bool | float:
    if not isinstance(error, NotSentError) or error.refusal is not None:
        return False
    return error.retry_after_seconds or True
