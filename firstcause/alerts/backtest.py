"""Runs rules over stored window metrics, by the engine that runs live."""

from __future__ import annotations

from cassandra.cluster import Session

from alerting.alert import Alert
from alerting.rules.engine import Engine
from alerting.rules.model import RuleSet
from firstcause.alerts.stored_minutes import stored_minutes
from firstcause.storage.log_history import LogHistory
from firstcause.storage.window_metrics import WindowHistory


def backtested(
    session: Session, rules: RuleSet, start_ms: int, end_ms: int, history_ms: int
) -> list[Alert]:
    """The alerts with an onset in [start_ms, end_ms) that rules would have made, oldest first.

    Blocks, and raises the driver's errors; changes nothing.

    Args:
        session: of the keyspace.
        rules: what is looked for.
        start_ms: ms since the epoch.
        end_ms: ms since the epoch.
        history_ms: so much time before is learned from.
    """
    services = LogHistory(session).services()
    rows = stored_minutes(WindowHistory(session), services, start_ms - history_ms, end_ms)
    alerts = Engine(rules).judge(rows, end_ms)
    return [one for one in alerts if start_ms <= one.window_start_ms < end_ms]
