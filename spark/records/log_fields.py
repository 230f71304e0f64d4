"""Parses fields of a log event with Spark expressions; an invalid value is kept as sent.

Decides as `log_fields`, `log_level` and `trace_ids` of `firstcause.events` do, with their tables
and patterns. A column that stands for text may be null; none of these raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from firstcause.events import log_fields, log_level, trace_ids
from spark.records.json_records import STRICT_JSON, trimmed


def told(text: Column) -> Column:
    """`text`, or null if it is empty."""
    return F.when(text != "", text)


def level(word: Column) -> Column:
    """See `log_level.level_of`."""
    plain = F.upper(F.regexp_replace(word, log_level.COLOUR_PATTERN, ""))
    plain = F.regexp_replace(plain, log_level.DECORATION_PATTERN, "")
    aliases = F.create_map(
        *(F.lit(one) for pair in log_level.LEVEL_ALIASES.items() for one in pair)
    )
    # Most words are one of the six; the second look costs more.
    return F.coalesce(aliases[word], aliases[plain])


def guessed_level(word: Column, message: Column, exception: Column) -> Column:
    """See `log_level.guessed_level`."""
    names_failure = F.concat_ws(" ", word, message).rlike(log_level.FAILURE_PATTERN)
    has_exception = F.coalesce(exception != "", F.lit(False))
    return F.when(has_exception | names_failure, "ERROR").otherwise("INFO")


def trace_id(text: Column) -> Column:
    """See `trace_ids.trace_id_of`."""
    return F.when(text.rlike(trace_ids.PLAIN_PATTERN), text).otherwise(
        _stored_id(text, trace_ids.TRACE_FORMS)
    )


def span_id(text: Column) -> Column:
    """See `trace_ids.span_id_of`."""
    return F.when(text.rlike(trace_ids.PLAIN_PATTERN), text).otherwise(_stored_id(text, ()))


def says_no_id(text: Column) -> Column:
    """See `trace_ids.says_no_id`."""
    return trimmed(text).rlike(trace_ids.NO_ID_PATTERN)


def _stored_id(text: Column, forms: tuple[str, ...]) -> Column:
    lowered = F.lower(trimmed(text))
    held = F.coalesce(*(told(F.regexp_extract(lowered, form, 1)) for form in forms), lowered)
    plain = F.replace(held, F.lit("-"), F.lit(""))
    largest = str(trace_ids.DECIMAL_MAX)
    fits = (F.length(held) < len(largest)) | (held <= largest)
    number = F.when(fits, F.lpad(F.lower(F.conv(held, 10, 16)), 16, "0"))
    return (
        F.when(held.rlike(trace_ids.NO_ID_PATTERN), F.lit(None))
        .when(held.rlike(trace_ids.DECIMAL_PATTERN), number)
        .when(
            plain.rlike(trace_ids.HEX_PATTERN),
            F.regexp_replace(plain, trace_ids.PADDING_PATTERN, ""),
        )
    )


def integer(text: Column) -> Column:
    """See `log_fields.read_integer`."""
    return F.when(text.rlike(log_fields.INTEGER_PATTERN), text.cast("int"))


def number(text: Column) -> Column:
    """See `log_fields.read_number`."""
    return F.when(text.rlike(log_fields.NUMBER_PATTERN), text.cast("double"))


def attributes(text: Column) -> Column:
    """See `log_fields.read_attributes`; null if absent, empty or invalid."""
    json_array = F.concat(F.lit("["), text, F.lit("]"))
    objects = F.from_json(json_array, "array<map<string,string>>", STRICT_JSON)
    found = F.when(F.size(objects) == 1, objects.getItem(0))
    # A null inside of a map is nothing that Cassandra stores.
    return F.map_filter(found, lambda _, item: item.isNotNull())


def with_odd(known: Column, odd: Mapping[str, Column]) -> Column:
    """The attributes `known` (a map or null) and, under its field's name, each that is not null.

    An invalid value replaces an attribute that has the field's name.
    """
    pairs = F.array(
        *(F.struct(F.lit(name).alias("key"), text.alias("value")) for name, text in odd.items())
    )
    kept = F.map_from_entries(F.filter(pairs, lambda pair: pair["value"].isNotNull()))
    others = F.map_filter(
        F.coalesce(known, F.create_map().cast("map<string,string>")),
        lambda name, _: ~F.call_function("map_contains_key", kept, name),
    )
    return F.when(any_of(odd), F.map_concat(others, kept)).otherwise(known)


def any_of(odd: Mapping[str, Column]) -> Column:
    """Whether any field is odd."""
    return reduce(lambda one, other: one | other, (text.isNotNull() for text in odd.values()))
