"""The parameters `from` and `to` of a DAG's form: a time that may be left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.sdk.exceptions import AirflowFailException

# The JSON schema of each of them.
MOMENT: Final[dict[str, Any]] = {"type": ["null", "string"], "format": "date-time"}


def time_span(params: Any, default: timedelta) -> tuple[int, int]:
    """The form's time as [from, to) in ms since the epoch.

    Args:
        params: with `from` and `to`, each empty or in ISO 8601; without a time zone, of UTC. An
            empty `to` is now.
        default: how long before the end an empty `from` is.

    Raises:
        AirflowFailException: it ends before it begins.
    """
    from firstcause.storage.stored_time import ms_from_datetime

    end = _moment(params["to"]) if params["to"] else datetime.now(UTC)
    start = _moment(params["from"]) if params["from"] else end - default
    if not start < end:
        raise AirflowFailException("From has to be before to.")
    return ms_from_datetime(start), ms_from_datetime(end)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
