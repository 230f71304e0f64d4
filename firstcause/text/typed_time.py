"""Parses times that people type: `2h` back from now, RFC 3339, or `all`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_SPAN: Final = re.compile(r"^(\d{1,6})\s*([smhd])$")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_since(text: str, now: datetime) -> datetime:
    """The time that `text` names, in UTC: `90m`, `24h`, `7d`, an RFC 3339 time, or `all`.

    Raises:
        ValueError: it is none of these; the text says what is.
    """
    if text == "all":
        return datetime(1970, 1, 1, tzinfo=UTC)
    if _SPAN.match(text):
        return _before(now, parse_span(text))
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: say 24h, 7d, 2026-01-31T12:00:00Z or all") from None


def parse_range(
    start: str | None, end: str | None, span: timedelta, now: datetime
) -> tuple[datetime, datetime]:
    """From and to, as `parse_since` reads them: `span` before `to`, and `now`, without a text.

    Raises:
        ValueError: a text is no time; the text says what is.
    """
    until = parse_since(end, now) if end else now
    return parse_since(start, now) if start else _before(until, span), until


def _before(moment: datetime, span: timedelta) -> datetime:
    try:
        return moment - span
    except OverflowError:
        raise ValueError(f"{span.days} days before {moment:%Y-%m-%d} is before any time") from None


def parse_span(text: str) -> timedelta:
    """The span of time that `text` names: `30s`, `90m`, `24h`, `7d`.

    Raises:
        ValueError: it is none of these; the text says what is.
    """
    span = _SPAN.match(text)
    if span is None:
        raise ValueError(f"{text!r} is no span of time: say 90m, 24h or 7d")
    return timedelta(**{_UNITS[span[2]]: int(span[1])})
