"""Renders the spans of many equal requests, with the ids and times of their log events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.stream.rendered_events import FinishedSpans
from generators.stream.text_table import escaped
from generators.stream.walk_plan import PlannedSpan


class SpanShape:
    """Renders the spans of a plan. Every span must have log events, whose ids it takes."""

    def __init__(self, spans: Sequence[PlannedSpan]) -> None:
        self._starts = np.array([span.start for span in spans], dtype=np.int64)
        self._ends = np.array([span.end for span in spans], dtype=np.int64)
        self._parents = [span.parent for span in spans]
        self._names = [
            f'"service_name":"{escaped(span.service)}","operation":"{escaped(span.operation)}"'
            for span in spans
        ]

    def render(
        self, traces: Sequence[str], span_ids: Sequence[str], times: npt.NDArray[Any]
    ) -> FinishedSpans:
        """The spans of some requests.

        Args:
            traces: the trace id of each request.
            span_ids: of all spans, request by request, in the plan's order.
            times: us since the epoch of each moment, a row a request.
        """
        count = len(self._names)
        starts = times[:, self._starts]
        ends = times[:, self._ends]
        values: list[bytes] = []
        keys: list[bytes] = []
        rows = zip(traces, starts.tolist(), (ends - starts).tolist(), strict=True)
        for number, (trace, began, took) in enumerate(rows):
            ids = span_ids[number * count : (number + 1) * count]
            for at, parent in enumerate(self._parents):
                above = "null" if parent is None else f'"{ids[parent]}"'
                values.append(
                    f'{{"trace_id":"{trace}","span_id":"{ids[at]}","parent_span_id":{above},'
                    f'{self._names[at]},"start_ns":{began[at]}000,"duration_us":{took[at]}}}'.encode(
                        "ascii"
                    )
                )
            keys += [trace.encode("ascii")] * count
        return FinishedSpans(values, keys, ends.ravel())
