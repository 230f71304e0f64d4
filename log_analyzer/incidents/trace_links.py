"""Which episodes share traces, and which services the errors of one trace show to call each other.

Both are bounded memories of what has come of late; neither decides anything. Pure, no I/O.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Set
from typing import Final
from uuid import UUID

from firstcause.events.log_event import LogEvent
from log_analyzer.incidents.grouping import pair

# A trace is known by its first 8 bytes: enough that chance makes no two alike.
TRACE_BYTES: Final = 8
TRACE_HEX_DIGITS: Final = 2 * TRACE_BYTES
TRACES_KEPT: Final = 100_000
EPISODES_OF_A_TRACE: Final = 20
PAIRS_KEPT: Final = 50_000
# What one batch tells the other instances of one episode. The smallest keys are told, so that
# two instances that see the same traces tell of the same ones.
TRACES_OF_A_BATCH: Final = 1_000

SPANS_KEPT: Final = 50_000
CALLS_KEPT: Final = 10_000


def trace_key(trace_id: str) -> bytes:
    """The first 8 bytes of a trace id (hex, any length)."""
    return bytes.fromhex(trace_id[:TRACE_HEX_DIGITS].ljust(TRACE_HEX_DIGITS, "0"))


def packed(keys: Iterable[bytes]) -> bytes:
    """Trace keys as one blob: sorted, each once, the smallest `TRACES_OF_A_BATCH`."""
    return b"".join(sorted(set(keys))[:TRACES_OF_A_BATCH])


def unpacked(blob: bytes) -> list[bytes]:
    """The trace keys of a blob."""
    return [blob[at : at + TRACE_BYTES] for at in range(0, len(blob), TRACE_BYTES)]


class TraceLinks:
    """Pairs of episodes that share a trace, as far as this process has heard."""

    def __init__(self) -> None:
        self._episodes: OrderedDict[bytes, list[UUID]] = OrderedDict()
        self._pairs: OrderedDict[tuple[UUID, UUID], None] = OrderedDict()

    @property
    def pairs(self) -> Set[tuple[UUID, UUID]]:
        """The pairs, the smaller id first."""
        return self._pairs.keys()

    def add(self, episode: UUID, keys: Iterable[bytes]) -> bool:
        """Notes the traces of an episode; True when two episodes are tied for the first time."""
        known = len(self._pairs)
        for key in keys:
            sharing = self._episodes.setdefault(key, [])
            if episode in sharing or len(sharing) >= EPISODES_OF_A_TRACE:
                continue
            for other in sharing:
                self._pairs[pair(episode, other)] = None
            sharing.append(episode)
        grown = len(self._pairs) > known
        while len(self._episodes) > TRACES_KEPT:
            self._episodes.popitem(last=False)
        while len(self._pairs) > PAIRS_KEPT:
            self._pairs.popitem(last=False)
        return grown


class ErrorCalls:
    """Calls between services, read off the parent spans of errors."""

    def __init__(self) -> None:
        self._services: OrderedDict[str, str] = OrderedDict()
        self._waiting: OrderedDict[str, set[str]] = OrderedDict()
        self._calls: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def calls(self) -> Set[tuple[str, str]]:
        """Pairs of caller and callee, those seen of late."""
        return self._calls.keys()

    def add(self, event: LogEvent) -> None:
        """Notes an error's span; a call is known once both its ends have logged errors."""
        span, parent, service = event.span_id, event.parent_span_id, event.service_name
        if span is None or self._services.get(span) == service:
            return
        self._services[span] = service
        for callee in self._waiting.pop(span, ()):
            self._note(service, callee)
        if parent is not None:
            caller = self._services.get(parent)
            if caller is not None:
                self._note(caller, service)
            else:
                self._waiting.setdefault(parent, set()).add(service)
        while len(self._services) > SPANS_KEPT:
            self._services.popitem(last=False)
        while len(self._waiting) > SPANS_KEPT:
            self._waiting.popitem(last=False)

    def _note(self, caller: str, callee: str) -> None:
        if caller != callee:
            self._calls[caller, callee] = None
            self._calls.move_to_end((caller, callee))
            while len(self._calls) > CALLS_KEPT:
                self._calls.popitem(last=False)
