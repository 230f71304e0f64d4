"""Parses Kafka records as JSON objects, for the readers of log events and spans.

Only right in a session with `SESSION_OPTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructType

from firstcause.events.message_json import BLANKS, BytesFault

# Else Spark keeps what it got of an object with a broken field, instead of nothing.
SESSION_OPTIONS: Final = {
    "spark.sql.json.enablePartialResults": "false",
    "spark.sql.session.timeZone": "UTC",
    # A key that stands twice counts as in Python: the last one; by default it fails the batch.
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
}

# What Jackson forgives by default and JSON forbids.
STRICT_JSON: Final = {
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}


class JsonObjects:
    """Parses the values of Kafka records as JSON objects of one schema.

    To be made once a Spark session: expressions are objects in the JVM, and slow to make.
    """

    def __init__(self, schema: StructType) -> None:
        self._parsed = parsed(schema)
        self._text = _text()

    def read(self, records: DataFrame) -> DataFrame:
        """Plans the parsing of rows of Spark's Kafka source; runs nothing.

        Returns:
            The same rows with the columns `raw` (the object, or null), `readable_json` and
            `readable_utf8`.
        """
        raw = F.col("objects").getItem(0)
        return records.withColumn("objects", self._parsed).withColumns(
            {
                "raw": raw,
                "readable_json": (F.size("objects") == 1) & raw.isNotNull(),
                # Decoding replaces what is no UTF-8, so that the way back differs.
                "readable_utf8": F.encode(self._text, "UTF-8") == F.col("value"),
            }
        )


def parsed(schema: StructType) -> Column:
    """The value of a record as an array of objects; it has one object if the value is readable."""
    # In an array, whatever stands behind the object makes it unreadable instead of being lost.
    json_array = F.concat(F.lit("["), _text(), F.lit("]"))
    return F.from_json(json_array, ArrayType(schema), STRICT_JSON)


def _text() -> Column:
    return F.decode("value", "UTF-8")


def byte_checks() -> list[tuple[str, Column]]:
    """For rows of `JsonObjects.read`: each fault of bytes, and whether it applies."""
    return [
        (BytesFault.TOMBSTONE, F.col("value").isNull()),
        (BytesFault.EMPTY_VALUE, F.octet_length("value") == 0),
        (BytesFault.NOT_UTF8, ~F.col("readable_utf8")),
        (BytesFault.NOT_JSON_OBJECT, ~F.coalesce("readable_json", F.lit(False))),
    ]


def first_reason(checks: Iterable[tuple[str, Column]]) -> Column:
    """The first reason whose check applies, as text; null when none does."""
    first, *others = checks
    reason = F.when(first[1], str(first[0]))
    for name, applies in others:
        reason = reason.when(applies, str(name))
    return reason


def trimmed(text: Column) -> Column:
    """`text` without blanks at both ends."""
    return F.btrim(text, F.lit(BLANKS))


def says_nothing(text: Column) -> Column:
    """Whether `text` is null, empty or blank; never null itself."""
    return F.coalesce(trimmed(text), F.lit("")) == ""
