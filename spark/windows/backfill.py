"""Makes window metrics anew from the stored logs, with the expressions of the stream.

Equal logs make equal rows: a minute that the stream has whole is written as it was. So it may be
repeated at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog
from cassandra.cluster import Session
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from alerting.cells.cell import CellKey, Measures, with_all_services
from alerting.cells.windowing import minutes_around, windows_with
from alerting.windows import MINUTE_MS
from firstcause.settings import Settings
from firstcause.storage.log_minutes import minutes_between
from spark.records.stored_partitions import stored_partitions
from spark.windows.measures import measured, minute_sums
from spark.windows.minute_rows import read_row
from spark.windows.store import WindowStore

# So many minutes are read at once, and those around them.
MINUTES_AT_ONCE: Final = 30
# A stream that has said nothing for so long adds to no minute.
SILENT_MS: Final = 120_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Healed:
    """What was made anew: minutes of the clock, and rows of windows."""

    minutes: int = 0
    windows: int = 0


def heal(
    spark: SparkSession,
    settings: Settings,
    session: Session,
    store: WindowStore,
    minutes_ms: Iterable[int],
) -> Healed:
    """Makes the windows of these minutes anew, of all services. Blocks.

    Raises Spark's and the driver's errors; what was written until then is right.
    """
    healed = Healed()
    for part in parts_of(sorted(set(minutes_ms))):
        around = minutes_around(part)
        stored = minutes_between(session, around[0], around[-1] + MINUTE_MS)
        if not stored:
            continue
        logs = stored_partitions(spark, settings, "logs", stored)
        rows = minute_sums(measured(logs, F.col("timestamp"))).collect()
        cells: dict[CellKey, Measures] = with_all_services(dict(map(read_row, rows)))
        wanted = set(part)
        touched = [key for key in cells if key[1] in wanted]
        store.heal_cells((key, cells[key]) for key in touched)
        count = store.write_windows(windows_with(touched, cells))
        healed = Healed(healed.minutes + len(part), healed.windows + count)
        log.info("windows_healed", minutes=len(part), first_ms=part[0], windows=count)
    return healed


def settled(minutes_ms: Iterable[int], progress: tuple[int, int] | None, now_ms: int) -> set[int]:
    """The minutes that the stream adds nothing to any more.

    Args:
        minutes_ms: minutes, in ms since the epoch.
        progress: the stream's watermark, and when it said so; None: there is no stream.
        now_ms: the time.
    """
    if progress is None or now_ms - progress[1] > SILENT_MS:
        return set(minutes_ms)
    return {at_ms for at_ms in minutes_ms if at_ms + MINUTE_MS <= progress[0]}


def parts_of(minutes_ms: list[int]) -> Iterator[list[int]]:
    """Minutes, ascending, in parts that each lie within `MINUTES_AT_ONCE` minutes."""
    part: list[int] = []
    for at_ms in minutes_ms:
        if part and at_ms - part[0] >= MINUTES_AT_ONCE * MINUTE_MS:
            yield part
            part = []
        part.append(at_ms)
    if part:
        yield part
