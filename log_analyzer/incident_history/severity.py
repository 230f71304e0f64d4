"""Computes the severity of an incident that was read. Pure."""

from __future__ import annotations

from dataclasses import replace

from firstcause.incidents.states import SEVERITIES
from firstcause.incidents.view import IncidentView
from log_analyzer.episodes.alerts import severity_of
from log_analyzer.incidents.severity import Signs, severity_now, worst_severity
from log_analyzer.suspects.onset import onset_ms


def with_severity(view: IncidentView, last_fatal_ms: int | None, now_ms: int) -> IncidentView:
    """The view with its severity now and its worst; a resolved one keeps its worst.

    Args:
        view: whose severities are not known yet.
        last_fatal_ms: event time of its last FATAL error; None without any.
        now_ms: the wall clock: errors that are stamped later end nothing.
    """
    signs = Signs(
        view.error_minutes,
        view.error_count,
        len(view.services),
        view.first_ms,
        view.last_ms,
        last_fatal_ms,
        view.escalations,
    )
    # An alert is as bad as its rule says, whatever the number of errors.
    alerted = [found for one in view.groups if (found := severity_of(one))]
    worst = max((worst_severity(signs, onset_ms(view), now_ms), *alerted), key=SEVERITIES.index)
    current = max((severity_now(signs, now_ms), *alerted), key=SEVERITIES.index)
    now = worst if view.status == "resolved" else current
    return replace(view, severity=now, worst=worst)
