"""Why a message of the topic of alerts is no alert that could be escalated."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

# Without them nobody knows which alert it is, when and whose.
REQUIRED_FIELDS: Final = ("alert_id", "event_time", "service_name")


class UnreadableAlertReason(StrEnum):
    """In the order in which they are checked, behind those of the bytes."""

    MISSING_ALERT_ID = "missing_alert_id"
    MISSING_EVENT_TIME = "missing_event_time"
    MISSING_SERVICE_NAME = "missing_service_name"
    BAD_EVENT_TIME = "bad_event_time"
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    SERVICE_NAME_TOO_LONG = "service_name_too_long"
