"""A compiled walk: renders all events of many equal requests by table look-up."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from firstcause.events.log_event import ERROR_LEVELS
from generators.stream.random_ids import hex_ids, uuids
from generators.stream.rendered_events import RenderedEvents
from generators.stream.request_text import RequestText, Slot
from generators.stream.span_shape import SpanShape
from generators.stream.text_table import MAX_WHOLE_NUMBER, Indexes, TextTable
from generators.stream.walk_clock import WalkClock
from generators.stream.walk_plan import WalkPlan

_LOG_ID_BEFORE: Final = b'{"log_id":"'
_LOG_ID_AFTER: Final = b'","timestamp":"'


class RequestShape:
    """All requests that go one way. Rendering is deterministic in the generator it is given.

    `with_spans` adds the spans; it draws nothing, so the events stay the same to the byte.
    """

    def __init__(
        self,
        plan: WalkPlan,
        table: TextTable,
        service_codes: dict[str, int],
        *,
        with_spans: bool = False,
    ) -> None:
        self._plan = plan
        self._table = table
        text = RequestText(plan)
        self._slots, self._pieces = text.slots, text.pieces
        self._span_shape = SpanShape(plan.spans) if with_spans and plan.spans else None
        self._clock = WalkClock(plan.segments)
        self._lay_out()
        self._prepare_columns()
        self._moments = np.array([event.moment for event in plan.events], dtype=np.int64)
        self._services = np.array([service_codes[event.service] for event in plan.events])
        self._errors = np.array([event.level in ERROR_LEVELS for event in plan.events])

    @property
    def event_count(self) -> int:
        """Events that one request of this shape leaves."""
        return len(self._plan.events)

    def render(
        self,
        starts_us: Indexes,
        random: np.random.Generator,
        jitter: npt.NDArray[np.float64],
        gauge: Indexes | None = None,
    ) -> RenderedEvents:
        """The events of the requests that start at `starts_us` (us since the epoch).

        Args:
            starts_us: one start a request.
            random: the only source of chance.
            jitter: factors for the time that work takes, see `walk_clock.work_jitter`.
            gauge: the value of {gauge} for each request, when the shape has one.
        """
        rows = len(starts_us)
        times = starts_us[:, None] + self._clock.elapsed_us(rows, random, jitter)
        traces: list[str] = []
        span_ids: list[str] = []
        indexes = np.concatenate(
            [
                *self._request_columns(rows, random, traces),
                *self._time_columns(times),
                *self._id_columns(rows, random, span_ids),
                *([] if gauge is None else [self._table.whole_numbers + gauge[:, None]]),
            ],
            axis=1,
        )
        pieces = np.tile(self._row, (rows, 1))
        pieces[:, self._hole_places] = indexes[:, self._hole_columns]
        values: list[bytes] = []
        for texts in self._table.look_up(pieces):
            values += "".join(texts).encode("ascii").split(b"\n")
        return RenderedEvents(
            values,
            times[:, self._moments].ravel(),
            np.tile(self._services, rows),
            np.tile(self._errors, rows),
            self._span_shape.render(traces, span_ids, times) if self._span_shape else None,
        )

    def _lay_out(self) -> None:
        """Places the pieces in a row of table indexes: fixed ones now, holes by column."""
        columns: dict[tuple[str, Slot], int] = {}
        for kind, slots in self._slots.items():
            for slot in slots:
                columns[kind, slot] = len(columns)
        holes = [
            (place, columns[piece])
            for place, piece in enumerate(self._pieces)
            if not isinstance(piece, str)
        ]
        self._hole_places = np.array([place for place, _ in holes], dtype=np.int64)
        self._hole_columns = np.array([column for _, column in holes], dtype=np.int64)
        self._row = np.array(
            [self._table.literal(piece) if isinstance(piece, str) else 0 for piece in self._pieces],
            dtype=np.int64,
        )

    def _prepare_columns(self) -> None:
        pools = self._table.pools
        variables = [pools[name] for (name,) in self._slots["variable"]]
        fresh = [pools[slot[0]] for slot in self._slots["fresh"]]
        instances = [self._table.instances[name] for (name,) in self._slots["instance"]]
        groups = list(dict.fromkeys(pool.group for pool in variables)) or ["person"]
        drawn = [
            *(groups.index(pool.group) for pool in variables),
            *range(len(groups), len(groups) + len(fresh) + len(instances)),
        ]
        self._draws = len(groups) + len(fresh) + len(instances)
        self._person_draw = groups.index("person") if "person" in groups else 0
        self._drawn = np.array(drawn, dtype=np.int64)
        placed = [*variables, *fresh, *instances]
        self._offsets = np.array([pool.offset for pool in placed], dtype=np.int64)
        self._sizes = np.array([pool.size for pool in placed], dtype=np.int64)
        moments = [moment for (moment,) in self._slots["second"]]
        self._time_moments = np.array(moments, dtype=np.int64)
        pairs = list(self._slots["latency_ms"])
        self._latency_from = np.array([pair[0] for pair in pairs], dtype=np.int64)
        self._latency_to = np.array([pair[1] for pair in pairs], dtype=np.int64)

    def _request_columns(
        self, rows: int, random: np.random.Generator, traces: list[str]
    ) -> list[Indexes]:
        """The columns that a request has once; its trace id is added to `traces`."""
        draws = random.integers(0, 2**31, (rows, self._draws))
        columns = [self._offsets + draws[:, self._drawn] % self._sizes]
        if self._slots["request"]:
            people = self._table.pools["user_id"]
            users = people.offset + draws[:, self._person_draw] % people.size
            user_ids = [row[0] for row in self._table.look_up(users[:, None])]
            traces += hex_ids(random, rows, 32)
            others = hex_ids(random, rows, 32)
            first = self._table.put(
                [
                    f'"trace_id":"{trace}","request_id":"req-{other[:16]}",'
                    f'"user_id":"{user}","session_id":"ses-{other[16:]}","span_id":"'
                    for trace, other, user in zip(traces, others, user_ids, strict=True)
                ]
            )
            columns.insert(0, first + np.arange(rows, dtype=np.int64)[:, None])
        return columns

    def _time_columns(self, times: Indexes) -> list[Indexes]:
        table = self._table
        told = times[:, self._time_moments]
        seconds, below = np.divmod(told, 1_000_000)
        ms, us = np.divmod(below, 1000)
        latency_ms, latency_us = np.divmod(
            times[:, self._latency_to] - times[:, self._latency_from], 1000
        )
        return [
            table.second_indexes(seconds),
            table.three_digits + ms,
            table.three_digits + us,
            table.whole_numbers + np.minimum(latency_ms, MAX_WHOLE_NUMBER),
            table.three_digits + latency_us,
        ]

    def _id_columns(
        self, rows: int, random: np.random.Generator, span_ids: list[str]
    ) -> list[Indexes]:
        """The columns of spans and log ids; the span ids are added to `span_ids`, by request."""
        spans, events = len(self._slots["span"]), self.event_count
        span_ids += hex_ids(random, rows * spans, 16)
        first_span = self._table.put(span_ids)
        first_log = self._table.put(uuids(random, rows * events, _LOG_ID_BEFORE, _LOG_ID_AFTER))
        return [
            first_span + np.arange(rows * spans, dtype=np.int64).reshape(rows, spans),
            first_log + np.arange(rows * events, dtype=np.int64).reshape(rows, events),
        ]
