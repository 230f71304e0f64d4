"""Finds the episode of its own service that an alert belongs to. Pure.

It is the nearest one within `NEAR_MS` of the start of the alert's window, else the latest since
`LATE_ALERT_MS` before it, else the next within `EARLY_ALERT_MS`. One alone, and the alert has no
other tie, so that an alert never makes one incident of two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from log_analyzer.incidents.grouping.trace_votes import Failing

NEAR_MS: Final = 60_000
# A rule sees a fault after it has begun, some rules minutes after others.
LATE_ALERT_MS: Final = 600_000
EARLY_ALERT_MS: Final = 120_000


def owners_of_alerts(by_service: Mapping[str, Sequence[Failing]]) -> dict[UUID, Failing]:
    """By alert, the episode that it belongs to; what is no alert, or has none, is left out.

    Args:
        by_service: the episodes of each service, in the order of `in_order`.
    """
    found: dict[UUID, Failing] = {}
    for own in by_service.values():
        after: Failing | None = None
        for at in range(len(own) - 1, -1, -1):
            one = own[at]
            if not is_alert(one):
                after = one
                continue
            # A later alert belongs to this one, not this one to it.
            owner = _owner_of(one, own[at - 1] if at > 0 else None, after)
            if owner is not None:
                found[one.episode_id] = owner
    return found


def _owner_of(alert: Failing, before: Failing | None, after: Failing | None) -> Failing | None:
    before_ms = alert.opened_ms - before.opened_ms if before is not None else math.inf
    after_ms = after.opened_ms - alert.opened_ms if after is not None else math.inf
    # An alert begins with its window, so the errors that it counts may begin after it.
    if after_ms <= NEAR_MS and after_ms < before_ms:
        return after
    if before_ms <= LATE_ALERT_MS:
        return before
    return after if after_ms <= EARLY_ALERT_MS else None


def is_alert(one: Failing) -> bool:
    """True for an episode of alerts: it alone names the service that it is of."""
    return one.service_name in one.names
