"""Renders pieces of evidence as sentences: in full with figures, and in short without. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from root_cause.evidence.piece import Deviation, Failure, Piece, Slowness
from root_cause.ranking.ranker import Suspect
from root_cause.traces.durations import Stretch
from root_cause.traces.event_key import END, SEPARATOR, is_error_key, level_of, service_of

_SHOWN: Final = 4
_LABEL_CHARS: Final = 90
# A share of a piece below that explains nothing to anybody.
_LEAST_WEIGHT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a service is suspected.

    Attributes:
        sentence: in full, with figures.
        short: what is different, without figures, for the first screen of a message.
        log_ids, trace_ids: what shows it.
    """

    sentence: str
    short: str
    log_ids: tuple[str, ...]
    trace_ids: tuple[str, ...] = ()


def reasons(suspect: Suspect) -> tuple[Reason, ...]:
    """The weightiest reasons of a suspect, at most four; text of logs is in them unescaped."""
    told: dict[str, Reason] = {}
    for piece in suspect.pieces:
        if len(told) == _SHOWN or (told and piece.weight < _LEAST_WEIGHT):
            break
        reason = _reason(piece, suspect)
        told.setdefault(reason.sentence, reason)
    return tuple(told.values())


def _reason(piece: Piece, suspect: Suspect) -> Reason:
    finding = piece.finding
    since = _clock(suspect.since_ms)
    if isinstance(finding, Failure):
        short = _failure_in_short(finding, suspect.service_name)
        return Reason(_failure(finding), short, finding.log_ids)
    if isinstance(finding, Slowness):
        sentence, short = _slowness(finding, since), _slowness_in_short(finding)
        return Reason(sentence, short, finding.log_ids, finding.trace_ids)
    short = f"Since {since} {label(finding.expected)} is missing"
    return Reason(_deviation(finding, since), short, finding.log_ids)


def _deviation(finding: Deviation, since: str) -> str:
    usual = _percent(finding.expected_normal, finding.normal)
    missing = round(finding.now - finding.expected_now)
    after = f"After {label(finding.here)}" if _is_event(finding.here) else "Without a trace"
    return (
        f"{after}, {label(finding.expected)} followed in {usual} of {finding.normal:,} cases; "
        f"since {since} it is missing in {missing:,} of {round(finding.now):,}, and "
        f"{label(finding.instead)} follows in {round(finding.instead_now):,}."
    )


def _failure(finding: Failure) -> str:
    lines = f"{finding.count:,} times" if finding.count > 1 else "once"
    since = _clock(finding.first_ms)
    usual = f"normal knows it from {finding.before:,} lines" if finding.before else "it is new"
    stack = ", with a stack trace of its code" if finding.own_code else ""
    said = _short(" ".join(finding.text.split()))
    return (
        f"{finding.service_name} says {finding.level} `{said}` {lines} since {since}{stack}; "
        f"{usual}."
    )


def _failure_in_short(finding: Failure, suspected: str) -> str:
    """Who logs it; an error of another service counts because it blames the suspect."""
    since, who = _clock(finding.first_ms), finding.service_name
    if who != suspected:
        return f"The errors of {who} since {since} lead to it"
    kind = "this error" if finding.before else "a new error"
    own = ", with a stack trace of its own code" if finding.own_code else ""
    return f"{who} logs {kind} since {since}{own}"


def _slowness(finding: Slowness, since: str) -> str:
    key = finding.key
    if key.stretch == Stretch.NET:
        what = f"The way from {key.one} to {key.other} ({_short(key.operation)})"
    elif key.stretch == Stretch.SELF:
        what = f"{key.one}'s own work in {_short(key.operation.replace(SEPARATOR, ' '))}"
    else:
        what = f"From {label(key.one)} to {label(key.other)} it"
    return (
        f"{what} usually takes up to {_time(finding.usual_ms)}; since {since} it takes more than "
        f"{_time(finding.limit_ms)} in {finding.slow_now:.0%} of {finding.now:,} cases, typically "
        f"{_time(finding.typical_ms)} (before: {finding.slow_normal:.0%} of {finding.normal:,})."
    )


def _slowness_in_short(finding: Slowness) -> str:
    key = finding.key
    if key.stretch == Stretch.NET:
        what = f"The way from {key.one} to {key.other}"
    elif key.stretch == Stretch.SELF:
        what = f"{key.one}'s own work"
    else:
        what = f"The way from {service_of(key.one)} to {service_of(key.other)}"
    return f"{what} takes {_time(finding.typical_ms)}, usually up to {_time(finding.usual_ms)}"


def label(key: str) -> str:
    """An event's key for people: what and where."""
    if key == END:
        return "the end of the request"
    service = service_of(key)
    parts = key.split(SEPARATOR)
    where = " ".join(part for part in parts[2:] if part)
    error = f"{level_of(key)} " if is_error_key(key) else ""
    return f"{error}`{_short(where)}` in {service}"


def _is_event(key: str) -> bool:
    return key.count(SEPARATOR) > 1


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_CHARS else f"{text[: _LABEL_CHARS - 1]}…"


def _clock(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%H:%M:%S")


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"


def _time(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"  # noqa: PLR2004
