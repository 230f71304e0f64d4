"""Assembles the copier of the hot state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cassandra.cluster import Session

from firstcause.alerts.open_alerts import open_alerts
from firstcause.alerts.store import AlertStore
from firstcause.settings import Settings
from firstcause.storage.log_history import LogHistory
from firstcause.storage.window_metrics import WindowHistory

if TYPE_CHECKING:
    from log_analyzer.workers.hot_state import HotStateCopier


def hot_state_copier(settings: Settings, session: Session, owner: str) -> HotStateCopier | None:
    """The copier; None without `REDIS_URL`. Asks Cassandra, and Redis nothing yet.

    Raises:
        FirstcauseError: an option of the address is none.
    """
    if settings.redis_url is None:
        return None
    # Without REDIS_URL, the analyzer starts without the client, which imports much.
    from firstcause.hot_state.connection import open_redis
    from firstcause.hot_state.writer import HotStateWriter
    from log_analyzer.workers.hot_state import TIMEOUT_SECONDS, HotStateCopier

    redis = open_redis(settings.redis_url, TIMEOUT_SECONDS)
    return HotStateCopier(
        windows=WindowHistory(session),
        services=LogHistory(session).services,
        open_alerts=partial(open_alerts, AlertStore(session)),
        writer=HotStateWriter(redis, owner),
    )
