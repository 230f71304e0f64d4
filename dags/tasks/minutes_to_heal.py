"""Chooses the minutes that the DAG `metrics_backfill` makes anew."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException


def choose_minutes(params: Any = None) -> list[str]:
    """The arguments of the job: the time that a person named, or the hours of the marks."""
    if params["from"] or params["to"]:
        return ["--range", _named(params)]
    if not _marked(float(params["hours"])):
        raise AirflowSkipException("No minute was marked: no event came late.")
    return ["--hours", str(params["hours"])]


def _named(params: Any) -> str:
    from datetime import datetime

    if not params["from"] or not params["to"]:
        raise AirflowFailException("Give both from and to, or none of them.")
    start, end = (datetime.fromisoformat(params[name]) for name in ("from", "to"))
    if not start < end:
        raise AirflowFailException("From has to be before to.")
    return f"{start.isoformat()}/{end.isoformat()}"


def _marked(hours: float) -> bool:
    from alerting.windows import HOUR_MS
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.storage.window_metrics import marked_minutes

    now_ms = int(time.time() * 1000)
    with cassandra.session(load_settings()) as session:
        return bool(marked_minutes(session, now_ms - int(hours * HOUR_MS), now_ms))
