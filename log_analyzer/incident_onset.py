"""Since when an incident goes on: what came back after a pause may have another cause. Pure."""

from __future__ import annotations

from typing import Final

from log_analyzer.incident_view import IncidentView

# So long without an error, and what comes then may have another cause.
PAUSE_MS: Final = 900_000
_MINUTE_MS: Final = 60_000


def onset_ms(view: IncidentView) -> int:
    """Since when an incident goes on without a pause (event time, ms); by minutes if it paused."""
    began_ms = view.last_ms - view.last_ms % _MINUTE_MS
    for minute_ms in sorted({one.minute_ms for one in view.error_minutes}, reverse=True):
        if began_ms - minute_ms > PAUSE_MS:
            return began_ms
        began_ms = min(began_ms, minute_ms)
    return view.first_ms
