"""Converts times to Cassandra's timestamps (whole milliseconds, UTC) and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# The first and the last time that the calendar has.
FIRST_MS: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
LAST_MS: Final = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - _EPOCH) // _MILLISECOND


def datetime_from_ms(at_ms: int) -> datetime:
    """The time that is this many ms after the epoch."""
    return _EPOCH + at_ms * _MILLISECOND


def ms_from_datetime(at: datetime) -> int:
    """The ms since the epoch; the driver's moments have no offset and mean UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


def days_between(start_ms: int, end_ms: int) -> list[date]:
    """The days (UTC) that a time touches, both ends included."""
    first, last = datetime_from_ms(start_ms).date(), datetime_from_ms(end_ms).date()
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


def optional_ms(at: datetime | None) -> int | None:
    """As `ms_from_datetime`; None stays None."""
    return None if at is None else ms_from_datetime(at)
