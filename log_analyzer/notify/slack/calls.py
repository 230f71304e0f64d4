"""Sends one request through Slack's SDK, and classifies its failure."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any, Final

from slack_sdk.errors import SlackApiError, SlackRequestError

from log_analyzer.notify.channel import MaybeSentError, NotSentError, Refusal

RETRY_AFTER_MAX_SECONDS: Final = 300.0
_UNREADABLE_RETRY_AFTER_SECONDS: Final = 30.0

# Slack's codes for an internal error: the post may have been made anyway.
_UNSURE: Final = frozenset({"internal_error", "fatal_error", "request_timeout"})

# Slack's codes for the refusals that decide the next step.
_REFUSALS: Final[dict[str, Refusal]] = {
    "message_not_found": "message_gone",
    "edit_window_closed": "message_gone",
    "cant_update_message": "message_gone",
    "thread_not_found": "message_gone",
    "channel_not_found": "channel_closed",
    "not_in_channel": "channel_closed",
    "is_archived": "channel_closed",
    "missing_scope": "not_allowed",
    "not_allowed_token_type": "not_allowed",
}


def call(request: Callable[[], Any]) -> Any:
    """What the request returns.

    Raises:
        NotSentError: it is sure that nothing was posted.
        MaybeSentError: it may have been posted.
    """
    try:
        return request()
    except SlackApiError as error:
        response = error.response
        status = int(response.status_code)
        reason = str(response.get("error") or f"HTTP {status}")[:200]
        if status == http.client.TOO_MANY_REQUESTS or reason == "ratelimited":
            headers = {str(k).lower(): v for k, v in response.headers.items()}
            raise NotSentError("ratelimited", _seconds(headers.get("retry-after"))) from error
        if status >= http.client.INTERNAL_SERVER_ERROR or reason in _UNSURE:
            raise MaybeSentError(reason) from error
        if status == http.client.OK and response.get("ok") is None:
            raise MaybeSentError("an answer that is not Slack's") from error
        raise NotSentError(reason, refusal=_REFUSALS.get(reason, "other")) from error
    except SlackRequestError as error:
        # An upload that was not taken: it is shared only after that.
        raise NotSentError(str(error)[:200]) from error
    except ConnectionRefusedError as error:
        raise NotSentError("connection refused") from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
            raise NotSentError("connection refused") from error
        raise MaybeSentError(f"{type(error).__name__}: {error}"[:200]) from error


def _seconds(value: str | list[str] | None) -> float:
    try:
        asked = float(value[0] if isinstance(value, list) else value or 1)
    except ValueError:
        return _UNREADABLE_RETRY_AFTER_SECONDS
    return min(RETRY_AFTER_MAX_SECONDS, max(1.0, asked))
