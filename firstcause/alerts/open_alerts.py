"""Which services have alerts that last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

from firstcause.alerts.store import StoredAlert

# An alert that began earlier is not looked for.
LOOK_BACK_MS: Final = 24 * 3_600_000


class Alerts(Protocol):
    """Where alerts are kept."""

    def between(self, start_ms: int, end_ms: int) -> Iterable[StoredAlert]:
        """The alerts with an onset in [start_ms, end_ms)."""


def open_alerts(store: Alerts, now_ms: int) -> dict[str, int]:
    """How many live alerts last, by service; of those that began within a day. Blocks."""
    stored = store.between(now_ms - LOOK_BACK_MS, now_ms + 1)
    found = (one.alert for one in stored)
    return dict(
        Counter(one.service_name for one in found if one.mode == "live" and one.resolved_ms is None)
    )
