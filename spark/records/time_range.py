"""A range of time, as a job's argument."""

from __future__ import annotations

import argparse
from datetime import datetime

from firstcause.storage.stored_time import ms_from_datetime
from root_cause.quiet_hours.quiet_stretches import TimeRange


def parse_range(text: str) -> TimeRange:
    """The time that `FROM/TO` names, both RFC 3339 with an offset.

    Raises:
        argparse.ArgumentTypeError: it is no such time, or ends before it starts.
    """
    try:
        start, end = (datetime.fromisoformat(part) for part in text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FROM/TO in RFC 3339") from None
    if start.tzinfo is None or end.tzinfo is None or not start < end:
        raise argparse.ArgumentTypeError(f"{text!r}: both need an offset, and FROM comes first")
    return TimeRange(ms_from_datetime(start), ms_from_datetime(end))
