"""Assembles an incident's context from the logs and traces that were read. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import IncidentContext, Suspect
from log_analyzer.context.selection import learned, logs_before, trace_logs
from log_analyzer.context.template_rates import new_logs, rate_changes, usual
from log_analyzer.context.windows import LogSample

SUSPECTS_SAMPLED: Final = 3


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
    """The context of the logs and traces that were read; their order does not matter."""
    # The position of the store job: later logs are not missing, they are not stored yet.
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
        # What the minute before is compared with must not be that minute itself.
        young = one.minute_before in normal
        minute = () if young else (*one.warnings.logs, *one.minute_before.logs)
        timeline.append(new_logs(normal, (*minute, *one.since.logs), miner))
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
