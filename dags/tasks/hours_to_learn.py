"""Chooses the hours that the DAG `learn_normal` learns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from root_cause.quiet_hours.quiet_stretches import TimeRange


def choose_hours(params: Any = None) -> list[str]:
    """The arguments of the job: the hours that are due, or the time that a person named."""
    ranges = _named(params) or _due()
    if not ranges:
        raise AirflowSkipException("Every hour of the last day that has logs is learned already.")
    arguments = [part for one in ranges for part in ("--range", _text(one))]
    return [*arguments, "--vouched"] if params["force"] else arguments


def _named(params: Any) -> list[TimeRange]:
    from datetime import datetime

    from firstcause.storage.stored_time import ms_from_datetime
    from root_cause.quiet_hours.due_hours import hours_asked_for
    from root_cause.quiet_hours.quiet_stretches import TimeRange

    if not params["from"] and not params["to"]:
        if params["force"]:
            raise AirflowFailException("Force needs a time that you vouch for: give from and to.")
        return []
    if not params["from"] or not params["to"]:
        raise AirflowFailException("Give both from and to, or none of them.")
    start, end = (ms_from_datetime(datetime.fromisoformat(params[name])) for name in ("from", "to"))
    if not start < end:
        raise AirflowFailException("From has to be before to.")
    named = [TimeRange(start, end)]
    if not hours_asked_for(named, int(time.time() * 1000), vouched=params["force"]):
        raise AirflowFailException(
            "None of these hours is over: give one that ended 15 minutes ago or earlier."
        )
    return named


def _due() -> list[TimeRange]:
    """The hours of the last day that are not done, or not any more, and have logs."""
    from firstcause.normal.known_disturbances import disturbances_between
    from firstcause.normal.learned_hour_store import FROM_LOGS, LearnedHourStore
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.storage.log_minutes import minutes_between
    from firstcause.storage.stored_time import ms_from_datetime
    from root_cause.quiet_hours.due_hours import disturbed_since, due_hours

    now_ms = int(time.time() * 1000)
    day = due_hours(now_ms, frozenset())
    with cassandra.session(load_settings()) as session:
        done = {
            one.hour_ms: one for one in LearnedHourStore(session).records(days=3) if one.is_final
        }
        disturbances = disturbances_between(session, day[0].start_ms, day[-1].end_ms)
        learned = {
            hour_ms: one.stretches
            for hour_ms, one in done.items()
            if one.revision is not None and one.source == FROM_LOGS
        }
        due = due_hours(now_ms, done.keys() - disturbed_since(learned, disturbances))
        if not due:
            return []
        found = minutes_between(session, due[0].start_ms, due[-1].end_ms)
    logged_ms = {ms_from_datetime(minute) for _, minute in found}
    return [hour for hour in due if any(at_ms in hour for at_ms in logged_ms)]


def _text(one: TimeRange) -> str:
    from firstcause.storage.stored_time import datetime_from_ms

    return (
        f"{datetime_from_ms(one.start_ms).isoformat()}/{datetime_from_ms(one.end_ms).isoformat()}"
    )
