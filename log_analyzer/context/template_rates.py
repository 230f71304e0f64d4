"""Compares a service's log rates by template before and during an incident, on samples. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import RateChange, TimelineEntry
from log_analyzer.context.windows import LogSample
from log_analyzer.redaction.redactor import cut_apart
from log_templates.miner import TemplateMiner

# Among some fifty templates of a service, chance passes 4 sigma about once in 300 incidents.
SIGMAS: Final = 4.0
RATIO: Final = 2.0
CHANGES_OF_A_SERVICE: Final = 8
NEW_LOGS_OF_A_SERVICE: Final = 3
# Less than this is no picture of how a service usually logs.
SECONDS_NEEDED: Final = 2.0
LOGS_NEEDED: Final = 20
MESSAGE_CHARS: Final = 200
QUIET_LEVELS: Final = frozenset({"TRACE", "DEBUG"})

# Level and template.
Kind = tuple[str, str]


def usual(hour_before: Iterable[LogSample], minute_before: LogSample) -> tuple[LogSample, ...]:
    """The samples that tell how a service usually logs; none when too little is known.

    Those of the hour before, else the minute just before the errors: a young service has no more.
    """
    for samples in (tuple(one for one in hour_before if one.complete), (minute_before,)):
        heard = sum(len(one.logs) for one in samples) >= LOGS_NEEDED
        if heard and all(one.complete for one in samples):
            return samples
    return ()


def rate_changes(
    before: Sequence[LogSample], now: LogSample, miner: TemplateMiner
) -> tuple[RateChange, ...]:
    """The templates whose rate changed at least twofold and by more than chance, clearest first.

    Rates are per minute of the sampled time; nothing is said when either side is too short.
    """
    before_seconds = sum(one.seconds for one in before)
    if not now.complete or min(before_seconds, now.seconds) < SECONDS_NEEDED:
        return ()
    counts_before = _counts((log for one in before for log in one.logs), miner)
    counts_now = _counts(now.logs, miner)
    found: list[tuple[float, RateChange]] = []
    for kind in counts_before.keys() | counts_now.keys():
        rate_before = counts_before[kind] / before_seconds * 60
        rate_now = counts_now[kind] / now.seconds * 60
        sigmas = abs(
            rate_difference(counts_now[kind], now.seconds, counts_before[kind], before_seconds)
        )
        low, high = sorted((rate_before, rate_now))
        if sigmas >= SIGMAS and high >= RATIO * low:
            change = RateChange(
                now.service_name,
                *kind,
                round(rate_before, 1),
                round(rate_now, 1),
                round(before_seconds, 1),
                round(now.seconds, 1),
            )
            found.append((sigmas, change))
    found.sort(key=lambda one: (-one[0], one[1].level, one[1].template))
    return tuple(change for _, change in found[:CHANGES_OF_A_SERVICE])


def rate_difference(
    count_one: int, seconds_one: float, count_other: int, seconds_other: float
) -> float:
    """How many standard deviations two Poisson rates lie apart; positive when the first is higher.

    The square-root test of Huffman, "An improved approximate two-sample Poisson test", Applied
    Statistics 33 (1984), 224-226.
    """
    ratio = seconds_one / seconds_other
    difference = math.sqrt(count_one + 3 / 8) - math.sqrt(ratio * (count_other + 3 / 8))
    return 2 * difference / math.sqrt(1 + ratio)


def new_logs(
    before: Sequence[LogSample], shown: Iterable[LogEvent], miner: TemplateMiner
) -> tuple[TimelineEntry, ...]:
    """The first log of each template that the samples before do not have, in event time.

    Errors are left out (they are the incident), and so are TRACE and DEBUG.
    """
    if not before:
        return ()
    known = _counts((log for one in before for log in one.logs), miner)
    found: dict[Kind, LogEvent] = {}
    for log in sorted(shown, key=lambda one: (one.timestamp_ms, one.log_id)):
        if not log.is_error and log.level not in QUIET_LEVELS:
            kind = _kind(log, miner)
            if kind not in known:
                found.setdefault(kind, log)
    return tuple(
        TimelineEntry(
            log.timestamp_ms,
            log.service_name,
            f"first {log.level} not seen before: {cut_apart(log.message, MESSAGE_CHARS)}",
            log.log_id,
        )
        for log in list(found.values())[:NEW_LOGS_OF_A_SERVICE]
    )


def _counts(logs: Iterable[LogEvent], miner: TemplateMiner) -> Counter[Kind]:
    return Counter(_kind(log, miner) for log in logs)


def _kind(log: LogEvent, miner: TemplateMiner) -> Kind:
    return log.level, miner.add(log.message).text
