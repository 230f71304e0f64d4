"""The task function of the DAG `rules_backtest`."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException

from dags.tasks.time_span import time_span

if TYPE_CHECKING:
    from alerting.alert import Alert
    from alerting.rules.model import RuleSet

# As far back as window metrics are kept.
LONGEST_DAYS: Final = 14
DAY_MS: Final = 86_400_000
# So many alerts are listed in the log, and in the task's result; all are counted.
LISTED: Final = 500

log = logging.getLogger(__name__)


def list_alerts(params: Any = None) -> dict[str, Any]:
    """Lists the alerts that the rules make of the stored window metrics, in the log and as result.

    Nothing is stored and nobody is told, so a retry is harmless.
    """
    from firstcause.alerts.backtest import backtested
    from firstcause.alerts.rules_file import load_rules
    from firstcause.errors import FirstcauseError
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.text.event_time import iso

    settings = load_settings()
    start_ms, end_ms = span(params)
    try:
        rules = load_rules(settings.alert_rules)
    except FirstcauseError as error:
        raise AirflowFailException(str(error)) from None
    rule = rule_of(params, rules)
    history_ms = settings.alert_history_hours * 3_600_000
    with cassandra.session(settings) as session:
        made = backtested(session, rules, start_ms, end_ms, history_ms)
    # A sequence needs its steps, so all rules are run.
    found = [one for one in made if rule in (None, one.rule)]
    for one in found[:LISTED]:
        log.info("%s", line(one))
    log.info("%s alerts from %s to %s", len(found), iso(start_ms), iso(end_ms))
    return {"from": iso(start_ms), "to": iso(end_ms), "rule": rule, **summary(found)}


def span(params: Any) -> tuple[int, int]:
    """The form's time in ms since the epoch; without one, the last day.

    Raises:
        AirflowFailException: it ends before it begins, or is too long.
    """
    start_ms, end_ms = time_span(params, timedelta(days=1))
    if end_ms - start_ms > LONGEST_DAYS * DAY_MS:
        raise AirflowFailException(f"Windows are kept for {LONGEST_DAYS} days: ask for less.")
    return start_ms, end_ms


def rule_of(params: Any, rules: RuleSet) -> str | None:
    """The form's rule; None for all.

    Raises:
        AirflowFailException: no rule has this name.
    """
    name = (params["rule"] or "").strip()
    if name and name not in rules.by_name:
        known = ", ".join(sorted(rules.by_name))
        raise AirflowFailException(f"No rule is called {name}. There are: {known}.")
    return name or None


def line(alert: Alert) -> str:
    """An alert in a line, with what its source sent made harmless."""
    from firstcause.text.event_time import iso
    from firstcause.text.printable import printable

    end = "lasts" if alert.resolved_ms is None else f"until {iso(alert.resolved_ms)}"
    shadow = " (shadow)" if alert.mode == "shadow" else ""
    told = f"{iso(alert.window_start_ms)} {alert.severity} {alert.rule} {alert.sentence}, {end}"
    return f"{printable(told)}{shadow} {alert.alert_id}"


def summary(alerts: list[Alert]) -> dict[str, Any]:
    """The counts, all and by rule, and the first alerts."""
    from collections import Counter

    from alerting.alert import message_of

    listed = []
    for one in alerts[:LISTED]:
        fields = dict(message_of(one, 0))
        del fields["detected_at"]
        listed.append({**fields, "mode": one.mode})
    by_rule = dict(sorted(Counter(one.rule for one in alerts).items()))
    return {"count": len(alerts), "by_rule": by_rule, "alerts": listed}
