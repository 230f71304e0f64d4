"""Selects records of a batch by their Kafka positions, with Spark expressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark.store.halving import Position

# So many records are looked for by offset.
POSITIONS_MAX: Final = 5_000
# So many records are one task, not one of each partition.
SMALL_PART: Final = 2_000


def part_of(source: DataFrame, part: Sequence[Position]) -> DataFrame:
    """The rows of a part of a batch; plans, runs nothing."""
    some = source.where(is_within(part))
    if len(part) <= SMALL_PART:
        some = some.coalesce(1)
    # A barrier: behind it the plan of each part is the same, so that it is compiled once.
    return some.observe("part", F.count(F.lit(1)).alias("records"))


def position() -> Column:
    """Where a record lies, as a struct."""
    return F.struct("partition", "offset")


def is_at(positions: Sequence[Mapping[str, int]]) -> Column:
    """Whether a record of the topic is at one of these; true for all when they are very many."""
    if len(positions) > POSITIONS_MAX:
        return F.lit(True)
    offsets: dict[int, list[str]] = defaultdict(list)
    for position in positions:
        offsets[position["partition"]].append(str(position["offset"]))
    # As text: a thousand values one by one would be a thousand calls into the JVM.
    return F.expr(
        " OR ".join(
            f"(partition = {partition} AND offset IN ({', '.join(those)}))"
            for partition, those in offsets.items()
        )
    )


def is_within(part: Sequence[Position]) -> Column:
    """Whether a record is one of these, which are next to each other in the batch."""
    spans: dict[int, tuple[int, int]] = {}
    for partition, offset in part:
        first, last = spans.get(partition, (offset, offset))
        spans[partition] = min(first, offset), max(last, offset)
    return F.expr(
        " OR ".join(
            f"(partition = {partition} AND offset BETWEEN {first} AND {last})"
            for partition, (first, last) in spans.items()
        )
    )
