"""What Spark's `applyInPandasWithState` calls for each service: keeps its alerts, and decides.

Each service has a watermark of its own, behind its newest alert: one that is far ahead, or far
behind in Kafka, changes nothing for others. A service that falls silent is decided by the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import orjson
import pandas as pd

from alerting.escalation import Escalation, SeenAlert, ServiceAlerts, decided, with_arrived

# No service has this name: what is no alert comes here, and leaves as it came.
UNREADABLE: Final = ""
ESCALATION, LETTER, LATE = "escalation", "letter", "late"
STATE_SCHEMA: Final = "known string"
OUTPUT_SCHEMA: Final = (
    "kind string, service_name string, escalation string, key binary, value binary, topic string, "
    "partition int, offset long, timestamp timestamp, reason string"
)
# An hour counts; the rest is for a job that was off meanwhile.
FORGET_MS: Final = 24 * 3_600_000

_PLACE: Final = ("key", "value", "topic", "partition", "offset", "timestamp", "reason")
_COLUMNS: Final = ("kind", "service_name", "escalation", *_PLACE)


def decision(watermark_ms: int) -> Callable[[Any, Iterable[Any], Any], Iterator[Any]]:
    """The function, with a watermark of so many ms."""

    def decide(key: tuple[str], frames: Iterable[Any], state: Any) -> Iterator[Any]:
        [service_name] = key
        if service_name == UNREADABLE:
            yield from map(_letters, frames)
            return
        known = read_state(*state.get) if state.exists else ServiceAlerts()
        now_ms = state.getCurrentProcessingTimeMs()
        late = 0
        if state.hasTimedOut:
            if not known.pending:
                state.remove()
                return
            # Nothing came for as long as one may be late; what is of the future waits.
            until_ms = min(known.pending[-1].event_ms, now_ms)
        else:
            frame = pd.concat(list(frames))
            arrived = list(map(SeenAlert, map(int, frame.event_ms), frame.alert_id))
            known, late = with_arrived(known, arrived)
            until_ms = int(frame[["event_ms", "received_ms"]].min(axis=1).max()) - watermark_ms - 1
        known, made = decided(service_name, known, until_ms)
        state.update((write_state(known),))
        state.setTimeoutDuration(wait_ms(known, now_ms, watermark_ms))
        rows = [(ESCALATION, service_name, write_escalation(one)) for one in made]
        if late:
            rows.append((LATE, service_name, str(late)))
        yield pd.DataFrame(rows, columns=_COLUMNS[:3]).reindex(columns=list(_COLUMNS))

    return decide


def wait_ms(known: ServiceAlerts, now_ms: int, watermark_ms: int) -> int:
    """How long a service may be silent before it is looked at again."""
    if not known.pending:
        return FORGET_MS
    return max(watermark_ms, known.pending[0].event_ms - now_ms)


def write_state(known: ServiceAlerts) -> str:
    """The state as text."""
    return orjson.dumps(
        [
            [[one.event_ms, one.alert_id] for one in known.pending],
            [[one.event_ms, one.alert_id] for one in known.counted],
            known.last_ms,
            known.decided_ms,
        ]
    ).decode()


def read_state(text: str) -> ServiceAlerts:
    """What `write_state` wrote."""
    pending, counted, last_ms, decided_ms = orjson.loads(text)
    return ServiceAlerts(
        tuple(SeenAlert(*one) for one in pending),
        tuple(SeenAlert(*one) for one in counted),
        last_ms,
        decided_ms,
    )


def write_escalation(one: Escalation) -> str:
    """The message of the topic `incident_escalations`."""
    return orjson.dumps(one.message()).decode()


def _letters(frame: Any) -> Any:
    letters = frame[list(_PLACE)].assign(kind=LETTER, service_name=UNREADABLE, escalation=None)
    return letters[list(_COLUMNS)]
