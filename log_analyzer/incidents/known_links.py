"""What this process knows of traces, calls and services: its own, and what other instances told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final
from uuid import UUID

from log_analyzer.episodes.trace_links import (
    ErrorCalls,
    TraceLinks,
    TraceSpan,
    packed,
    trace_key,
    unpacked,
)
from log_analyzer.incidents.grouping.placement import Board
from log_analyzer.incidents.grouping.ties import Links
from log_analyzer.incidents.stores.board_access import BoardAccess, Calls

GRAPH_SECONDS: Final = 30.0
TRACE_ROWS_KEPT: Final = 50_000


class KnownLinks:
    """Owned by one thread; all that reads or writes blocks. See `BoardWriter` for the arguments.

    Attributes:
        have_changed: something was learned since somebody set this to False.
    """

    def __init__(
        self,
        store: BoardAccess,
        load_graph: Callable[[], Calls],
        load_services: Callable[[], Collection[str]],
        new_complaints: Callable[[], Mapping[str, str]],
        monotonic: Callable[[], float],
    ) -> None:
        self.have_changed = False
        self._store = store
        self._load_graph = load_graph
        self._load_services = load_services
        self._new_complaints = new_complaints
        self._monotonic = monotonic
        self._known_services: frozenset[str] = frozenset()
        self._traces = TraceLinks()
        self._error_calls = ErrorCalls()
        self._stored_calls: frozenset[tuple[str, str]] = frozenset()
        self._calls: frozenset[tuple[str, str]] = frozenset()
        self._graph_due = float("-inf")
        self._traces_since_ms = 0
        self._heard: OrderedDict[UUID, None] = OrderedDict()

    def all(self) -> Links:
        """What ties episodes, as far as it is known."""
        return Links(self._traces.patterns, self._calls, self._known_services)

    def services(self) -> set[str]:
        """The services that log or call."""
        self._read_surroundings()
        return {*self._known_services}.union(*self._calls)

    def publish_traces(self, traces: Mapping[UUID, tuple[str, Collection[TraceSpan]]]) -> None:
        """Publishes to all instances the traces of a batch, with the spans of its errors.

        Args:
            traces: by episode, its service and the spans in which its errors happened.
        """
        for episode, (service, spans) in traces.items():
            self.have_changed |= self._traces.add(episode, spans)
            self._error_calls.add(service, spans)
        told = {episode: packed(spans) for episode, (_, spans) in traces.items() if spans}
        self._store.publish_traces(told)

    def listen(self, board: Board) -> None:
        """Reads what others told of traces, and now and then the stored call graph."""
        self._traces_since_ms, told = self._store.traces_since(self._traces_since_ms)
        for row_id, episode, blob in told:
            if row_id not in self._heard:
                self._heard[row_id] = None
                spans = unpacked(blob)
                self.have_changed |= self._traces.add(episode, spans)
                row = board.rows.get(episode)
                if row is not None:
                    self._error_calls.add(row.service_name, spans)
        for trace_id, service in self._new_complaints().items():
            key = trace_key(trace_id)
            if key is not None:
                self.have_changed |= self._traces.blame(key, service)
        while len(self._heard) > TRACE_ROWS_KEPT:
            self._heard.popitem(last=False)
        self._read_surroundings()
        known = self._stored_calls | self._error_calls.calls
        if known != self._calls:
            self._calls = known
            self.have_changed = True

    def _read_surroundings(self) -> None:
        if self._monotonic() >= self._graph_due:
            self._stored_calls = frozenset(self._load_graph().calls)
            self._known_services = frozenset(self._load_services())
            self._graph_due = self._monotonic() + GRAPH_SECONDS
