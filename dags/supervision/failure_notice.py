"""Sends a message to people when a streaming job's task has failed for good."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


def notify_task_failure(context: Any) -> None:
    """An `on_failure_callback`: posts one line to `SLACK_CHANNEL`, or logs it without a token."""
    from firstcause.settings import load_settings
    from log_analyzer.notify.channel import MaybeSentError, NotSentError
    from log_analyzer.notify.slack.operations_message import post_operations_message

    task_instance = context["task_instance"]
    reason = str(context.get("exception") or "its worker ended").strip().splitlines()[0][:500]
    text = (
        f"{task_instance.task_id} has stopped and is not started again: {reason} What it has not "
        f"stored waits in Kafka. Airflow: {task_instance.log_url}"
    )
    log.error("%s", text)
    try:
        if not post_operations_message(load_settings(), text):
            log.warning("Nobody was told: SLACK_BOT_TOKEN is not set.")
    except (NotSentError, MaybeSentError):
        log.exception("Slack was not told.")
