"""Minutes of event time as they come, judged each once: what rules and objectives share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from alerting.live import LiveJudge
from alerting.windows import MINUTE_MS, WindowMetrics
from firstcause.alerts.stored_minutes import Windows, newest_minute
from log_analyzer.workers.alerts import Findings

# The first rows of a minute come some seconds before all of the last one are there.
SETTLE_MS: Final = 5_000
# What a first look finds that is older was never told, and is no news any more.
OLD_NEWS_MS: Final = 60 * MINUTE_MS


def newest_settled(windows: Windows, since_ms: int, now_ms: int) -> int | None:
    """The start of the newest minute with events whose predecessors are there. Blocks."""
    return newest_minute(windows, since_ms, now_ms - SETTLE_MS)


def findings_of(
    judge: LiveJudge[Any], minutes: Sequence[WindowMetrics], newest_ms: int, *, is_first: bool
) -> Findings:
    """What a judge says of new minutes, which it knows as told then.

    Args:
        judge: judges them.
        minutes: those that are new to it.
        newest_ms: the start of the newest one.
        is_first: nobody has looked before, so old alerts are no news.
    """
    look = judge.look(minutes, newest_ms)
    judge.told(look.to_tell)
    news_ms = newest_ms - OLD_NEWS_MS if is_first else 0
    news = [one for one in look.to_tell if one.last_window_end_ms > news_ms]
    return Findings(news, look.changed, look.withdrawn)
