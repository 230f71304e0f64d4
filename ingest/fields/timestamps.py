"""Times as sources write them: epoch numbers of four units, RFC 3339, local times, objects."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

# Epoch numbers below each bound, and how a number of that unit becomes ms: times, divided by.
# 1e11 s is the year 5138.
_UNITS: Final = ((1e11, 1_000, 1), (1e14, 1, 1), (1e17, 1, 1_000), (1e20, 1, 1_000_000))
# What an event time can be: 1990 up to a day after it was received.
EARLIEST_MS: Final = 631_152_000_000
FUTURE_LIMIT_MS: Final = 24 * 3600 * 1000

_NUMBER = re.compile(r"[0-9]{9,20}(\.[0-9]{1,9})?")
_DATE_TIME = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[T _]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,:](?P<fraction>\d{1,9}))?)?"
    r"\s?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?(?!\d|:\d)"
)
# 22/Nov/2026:09:20:00 +0000, as access logs write it; 22-Nov-2026 09:20:00 UTC.
_ACCESS_LOG = re.compile(
    r"(?P<day>\d{1,2})[/ -](?P<name>[A-Z][a-z]{2})[/ -](?P<year>\d{4})[: ]"
    r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
)
# Sun Nov 22 09:20:00.123456 2026, as C writes it.
_ASCTIME = re.compile(
    r"(?:[A-Z][a-z]{2} )(?P<name>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<hour>\d{2}):(?P<minute>\d{2})"
    r":(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))? (?P<year>\d{4})"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


@dataclass(frozen=True, slots=True)
class SourceTime:
    """A time that a source told.

    Attributes:
        epoch_ms: ms since the epoch, rounded down.
        has_zone: the source said which zone; if not, `epoch_ms` takes the zone of the reader.
    """

    epoch_ms: int
    has_zone: bool


def parse_time(value: Any, zone: tzinfo = UTC) -> SourceTime | None:
    """A time of any common form; None when it is none.

    Numbers (also as text) are seconds, milli-, micro- or nanoseconds by their size. Objects are
    `{epochSecond, nanoOfSecond}`, `{seconds, nanos}` and `{"$date": ...}`. Text is a date and time
    with or without an offset, with up to nine digits of a second. `zone` holds where the text has
    no offset. Raises nothing.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _of_number(value)
    if isinstance(value, Mapping):
        return _of_object(value, zone)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _of_number(float(text) if "." in text else int(text))
    match = _DATE_TIME.fullmatch(text) or _ACCESS_LOG.fullmatch(text) or _ASCTIME.fullmatch(text)
    return None if match is None else _of_match(match, zone)


def leading_time(text: str, zone: tzinfo = UTC) -> tuple[SourceTime, int] | None:
    """A date and time at the start of a line, maybe in brackets, and where the rest begins."""
    start = 1 if text[:1] in "[(" else 0
    match = (
        _DATE_TIME.match(text, start)
        or _ACCESS_LOG.match(text, start)
        or _ASCTIME.match(text, start)
    )
    if match is None:
        return None
    time = _of_match(match, zone)
    if time is None:
        return None
    end = match.end()
    if start and text[end : end + 1] in "])":
        end += 1
    return time, end


def is_plausible(epoch_ms: int, received_ms: int) -> bool:
    """Whether an event that was received then can have this time: no year 1970, none 55563."""
    return EARLIEST_MS <= epoch_ms <= received_ms + FUTURE_LIMIT_MS


def rfc3339(epoch_ms: int) -> str:
    """The time as RFC 3339 in UTC, to the millisecond."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _of_number(value: float) -> SourceTime | None:
    if not math.isfinite(value) or value <= 0:
        return None
    for bound, factor, divisor in _UNITS:
        if value < bound:
            # Integers stay integers: a float has too few digits for nanoseconds.
            if isinstance(value, int):
                return SourceTime(value * factor // divisor, has_zone=True)
            return SourceTime(math.floor(round(value * factor / divisor, 3)), has_zone=True)
    return None


def _of_object(value: Mapping[str, Any], zone: tzinfo) -> SourceTime | None:
    if "$date" in value:
        return parse_time(value["$date"], zone) if not isinstance(value["$date"], Mapping) else None
    for seconds_key, nanos_key in (("epochSecond", "nanoOfSecond"), ("seconds", "nanos")):
        seconds, nanos = value.get(seconds_key), value.get(nanos_key, 0)
        seconds, nanos = _integer(seconds), _integer(nanos)
        if type(seconds) is int and type(nanos) is int and abs(seconds) < 10**12:
            return SourceTime(seconds * 1_000 + nanos // 1_000_000, has_zone=True)
    return None


def _integer(value: Any) -> Any:
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:  # noqa: PLR2004
        return int(value)
    return value


def _of_match(match: re.Match[str], zone: tzinfo) -> SourceTime | None:
    parts = match.groupdict()
    month = _MONTHS.get(parts["name"], 0) if "name" in parts else int(parts["month"])
    offset = parts.get("zone")
    try:
        local = datetime(
            int(parts["year"]),
            month,
            int(parts["day"]),
            int(parts["hour"]),
            int(parts["minute"]),
            int(parts["second"] or 0),
            int((parts.get("fraction") or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(offset) if offset else zone,
        )
        since = local - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return SourceTime(since // timedelta(milliseconds=1), has_zone=bool(offset))


def _zone(offset: str) -> tzinfo:
    if offset[0] not in "+-":
        return UTC
    digits = offset[1:].replace(":", "")
    moved = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-moved if offset[0] == "-" else moved)
