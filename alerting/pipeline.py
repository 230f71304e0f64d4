"""Alerts about Firstcause's own pipeline: silence, stalled jobs, growing lag, dead letters. Pure.

It is judged once a minute of the wall clock: a pipeline that is broken has no event time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from alerting.alert import Alert, Mode
from alerting.rules.judgement import Judgement, Outcome, score_of
from alerting.rules.lifecycle import advanced
from alerting.rules.state import RuleState
from alerting.windows import HOUR_MS, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.incidents.states import Severity

# The service that such alerts are of.
OWN_SERVICE: Final = "firstcause"
# A job without a heartbeat for so long is off, and not missed.
OFF_MS: Final = 24 * HOUR_MS
# A lag grows when it did so over this time, and by so many messages.
GROWTH_MINUTES: Final = 10
GROWTH_MESSAGES: Final = 10_000
_LEARNED: Final = "Firstcause's own pipeline"


@dataclass(frozen=True, slots=True)
class JobReading:
    """How a job stands; times in ms since the epoch.

    Attributes:
        job: its name.
        heartbeat_ms: its last sign of life; None where it gives none.
        progress_ms: when it last finished what it had to do; None where it does not tell.
        lag: messages that it has not read yet; None where that is unknown.
        is_stopped: somebody stopped it, and it ended as it should.
    """

    job: str
    heartbeat_ms: int | None
    progress_ms: int | None
    lag: int | None
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How the pipeline stands.

    Attributes:
        at_ms: when that was read, in ms since the epoch.
        last_log_ms: when Kafka got the last log; None while it never got one, or is away.
        dead_letters: how many messages the dead-letter topic ever got, without the alerts that a
            webhook did not take; None where unknown.
        jobs: those that were ever started here.
    """

    at_ms: int
    last_log_ms: int | None
    dead_letters: int | None
    jobs: Sequence[JobReading]


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """From when on something is an alert, in ms."""

    silent_ms: int
    stalled_ms: int


@dataclass(frozen=True, slots=True)
class PipelineRule:
    """What stands for a rule in the life of such an alert."""

    name: str
    severity: Severity
    resolve_after: int
    kind: Literal["pipeline"] = "pipeline"
    mode: Mode = "live"
    for_windows: int = 1


# One alert of dead letters lasts until an hour has brought none.
_RULES: Final[dict[str, tuple[Severity, int]]] = {
    "no_logs": ("high", 1),
    "job_stalled": ("high", 2),
    "job_behind": ("medium", 5),
    "dead_letters": ("medium", 60),
}


@dataclass(slots=True)
class PipelineJudge:
    """Makes alerts of readings. Not for several threads.

    Attributes:
        limits: from when on something is an alert.
        since_ms: when this watch began. Silence counts from then on at the earliest: while nobody
            watched, the whole installation may have been off.
    """

    limits: PipelineLimits
    since_ms: int
    _past: deque[Reading] = field(default_factory=lambda: deque(maxlen=GROWTH_MINUTES + 1))
    _states: dict[str, RuleState] = field(default_factory=dict)
    # What this process has ever judged: only of that it knows that it is gone.
    _judged: set[str] = field(default_factory=set)

    def resume(self, alerts: Iterable[Alert], at_ms: int) -> None:
        """Takes up stored alerts that last: of before a restart, or of another instance."""
        for alert in alerts:
            own = self._states.get(alert.rule)
            is_ours = alert.kind == "pipeline" and alert.rule.partition(":")[0] in _RULES
            is_known = own is not None and own.alert is not None
            if is_ours and not is_known and alert.resolved_ms is None:
                without = max(0, at_ms - alert.last_window_end_ms) // MINUTE_MS
                self._states[alert.rule] = RuleState(
                    onset_ms=alert.window_start_ms, without=without, alert=alert
                )

    def judge(self, reading: Reading) -> list[Alert]:
        """The alerts that begin, go on or end with the minute before a reading.

        Readings come once a minute. Alerts of what was never read here are left to whoever reads
        it: the streams of another machine.
        """
        self._past.append(reading)
        end_ms = reading.at_ms - reading.at_ms % MINUTE_MS
        window = WindowMetrics(OWN_SERVICE, WindowKind.MINUTE, end_ms - MINUTE_MS, end_ms)
        said = dict(self._said(reading))
        self._judged.update(said)
        # What the store says of the others is taken up anew at each look.
        self._states = {name: own for name, own in self._states.items() if name in self._judged}
        alerts = []
        for name in sorted({*said, *self._states}):
            severity, resolve_after = _RULES[name.partition(":")[0]]
            rule = PipelineRule(name, severity, resolve_after)
            own = self._states.setdefault(name, RuleState())
            changed = advanced(rule, own, window, said.get(name, Judgement(Outcome.USUAL)))
            if changed is not None:
                alerts.append(changed)
        return alerts

    def _said(self, reading: Reading) -> Iterator[tuple[str, Judgement]]:
        yield "no_logs", self._silence(reading)
        yield "dead_letters", self._dead_letters(reading)
        for job in reading.jobs:
            yield f"job_stalled:{job.job}", self._stall(job, reading.at_ms)
            yield f"job_behind:{job.job}", self._growth(job)

    def _silence(self, reading: Reading) -> Judgement:
        if reading.last_log_ms is None:
            return Judgement(Outcome.BETWEEN)
        quiet_ms = reading.at_ms - reading.last_log_ms
        watched_ms = min(quiet_ms, reading.at_ms - self.since_ms)
        text = f"no log came from any source for {watched_ms / MINUTE_MS:.0f} min"
        return _quiet(quiet_ms, watched_ms, self.limits.silent_ms, text)

    def _stall(self, job: JobReading, at_ms: int) -> Judgement:
        silent_ms = at_ms - job.heartbeat_ms if job.heartbeat_ms is not None else 0
        busy_ms = at_ms - job.progress_ms if job.progress_ms is not None else 0
        if job.is_stopped or silent_ms > OFF_MS:
            return Judgement(Outcome.USUAL)
        what = (
            "gives no sign of life" if silent_ms > self.limits.stalled_ms else "makes no progress"
        )
        worst_ms = max(silent_ms, busy_ms)
        watched_ms = min(worst_ms, at_ms - self.since_ms)
        text = f"the job {job.job} {what} for {watched_ms / MINUTE_MS:.0f} min"
        return _quiet(worst_ms, watched_ms, self.limits.stalled_ms, text)

    def _growth(self, job: JobReading) -> Judgement:
        if job.is_stopped:
            return Judgement(Outcome.USUAL)
        lags = [
            one.lag
            for reading in self._past
            for one in reading.jobs
            if one.job == job.job and one.lag is not None
        ]
        if job.lag is not None and (job.lag < GROWTH_MESSAGES or 2 * job.lag < max(lags)):
            return Judgement(Outcome.USUAL)
        if job.lag is None or len(lags) <= GROWTH_MINUTES:
            return Judgement(Outcome.BETWEEN)
        growth = job.lag - lags[0]
        if growth <= 0:
            return Judgement(Outcome.USUAL)
        if growth < GROWTH_MESSAGES or job.lag < max(lags):
            return Judgement(Outcome.BETWEEN)
        text = (
            f"the job {job.job} is {job.lag:,} messages behind, {growth:,} more than "
            f"{GROWTH_MINUTES} min ago"
        )
        return _beyond(growth, GROWTH_MESSAGES - 1, 1, text)

    def _dead_letters(self, reading: Reading) -> Judgement:
        before = self._past[-2].dead_letters if len(self._past) > 1 else None
        if reading.dead_letters is None or before is None:
            return Judgement(Outcome.BETWEEN)
        new = reading.dead_letters - before
        text = f"{new:,} messages became dead letters"
        return _beyond(new, 0, 1, text)


def _quiet(whole_ms: int, watched_ms: int, bound_ms: int, text: str) -> Judgement:
    """How long there was no sign, in all and as far as it was watched."""
    if watched_ms <= bound_ms < whole_ms:
        return Judgement(Outcome.BETWEEN)
    return _beyond(watched_ms, bound_ms, MINUTE_MS, text)


def _beyond(value: int, bound: int, unit: int, text: str) -> Judgement:
    """A value beside the bound that it must not exceed, both told in a unit."""
    if value <= bound:
        return Judgement(Outcome.USUAL)
    observed, expected = value / unit, bound / unit
    return Judgement(
        Outcome.BEYOND,
        observed,
        expected,
        (None, expected),
        score_of(observed, expected),
        _LEARNED,
        text,
    )
