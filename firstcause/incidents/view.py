"""The data classes of an incident as all interfaces show it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from firstcause.incidents.handling import NOT_HANDLED, Handling
from firstcause.incidents.records import (
    EarlierIncident,
    Escalation,
    SentMessage,
    SimilarIncident,
)
from firstcause.incidents.states import Severity, Status

# Earlier incidents of the same groups: so many are looked for, the newest first.
EARLIER_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """One error kept with an incident; event time in ms since the epoch."""

    log_id: str
    timestamp_ms: int
    service_name: str
    level: str
    message: str
    error_code: str | None
    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was said about an incident. `note` tells why the model's answer is missing.

    `state` is the digest of the incident's state that this answers for good, empty while it may
    be asked again. `originals` are the values of those placeholders in the text that may be put
    back into what goes to Slack, where a setting allows it.
    """

    source: str
    root_cause: str
    culprit_service: str
    confidence: str
    evidence: tuple[str, ...]
    actions: tuple[str, ...]
    struck_out: tuple[str, ...] = ()
    note: str = ""
    model: str = ""
    llm_calls: int = 0
    llm_tokens: int = 0
    analysed_ms: int = 0
    state: str = ""
    originals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """The errors of one service and one template within an incident."""

    fingerprint: UUID
    service_name: str
    template: str
    error_count: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class ErrorMinute:
    """How many errors of an incident one service logged in one minute of event time."""

    service_name: str
    minute_ms: int
    errors: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A service that may be the cause, and why, as sentences with figures and log ids.

    `score` is the share of the failing traces that blame it; `departure` is its score against
    normal, 0 where nothing was compared; `log_ids` are the lines that show it. `in_short` is the
    weightiest reason without figures; empty where only the traces of the incident were read.
    """

    service_name: str
    reasons: tuple[str, ...]
    score: float = 0.0
    log_ids: tuple[str, ...] = ()
    departure: float = 0.0
    in_short: str = ""


@dataclass(frozen=True, slots=True)
class NormalRanking:
    """The result of ranking all evidence of an incident's window.

    Attributes:
        culprit: the service that stands out so clearly that it is named; None is inconclusive.
        suspects: all services with evidence, the most likely first.
        fits_normal: False when nearly all was new, so that only what services complain of counted.
        normal_version, learned_ms: which normal, and when it was composed (wall clock). Empty and 0
            where none was learned yet: then the time was compared with its own beginning.
        start_ms, end_ms: the event time that was compared.
        events, spans: how many were read of it.
        whole: False when they are a sample of its traces.
        young: True when the fault's first minute was not over; a later ranking knows more.
        clocks_moved: True when clocks were set right by logs alone: suspects are a hint then.
        path: services from the first suspect to the last that complains; empty if nobody is.
        hops: a sentence for each step of it, with the log or span ids that show it.
        onset_ms: the first error of the fault that it is of (event time); None if unknown.
    """

    culprit: str | None
    suspects: tuple[Suspect, ...]
    fits_normal: bool
    normal_version: str
    learned_ms: int
    start_ms: int
    end_ms: int
    events: int
    spans: int = 0
    whole: bool = True
    young: bool = False
    clocks_moved: bool = False
    path: tuple[str, ...] = ()
    hops: tuple[str, ...] = ()
    onset_ms: int | None = None

    @property
    def has_normal(self) -> bool:
        """True when something was learned as normal."""
        return bool(self.normal_version)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of the timeline; `log_id` if one log line shows it."""

    timestamp_ms: int
    service_name: str
    text: str
    log_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContextLog:
    """A log line of any level that helps to understand an incident."""

    log_id: str
    timestamp_ms: int
    service_name: str
    level: str
    message: str
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class RateChange:
    """A template that a suspect logs more or less often than in the hour before, per minute.

    The rates are those of samples; the seconds say of how much event time on each side.
    """

    service_name: str
    level: str
    template: str
    before_per_minute: float
    now_per_minute: float
    before_seconds: float = 0.0
    now_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class IncidentContext:
    """What a person would look at: fetched from the stored logs, kept with the incident.

    `ranking` is None where nothing was learned as normal yet, or could not be read in time.
    """

    gathered_ms: int
    suspects: tuple[Suspect, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    trace_logs: tuple[ContextLog, ...] = ()
    logs_before: tuple[ContextLog, ...] = ()
    rate_changes: tuple[RateChange, ...] = ()
    ranking: NormalRanking | None = None


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident whole. Times in ms since the epoch.

    `fingerprint`, `service_name` and `template` are those of its first group. `resolved_ms` is when
    it resolved last, by the wall clock, also after it opened again (`reopened`). `severity` is of
    the last minutes, `worst` of the time since its onset (of a resolved incident both are that).
    `last_arrival_ms` is when its last error arrived, by the wall clock. `similar` is filled in only
    where somebody asks for it.
    """

    incident_id: UUID
    fingerprint: UUID
    status: Status
    service_name: str
    template: str
    title: str
    severity: Severity
    suspects: tuple[str, ...]
    services: tuple[str, ...]
    error_count: int
    first_ms: int
    last_ms: int
    evidence: tuple[Evidence, ...]
    analyses: tuple[Analysis, ...]
    message: SentMessage | None
    groups: tuple[ErrorGroup, ...] = ()
    error_minutes: tuple[ErrorMinute, ...] = ()
    earlier: tuple[EarlierIncident, ...] = ()
    similar: tuple[SimilarIncident, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    handling: Handling = NOT_HANDLED
    context: IncidentContext | None = None
    merged_into: UUID | None = None
    reopened: bool = False
    resolved_ms: int | None = None
    worst: Severity | None = None
    last_arrival_ms: int = 0

    @property
    def stored_analysis(self) -> Analysis | None:
        """The model's last answer, or the last reason why there is none; None before both."""
        answers = [one for one in self.analyses if one.source == "mistral"] or self.analyses
        return max(answers, key=lambda one: one.analysed_ms, default=None)
