"""Formats event times. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(moment_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def clock(moment_ms: int) -> str:
    """Date and time of day in UTC, for people."""
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
