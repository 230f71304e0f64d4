"""Finds the episode of its own service that an alert belongs to. Pure.

It is the nearest one within `NEAR_MS` of the start of the alert's window, else the latest since
`LATE_ALERT_MS` before it, else the next within `EARLY_ALERT_MS`. One alone, and the alert has no
other tie, so that an alert never makes one incident of two.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from log_analyzer.incidents.grouping.trace_votes import Failing

NEAR_MS: Final = 60_000
# A rule sees a fault after it has begun, some rules minutes after others.
LATE_ALERT_MS: Final = 600_000
EARLY_ALERT_MS: Final = 120_000


class AlertOwners:
    """The owners of the alerts among some episodes.

    Args:
        by_service: the episodes of each service, in the order of `in_order`.
    """

    def __init__(self, by_service: Mapping[str, Sequence[Failing]]) -> None:
        self._by_service = by_service

    def owner_of(self, one: Failing) -> Failing | None:
        """The episode that an alert belongs to; None without one, and for what is no alert."""
        if not is_alert(one):
            return None
        own = self._by_service[one.service_name]
        at = bisect_left(own, in_order(one), key=in_order)
        before = own[at - 1] if at > 0 else None
        # A later alert belongs to this one, not this one to it.
        after = next((other for other in own[at + 1 :] if not is_alert(other)), None)
        before_ms = one.opened_ms - before.opened_ms if before is not None else math.inf
        after_ms = after.opened_ms - one.opened_ms if after is not None else math.inf
        # An alert begins with its window, so the errors that it counts may begin after it.
        if after_ms <= NEAR_MS and after_ms < before_ms:
            return after
        if before_ms <= LATE_ALERT_MS:
            return before
        return after if after_ms <= EARLY_ALERT_MS else None


def is_alert(one: Failing) -> bool:
    """True for an episode of alerts: it alone names the service that it is of."""
    return one.service_name in one.names


def in_order(one: Failing) -> tuple[int, UUID]:
    """The key that orders episodes by their beginning."""
    return one.opened_ms, one.episode_id
