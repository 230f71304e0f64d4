"""Times as people write them in a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from api.guard.problems import Problem
from firstcause.text.typed_time import parse_range


def time_range(
    start: str | None, end: str | None, span: timedelta, now: datetime | None = None
) -> tuple[datetime, datetime]:
    """From and to: `2h` back, an RFC 3339 time, `all`; `span` before `to`, and now, by default.

    Raises:
        Problem: 400, no time, or the end before the beginning.
    """
    moment = now or datetime.now(UTC)
    try:
        since, until = parse_range(start, end, span, moment)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"from, to: {error}.") from None
    if since > until:
        raise Problem(HTTPStatus.BAD_REQUEST, "from: it is after to.")
    return since, until
