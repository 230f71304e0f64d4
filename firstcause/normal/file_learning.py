"""Learns normal from trusted recordings in files, without Spark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final

from cassandra.cluster import Session

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from firstcause.normal.compose_and_store import compose_in_force
from firstcause.normal.composed_normal_store import ComposedNormalStore, NormalVersion
from firstcause.normal.learned_hour_store import LearnedHourStore, SliceRecord
from root_cause.evaluation.labelled_cases import read_events, read_spans
from root_cause.normal.composition import chosen
from root_cause.quiet_hours.own_noise import learn_with_noise
from root_cause.quiet_hours.whole_traces import by_hour

_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Learned:
    """The result of learning from files.

    Attributes:
        slices: the learned hours, one for each hour that has traces.
        outdated: those of them that composition no longer uses, because newer hours are enough.
        version: the normal in force now.
    """

    slices: tuple[SliceRecord, ...]
    outdated: tuple[SliceRecord, ...]
    version: NormalVersion | None


def learn_files(
    session: Session,
    logs: Sequence[Path],
    spans: Sequence[Path],
    *,
    shift_to_now: bool,
    zone: tzinfo = UTC,
) -> Learned:
    """Learns each hour of the recorded events, and composes normal again.

    Each hour replaces what was learned of it before. Holds all of it in memory. May be repeated.

    Args:
        session: of the keyspace to store it in.
        logs: JSON Lines files, compressed where their names end in .gz.
        spans: the same of spans; may be none.
        shift_to_now: as if the last event were of this moment.
        zone: the time zone whose hours of the day have normals of their own.

    Raises:
        FirstcauseError: a file cannot be read.
        DriverException, NoHostAvailable: the driver's.
    """
    now_ms = int(time.time() * 1000)
    events = [event for path in logs for event in read_events(path)]
    found = [span for path in spans for span in read_spans(path)]
    if shift_to_now:
        events, found = _shifted(events, found, now_ms)
    slices, normals = LearnedHourStore(session), ComposedNormalStore(session, zone)
    source = ", ".join(path.name for path in logs)
    records = []
    for hour, own in by_hour(events, found).items():
        if own[0]:
            slices.put(hour.start_ms, (hour,), learn_with_noise(*own), len(own[0]), source, now_ms)
            record = slices.record(hour.start_ms)
            records += [record] if record else []
    version = compose_in_force(slices, normals)
    known = (one.learned for one in slices.records() if one.learned)
    taken = {one.hour_ms for one in chosen(known, zone)}
    outdated = tuple(one for one in records if one.hour_ms not in taken)
    return Learned(tuple(records), outdated, version)


def _shifted(
    events: list[LogEvent], spans: list[Span], now_ms: int
) -> tuple[list[LogEvent], list[Span]]:
    by_ms = now_ms - max(event.timestamp_ms for event in events)
    return (
        [replace(event, timestamp_ms=event.timestamp_ms + by_ms) for event in events],
        [replace(span, start_ns=span.start_ns + by_ms * _NS_PER_MS) for span in spans],
    )
