"""Learns hours of stored logs and spans on Spark; each hour is stored or refused."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import structlog
from cassandra.cluster import Session
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.normal.compose_and_store import compose_in_force
from firstcause.normal.composed_normal_store import ComposedNormalStore
from firstcause.normal.known_disturbances import disturbances_between
from firstcause.normal.learned_hour_store import FROM_LOGS, VOUCHED_FOR, LearnedHourStore
from firstcause.settings import Settings
from firstcause.storage.log_minutes import minutes_between
from firstcause.storage.stored_time import datetime_from_ms
from root_cause.normal.codec import TOTALS, decode, encode
from root_cause.normal.learned_counts import Normal, merge
from root_cause.normal.learner import learn
from root_cause.quiet_hours.own_noise import own_noise
from root_cause.quiet_hours.quiet_stretches import TimeRange, quiet_stretches
from root_cause.quiet_hours.soundness import (
    MOST_EVENTS_OF_WINDOW,
    TOO_LITTLE,
    WINDOW_MS,
    why_unsound,
)
from root_cause.quiet_hours.whole_traces import LONGEST_TRACE_MS, starting_in
from spark.normal.stored_traces import (
    AT_MS,
    TRACE,
    has_spans,
    read_rows,
    rows_of_batches,
    stored_rows,
    without_endless_traces,
)
from spark.records.stored_partitions import DIRECT_JOIN
from spark.session import build_session

JOB: Final = "learn_normal"
# One worker's share: half a gigabyte of objects, and enough to tell what follows what.
EVENTS_OF_PARTITION: Final = 150_000
LOAD_SECONDS: Final = 60.0
_LEARNED_SCHEMA: Final = "service_name string, profile binary, events long"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HourOutcome:
    """What became of one hour; `refused` says why nothing was learned of it."""

    start: str
    end: str
    events: int
    traces: int
    refused: str | None
    changed: bool


def learn_partition(stretches: Sequence[TimeRange]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """What a worker does with its share of whole traces: rows of a normal, by service."""

    def learn_share(batches: Iterable[Any]) -> Iterator[Any]:
        # Nothing of it makes cycles, and the collector would look through all of it again and
        # again: a fifth of the time.
        gc.disable()
        try:
            events, spans = starting_in(stretches, *read_rows(rows_of_batches(batches)))
            rows = encode(learn(events, spans)) if events or spans else {}
        finally:
            gc.enable()
        counts = [len(events) if name == TOTALS else 0 for name in rows]
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(list(rows), pa.string()),
                pa.array(list(rows.values()), pa.binary()),
                pa.array(counts, pa.int64()),
            ],
            names=["service_name", "profile", "events"],
        )

    return learn_share


class NormalLearner:
    """Learns hours from Cassandra. Every method blocks and raises the driver's errors."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self._settings = settings
        self._session = session
        self._slices = LearnedHourStore(session)
        self._normals = ComposedNormalStore(session, settings.normal_zone)

    @cached_property
    def _spark(self) -> SparkSession:
        # Hours without a log need none.
        return build_session(self._settings, JOB, DIRECT_JOIN)

    def close(self) -> None:
        """Ends the Spark session, if there is one."""
        if "_spark" in self.__dict__:
            self._spark.stop()

    def learn(self, hour: TimeRange, *, vouched: bool) -> HourOutcome:
        """Learns one hour, or a part of it, and stores it, or notes why nothing was learned.

        Args:
            hour: within one hour of the clock.
            vouched: a person says that all was well: incidents, drills and looks do not count.
        """
        stretches, noise = [hour], ""
        if not vouched:
            disturbances = disturbances_between(self._session, hour.start_ms, hour.end_ms)
            stretches = quiet_stretches(hour, disturbances)
            noise = ", ".join(dict.fromkeys(one.what for one in disturbances))
        if not stretches:
            return self._refuse(hour, [], f"not quiet: {noise}")
        minutes = minutes_between(
            self._session,
            stretches[0].start_ms - LONGEST_TRACE_MS,
            stretches[-1].end_ms + LONGEST_TRACE_MS,
        )
        if not minutes:
            return self._refuse(hour, stretches, f"{TOO_LITTLE}: no logs are stored")
        rows = stored_rows(
            self._spark,
            self._settings,
            minutes,
            stretches,
            with_spans=has_spans(self._session),
        ).persist(StorageLevel.DISK_ONLY)
        try:
            traced = without_endless_traces(rows)
            return self._learn_rows(hour, stretches, traced, vouched=vouched)
        finally:
            rows.unpersist()

    def compose(self) -> str | None:
        """Puts all that is learned in force: the version's name, None while there is nothing."""
        version = compose_in_force(self._slices, self._normals)
        return version.version if version else None

    def _learn_rows(
        self, hour: TimeRange, stretches: list[TimeRange], rows: DataFrame, *, vouched: bool
    ) -> HourOutcome:
        window = F.expr(f"{AT_MS} div {WINDOW_MS}")
        counts = [row["count"] for row in rows.groupBy(window).count().collect()]
        why = None
        thinned = math.ceil(max(counts, default=0) / MOST_EVENTS_OF_WINDOW)
        sample = rows
        if thinned > 1:
            sample = rows.where(F.pmod(F.xxhash64(TRACE), F.lit(thinned)) == 0)
        found = starting_in(stretches, *read_rows(sample.toLocalIterator()))
        if not vouched:
            in_force = self._normals.load(hour.start_ms, LOAD_SECONDS)
            why = why_unsound(*found, in_force.normal if in_force else None)
        if why is not None:
            return self._refuse(hour, stretches, why)
        shares = max(1, math.ceil(sum(counts) / EVENTS_OF_PARTITION))
        learned = (
            rows.repartition(shares, TRACE)
            .mapInArrow(learn_partition(stretches), _LEARNED_SCHEMA)
            .collect()
        )
        normal, events = _merged(learned), sum(row["events"] for row in learned)
        normal.noise = own_noise(*found)
        if not normal.traces and not normal.services:
            return self._refuse(hour, stretches, f"{TOO_LITTLE}: no trace starts in it")
        source = VOUCHED_FOR if vouched else FROM_LOGS
        changed = self._slices.put(hour.start_ms, stretches, normal, events, source, _now_ms())
        if not self._normals.versions():
            # The very first: the next hour is to be compared with it already.
            self.compose()
        return _outcome(hour, events, normal.traces, None, changed=changed)

    def _refuse(self, hour: TimeRange, stretches: list[TimeRange], why: str) -> HourOutcome:
        changed = self._slices.refuse(hour.start_ms, stretches, why, FROM_LOGS, _now_ms())
        return _outcome(hour, 0, 0, why, changed=changed)


def _merged(rows: Iterable[Any]) -> Normal:
    return merge(decode({row["service_name"]: bytes(row["profile"])}) for row in rows)


def _outcome(
    hour: TimeRange, events: int, traces: int, refused: str | None, *, changed: bool
) -> HourOutcome:
    start, end = (
        datetime_from_ms(hour.start_ms).isoformat(),
        datetime_from_ms(hour.end_ms).isoformat(),
    )
    outcome = HourOutcome(start, end, events, traces, refused, changed)
    log.info("hour_learned" if refused is None else "hour_refused", **asdict(outcome))
    return outcome


def _now_ms() -> int:
    return int(time.time() * 1000)
