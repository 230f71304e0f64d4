"""Collects which episodes share traces, which of them fail deepest, and who calls whom.

A bounded memory of recent batches, without any decisions. Pure.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Set
from typing import Final, NamedTuple
from uuid import UUID

from firstcause.events.log_event import LogEvent

TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8
_ENTRY: Final = struct.Struct(f">{TRACE_BYTES}s{SPAN_BYTES}s{SPAN_BYTES}sq")
_NO_SPAN: Final = bytes(SPAN_BYTES)

# By episode and span: the span's parent, and when the error happened.
_Entries = dict[tuple[UUID, bytes], tuple[bytes, int]]

TRACES_KEPT: Final = 50_000
ENTRIES_OF_A_TRACE: Final = 5_000
PATTERNS_KEPT: Final = 20_000
# What one batch tells the other instances of one episode. The smallest keys are told, so that
# two instances that see the same traces tell of the same ones.
TRACES_OF_A_BATCH: Final = 1_000

SPANS_KEPT: Final = 50_000
CALLS_KEPT: Final = 10_000


class TraceSpan(NamedTuple):
    """The span in which an error happened, and when (event time).

    `span` and `parent` have `SPAN_BYTES`; zeros mean no id.
    """

    trace: bytes
    span: bytes
    parent: bytes
    at_ms: int


class TracePattern(NamedTuple):
    """The shape of a trace's failures; many traces have the same one.

    Attributes:
        episodes: those whose errors it holds.
        deepest: those of them without a failing span below; all where no span names its parent.
        first: the one whose error came first.
        is_tree: a span names another one as its parent: several of the deepest failed side by side.
        blamed: the service that its stored logs of all levels show to have failed first, if read.
    """

    episodes: frozenset[UUID]
    deepest: frozenset[UUID]
    first: UUID
    is_tree: bool = False
    blamed: str | None = None


def trace_key(trace_id: str | None) -> bytes | None:
    """The 16 bytes of a trace id (hex, any length); None if it is absent or zeros.

    The whole id counts: ids of 64 bits come padded with zeros on the left (B3, Jaeger, Datadog), so
    a part of it would be the same for strangers. Of ids beyond 128 bits it is a digest.
    """
    return _key(trace_id, TRACE_BYTES)


def trace_span(event: LogEvent) -> TraceSpan | None:
    """The span of an error; None without a trace."""
    trace = trace_key(event.trace_id)
    if trace is None:
        return None
    span, parent = _key(event.span_id, SPAN_BYTES), _key(event.parent_span_id, SPAN_BYTES)
    return TraceSpan(trace, span or _NO_SPAN, parent or _NO_SPAN, event.timestamp_ms)


def packed(spans: Iterable[TraceSpan]) -> bytes:
    """Spans as one blob: sorted, each once, the smallest `TRACES_OF_A_BATCH`."""
    return b"".join(_ENTRY.pack(*one) for one in sorted(set(spans))[:TRACES_OF_A_BATCH])


def unpacked(blob: bytes) -> list[TraceSpan]:
    """The spans of a blob."""
    whole = len(blob) - len(blob) % _ENTRY.size
    return [TraceSpan(*one) for one in _ENTRY.iter_unpack(blob[:whole])]


class TraceLinks:
    """The traces of the episodes that this process knows of. Not thread-safe."""

    def __init__(self) -> None:
        # By trace: which episode failed in which span; the parent of the span, and when.
        self._traces: OrderedDict[bytes, _Entries] = OrderedDict()
        # May come before the errors of the trace do.
        self._blamed: OrderedDict[bytes, str] = OrderedDict()
        self._pattern_of: dict[bytes, TracePattern] = {}
        self._counts: Counter[TracePattern] = Counter()
        self._stale: set[bytes] = set()

    def add(self, episode: UUID, spans: Iterable[TraceSpan]) -> bool:
        """Notes spans in which an episode's errors happened; True when something is new."""
        is_new = False
        for one in spans:
            entries = self._traces.setdefault(one.trace, {})
            key = episode, one.span
            if key not in entries and len(entries) < ENTRIES_OF_A_TRACE:
                entries[key] = one.parent, one.at_ms
                self._stale.add(one.trace)
                is_new = True
        while len(self._traces) > TRACES_KEPT:
            # What it showed stays counted; the trace itself is no longer added to.
            trace, oldest = self._traces.popitem(last=False)
            self._settle(trace, oldest)
            self._pattern_of.pop(trace, None)
            self._blamed.pop(trace, None)
        return is_new

    def blame(self, trace: bytes, service_name: str) -> bool:
        """Notes which service a trace's stored logs blame; True when that is news."""
        if self._blamed.get(trace) == service_name:
            return False
        self._blamed[trace] = service_name
        while len(self._blamed) > TRACES_KEPT:
            self._blamed.popitem(last=False)
        if trace in self._traces:
            self._stale.add(trace)
        return trace in self._traces

    @property
    def patterns(self) -> Mapping[TracePattern, int]:
        """How many traces there are of each pattern."""
        for trace in tuple(self._stale):
            self._settle(trace, self._traces[trace])
        if len(self._counts) > PATTERNS_KEPT:
            self._counts = Counter(dict(self._counts.most_common(PATTERNS_KEPT // 2)))
        return self._counts

    def _settle(self, trace: bytes, entries: _Entries) -> None:
        if trace not in self._stale:
            return
        self._stale.discard(trace)
        parents = {parent for parent, _ in entries.values() if parent != _NO_SPAN}
        # A span may log several errors, so its own id among the parents is a child's.
        deepest = frozenset(episode for episode, span in entries if span not in parents)
        everybody = frozenset(episode for episode, _ in entries)
        pattern = TracePattern(
            everybody,
            deepest or everybody,
            min((at_ms, episode) for (episode, _), (_, at_ms) in entries.items())[1],
            any(span in parents for _, span in entries),
            self._blamed.get(trace),
        )
        known = self._pattern_of.get(trace)
        if known == pattern:
            return
        if known is not None:
            self._counts[known] -= 1
            if self._counts[known] <= 0:
                del self._counts[known]
        self._counts[pattern] += 1
        self._pattern_of[trace] = pattern


class ErrorCalls:
    """Calls between services, read off the parent spans of errors."""

    def __init__(self) -> None:
        # Span ids are unique within their trace alone.
        self._services: OrderedDict[tuple[bytes, bytes], str] = OrderedDict()
        self._waiting: OrderedDict[tuple[bytes, bytes], set[str]] = OrderedDict()
        self._calls: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def calls(self) -> Set[tuple[str, str]]:
        """Pairs of caller and callee that were seen recently."""
        return self._calls.keys()

    def add(self, service: str, spans: Iterable[TraceSpan]) -> None:
        """Notes spans of a service's errors; a call is known once both its ends have failed."""
        for one in spans:
            self._add(service, one)
        while len(self._services) > SPANS_KEPT:
            self._services.popitem(last=False)
        while len(self._waiting) > SPANS_KEPT:
            self._waiting.popitem(last=False)

    def _add(self, service: str, one: TraceSpan) -> None:
        span = one.trace, one.span
        if one.span == _NO_SPAN or self._services.get(span) == service:
            return
        self._services[span] = service
        for callee in self._waiting.pop(span, ()):
            self._note(service, callee)
        if one.parent == _NO_SPAN:
            return
        parent = one.trace, one.parent
        caller = self._services.get(parent)
        if caller is not None:
            self._note(caller, service)
        else:
            self._waiting.setdefault(parent, set()).add(service)

    def _note(self, caller: str, callee: str) -> None:
        if caller != callee:
            self._calls[caller, callee] = None
            self._calls.move_to_end((caller, callee))
            while len(self._calls) > CALLS_KEPT:
                self._calls.popitem(last=False)


def _key(text: str | None, size: int) -> bytes | None:
    """A hex id as `size` bytes: padded with zeros on the left, or a digest where it is longer."""
    digits = (text or "").lstrip("0")
    if not digits:
        return None
    if len(digits) > 2 * size:
        return hashlib.blake2b(digits.encode(), digest_size=size).digest()
    return bytes.fromhex(digits.rjust(2 * size, "0"))
