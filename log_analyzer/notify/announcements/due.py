"""Decides which change of an incident to announce next, and whether to the channel. Pure.

Readers know the first message and each announcement since (`Told`). The difference between this and
the current incident determines what is due.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.incidents.severity import is_worse
from log_analyzer.notify.messages.culprit import blamed_service
from log_analyzer.notify.messages.told import Announcement, Kind, Told
from log_analyzer.suspects.onset import BURST_ERRORS, is_same_onset, onset_ms
from log_analyzer.suspects.window import AFTER_MS

# Never more than one broadcast an incident in this time.
BROADCAST_EVERY_MS: Final = 600_000
# A rise stands for so long before it is told, so that a storm's first seconds are one announcement.
RISE_STANDS_MS: Final = 15_000
# A severity that fell may be told again when it rises after this time.
FORGET_SEVERITY_MS: Final = 3_600_000
# Without a comparison with normal, the suspect is taken as found after this time.
SUSPECT_WAIT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Situation:
    """The current state of an incident. Times in ms since the epoch, wall clock.

    Attributes:
        view: the incident.
        analysis: what its message shows.
        risen_ms: since when this process sees a severity worse than the one told; None if not.
        now_ms: the time.
    """

    view: IncidentView
    analysis: Analysis
    risen_ms: int | None
    now_ms: int


def told_at_first(situation: Situation) -> Told:
    """The state that readers know after the first post."""
    view = situation.view
    known = view.context is not None
    return Told(
        posted_ms=situation.now_ms,
        status=view.status,
        severity=view.severity,
        severity_ms=situation.now_ms,
        onset_ms=onset_ms(view),
        suspect=blamed_service(view, situation.analysis) if known else "",
        analysed_ms=_answered_ms(situation.analysis),
    )


def due_announcement(told: Told, situation: Situation) -> Announcement | None:
    """The next announcement for the thread; None if it has all.

    A broadcast waits until `BROADCAST_EVERY_MS` after the last one, and is decided again
    then. An acknowledged incident is broadcast only when it turns critical or comes back.
    """
    view, now_ms = situation.view, situation.now_ms
    if view.merged_into is not None or _is_silenced(view, now_ms):
        return None
    if view.status == "resolved":
        if told.status == "resolved":
            return _quiet_news(told, situation)
        return _announcement(told, "resolved", view, broadcast=False)
    free = now_ms - told.broadcast_ms >= BROADCAST_EVERY_MS
    if told.status == "resolved":
        return _announcement(told, "back", view, broadcast=not told.moved) if free else None
    rise = _is_rise(told, situation)
    burst = _is_burst(told, view)
    if free and (burst or rise):
        watched = view.handling.acknowledged_by is not None and view.severity != "critical"
        kind: Kind = "burst" if burst else "worse"
        return _announcement(told, kind, view, broadcast=not (told.moved or watched))
    return _quiet_news(told, situation)


def is_risen(told: Told, view: IncidentView) -> bool:
    """True for an open incident that is worse than its readers know."""
    return view.status == "open" and is_worse(view.severity, told.severity)


def told_after(told: Told, announcement: Announcement, situation: Situation) -> Told:
    """The state that readers know after the announcement, which is pending until it is planned."""
    view, now_ms = situation.view, situation.now_ms
    known = replace(told, count=told.count + 1, pending=announcement)
    if announcement.broadcast or announcement.kind in ("back", "burst", "worse"):
        known = replace(known, broadcast_ms=now_ms)
    match announcement.kind:
        case "resolved":
            return replace(known, status="resolved")
        case "suspect":
            suspect = str(announcement.facts["suspect"])
            return replace(known, suspect=suspect, suspect_before=told.suspect)
        case "analysis":
            return replace(known, analysed_ms=int(announcement.facts["analysed_ms"]))
        case _:
            back = announcement.kind == "back"
            return replace(
                known,
                status="open",
                severity=view.severity,
                severity_ms=now_ms,
                onset_ms=max(told.onset_ms, onset_ms(view)),
                suspect="" if back else told.suspect,
                suspect_before="" if back else told.suspect_before,
            )


def told_in_silence(told: Told, situation: Situation) -> Told:
    """Updates the known state without an announcement: a lower severity, a first suspect."""
    view, now_ms = situation.view, situation.now_ms
    if is_worse(told.severity, view.severity) and view.status == "open":
        if now_ms - max(told.severity_ms, told.broadcast_ms) >= FORGET_SEVERITY_MS:
            told = replace(told, severity=view.severity, severity_ms=now_ms)
    elif told.severity == view.severity and now_ms - told.severity_ms >= FORGET_SEVERITY_MS // 2:
        told = replace(told, severity_ms=now_ms)
    if not told.suspect and _suspect_is_found(told, situation):
        told = replace(told, suspect=blamed_service(view, situation.analysis))
    return told


def _quiet_news(told: Told, situation: Situation) -> Announcement | None:
    view, analysis = situation.view, situation.analysis
    blamed = blamed_service(view, analysis)
    if told.suspect and blamed != told.suspect and _suspect_is_found(told, situation):
        facts = {"suspect": blamed, "before": told.suspect}
        return _announcement(told, "suspect", view, broadcast=False, **facts)
    answered_ms = _answered_ms(analysis)
    if answered_ms > told.analysed_ms:
        return _announcement(told, "analysis", view, broadcast=False, analysed_ms=answered_ms)
    return None


def _is_rise(told: Told, situation: Situation) -> bool:
    if not is_risen(told, situation.view):
        return False
    if situation.view.severity == "critical":
        return True
    since_ms = situation.risen_ms
    return since_ms is not None and situation.now_ms - since_ms >= RISE_STANDS_MS


def _is_burst(told: Told, view: IncidentView) -> bool:
    """Ten times the errors of before within minutes, since the beginning that readers know of."""
    onset = onset_ms(view)
    if onset <= told.onset_ms or is_same_onset(onset, told.onset_ms):
        return False
    # What follows a pause is a beginning too, though no burst.
    first = onset - onset % MINUTE_MS
    soon = [one for one in view.error_minutes if first <= one.minute_ms < first + AFTER_MS]
    return sum(one.errors for one in soon) >= BURST_ERRORS


def _suspect_is_found(told: Told, situation: Situation) -> bool:
    """The suspects are no first guess any more: the stored logs were looked at, or time is up."""
    age_ms = situation.now_ms - told.posted_ms
    return situation.view.context is not None or age_ms >= SUSPECT_WAIT_MS


def _is_silenced(view: IncidentView, now_ms: int) -> bool:
    return (view.handling.silenced_until_ms or 0) > now_ms


def _answered_ms(analysis: Analysis) -> int:
    return analysis.analysed_ms if analysis.source == "mistral" else 0


def _announcement(
    told: Told, kind: Kind, view: IncidentView, *, broadcast: bool, **facts: Any
) -> Announcement:
    known = {
        "severity": view.severity,
        "severity_before": told.severity,
        "errors": view.error_count,
        "onset_ms": onset_ms(view),
        "last_ms": view.last_ms,
    }
    return Announcement(f"{kind}-{told.count + 1}", kind, broadcast, known | facts)
