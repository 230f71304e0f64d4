"""The engine: rules over the minutes of all services, in event time. Pure.

Live, `rules test` and `rules backtest` run this same code. It takes minutes in the order of time
and builds longer windows by adding them up. What it says depends on the minutes alone: in whatever
order they became known, the same minutes give the same alerts with the same ids.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from alerting.alert import Alert, in_order
from alerting.rules.judgement import Judgement, Outcome
from alerting.rules.lifecycle import advanced
from alerting.rules.minute import judge_service
from alerting.rules.model import RuleSet, SequenceRule
from alerting.rules.state import EngineState, RuleState, ServiceState
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics

# A service that was not heard for so long is no longer missed.
FORGET_MS: Final = 24 * 60 * MINUTE_MS
# After so long its past is forgotten too.
UNLEARN_MS: Final = 60 * FORGET_MS
# After such a gap without an event of any service, nothing is known of what went before.
GAP_MS: Final = 15 * MINUTE_MS


class Engine:
    """Judges minutes. Its state is plain data; `copy` looks ahead without changing it.

    Args:
        rules: what is looked for.
        state: what was remembered; changed in place.
    """

    def __init__(self, rules: RuleSet, state: EngineState | None = None) -> None:
        self._rules = rules
        self.state = EngineState() if state is None else state
        # The steps of a sequence are judged before it.
        self._ordered = sorted(
            rules.rules, key=lambda rule: (isinstance(rule, SequenceRule), rule.name)
        )

    @property
    def next_ms(self) -> int | None:
        """The start of the first minute that is not yet judged; None before the first."""
        return self.state.next_ms

    def copy(self) -> Engine:
        """An engine of the same rules that remembers the same."""
        # Our own state, never bytes from elsewhere: a copy in a tenth of the time of deepcopy.
        state = pickle.loads(pickle.dumps(self.state, pickle.HIGHEST_PROTOCOL))  # noqa: S301
        return Engine(self._rules, state)

    def judge(self, rows: Iterable[WindowMetrics], until_ms: int) -> tuple[Alert, ...]:
        """Judges all minutes that are not yet judged and end at `until_ms` or before.

        Returns the alerts that began, went on or ended, in the order in which they began.

        A service without a row had no event in that minute. Rows of minutes judged before, of
        other kinds and of all services together are left out. Each minute is judged once.

        Args:
            rows: minutes, in any order; of two of the same the last counts.
            until_ms: up to where all minutes are known.
        """
        minutes: dict[int, dict[str, WindowMetrics]] = {}
        for row in rows:
            is_minute = row.kind is WindowKind.MINUTE and row.service_name != ALL_SERVICES
            is_new = self.state.next_ms is None or row.start_ms >= self.state.next_ms
            if is_minute and is_new and row.end_ms <= until_ms:
                minutes.setdefault(row.start_ms, {})[row.service_name] = row
        alerts: dict[UUID, Alert] = {}
        for start_ms in sorted(minutes):
            own = {name: row for name, row in minutes[start_ms].items() if row.events}
            # Nobody was heard at all: the way to here is broken, and no service is to blame.
            if own:
                self._minute(start_ms, own, alerts)
        if minutes:
            self.state.next_ms = max(minutes) + MINUTE_MS
        return in_order(alerts.values())

    def _minute(
        self,
        start_ms: int,
        rows: Mapping[str, WindowMetrics],
        alerts: dict[UUID, Alert],
    ) -> None:
        for name in rows:
            self.state.services.setdefault(name, ServiceState()).last_heard_ms = start_ms
        for name in sorted(self.state.services):
            service = self.state.services[name]
            is_missed = start_ms - service.last_heard_ms <= FORGET_MS
            is_gap = bool(service.last_minutes) and (
                start_ms - service.last_minutes[-1].start_ms > GAP_MS
            )
            if is_gap or not is_missed:
                for ended in self._ended_by_gap(service):
                    alerts[ended.alert_id] = ended
            if start_ms - service.last_heard_ms > UNLEARN_MS:
                del self.state.services[name]
            if not is_missed:
                continue
            empty = WindowMetrics(name, WindowKind.MINUTE, start_ms, start_ms + MINUTE_MS)
            minute = rows.get(name, empty)
            service.last_minutes.append(minute)
            found = judge_service(self._rules, self._ordered, service, minute)
            for rule in self._ordered:
                if rule.name not in found:
                    continue
                window, said = found[rule.name]
                own = service.rules.setdefault(rule.name, RuleState())
                changed = advanced(rule, own, window, said)
                if changed is not None:
                    alerts[changed.alert_id] = changed

    def _ended_by_gap(self, service: ServiceState) -> list[Alert]:
        """What nobody has seen go on for a quarter of an hour has ended where it was last seen."""
        if not service.last_minutes:
            return []
        ended = []
        by_name = self._rules.by_name
        end_ms = service.last_minutes[-1].end_ms
        for name, own in service.rules.items():
            if own.alert is not None and name in by_name:
                closed = advanced(by_name[name], own, None, Judgement(Outcome.USUAL), end_ms)
                ended += [closed] if closed else []
        service.rules.clear()
        service.last_minutes.clear()
        return ended
