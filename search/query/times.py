"""Times as people type them in a query: a date, a minute, a second or finer. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
_SECOND_MS: Final = 1_000


def typed_time_ms(text: str) -> tuple[int, int] | None:
    """The [start, end) that a typed time covers, in ms since the epoch; None if it is no time.

    `2026-01-31` is a whole day, `2026-01-31T12:00` a minute, `2026-01-31T12:00:05` a second.
    Without an offset it is UTC.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    date, minute, second, fraction, offset = match.groups()
    if fraction and not second:
        return None
    zone = "+00:00" if offset is None or offset in "Zz" else offset
    try:
        moment = datetime.fromisoformat(f"{date}T{minute or '00:00'}{second or ':00'}{zone}")
        start = (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    if fraction:
        digits = fraction[:3]
        width = 10 ** (3 - len(digits))
        return (begin := start + int(digits.ljust(3, "0"))), begin + width
    width = _SECOND_MS if second else _MINUTE_MS if minute else _DAY_MS
    return start, start + width
