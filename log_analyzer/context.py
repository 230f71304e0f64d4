"""What was read of an incident becomes its context, and when to gather it. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.log_event import LogEvent
from log_analyzer.context_choice import groups_of, learned, logs_before, trace_logs
from log_analyzer.context_rates import new_logs, rate_changes, usual
from log_analyzer.context_store import Gathers
from log_analyzer.context_windows import LogSample
from log_analyzer.incident_view import IncidentContext, IncidentView, Suspect

SUSPECTS_SAMPLED: Final = 3
GATHERS_OF_AN_INCIDENT: Final = 6
GATHER_PAUSE_MS: Final = 30_000
MODEL_WAIT_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class ServiceSamples:
    """What was read of one suspect; `warnings` are the WARN logs of the minute before."""

    warnings: LogSample
    minute_before: LogSample
    since: LogSample
    hour_before: tuple[LogSample, ...]

    @property
    def complete(self) -> bool:
        """True when nothing of it is missing."""
        samples = (self.warnings, self.minute_before, self.since, *self.hour_before)
        return all(one.complete for one in samples)


def make_context(
    suspects: tuple[Suspect, ...],
    traces: Sequence[Sequence[LogEvent]],
    samples: Sequence[ServiceSamples],
    gathered_ms: int,
) -> IncidentContext:
    """The context that follows from what was read; the same whatever the order of arrival."""
    # Where the store job stands: what came later is not missing, it is not stored yet.
    stored_ms = max(
        (
            log.timestamp_ms
            for logs in (*traces, *(one.since.logs for one in samples))
            for log in logs
        ),
        default=0,
    )
    miner = learned(
        log
        for one in samples
        for sample in (*one.hour_before, one.minute_before, one.warnings, one.since)
        for log in sample.logs
    )
    changes = []
    timeline = []
    before = []
    for one in samples:
        normal = usual(one.hour_before, one.minute_before)
        changes.append(rate_changes(normal, one.since.until(stored_ms + 1), miner))
        older = tuple(sample for sample in normal if sample is not one.minute_before)
        lately = (*one.warnings.logs, *one.minute_before.logs, *one.since.logs)
        timeline.append(new_logs(older, lately, miner))
        before.append(logs_before((*one.warnings.logs, *one.minute_before.logs), miner))
    shown = itertools.chain.from_iterable(one.log_ids for one in suspects)
    return IncidentContext(
        gathered_ms=gathered_ms,
        suspects=suspects,
        timeline=tuple(
            sorted(
                itertools.chain.from_iterable(timeline),
                key=lambda one: (one.timestamp_ms, one.log_id or ""),
            )
        ),
        trace_logs=trace_logs(traces, shown),
        logs_before=tuple(itertools.chain.from_iterable(before)),
        rate_changes=tuple(itertools.chain.from_iterable(changes)),
    )


def state_of(view: IncidentView) -> str:
    """How far an incident has grown: its services, its groups, the size of its error count."""
    magnitude = int(math.log10(max(1, view.error_count)))
    services = ",".join(sorted({*view.services, *(one.service_name for one in groups_of(view))}))
    return f"{len(groups_of(view))} groups, 10^{magnitude} errors, {services}"


def gather_due(gathers: Gathers, state: str, now_ms: int) -> bool:
    """True when an incident's context is to be gathered, for the first time or again.

    Again when the incident has grown since, or the last gathering did not end well: at most each
    30 s and 6 times an incident.
    """
    if gathers.count == 0:
        return True
    if gathers.count >= GATHERS_OF_AN_INCIDENT:
        return False
    return now_ms - gathers.claimed_ms >= GATHER_PAUSE_MS and gathers.state != state


def may_ask_model(view: IncidentView, waited_ms: int) -> bool:
    """True when the model may be asked: the context is there, or was waited for long enough.

    `waited_ms` counts from when the asker first found the incident ready but for its context.
    """
    return view.context is not None or waited_ms >= MODEL_WAIT_MS
