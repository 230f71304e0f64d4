"""Where the parts of the drawings stand: the causal path and the bars of a waterfall. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.answers.incident_parts import MinuteErrors, PathAnswer
from api.answers.traces import TraceSpan

BOX_WIDTH: Final = 260
BOX_HEIGHT: Final = 40
GAP: Final = 34
NAME_CHARS: Final = 32
# Narrower bars would not be seen; all are parts of 100.
LEAST_WIDTH: Final = 0.4


@dataclass(frozen=True, slots=True)
class Box:
    """A service of the path; `y` is its upper edge."""

    name: str
    y: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class PathDrawing:
    """Boxes from the culprit at the top to the symptom at the bottom, an arrow between each."""

    boxes: tuple[Box, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A span in the waterfall: its beginning and width as parts of 100."""

    span: TraceSpan
    left: float
    width: float
    milliseconds: float


def path_drawing(path: PathAnswer | None) -> PathDrawing | None:
    """The drawing of a path; None where there is none."""
    if path is None:
        return None
    step = BOX_HEIGHT + GAP
    boxes = tuple(
        Box(name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…", step * n + 1, n == 0)
        for n, name in enumerate(path.services)
    )
    return PathDrawing(boxes, BOX_WIDTH + 2, step * len(boxes) - GAP + 2)


def bars(spans: Sequence[TraceSpan]) -> list[Bar]:
    """A bar a span, in the order of the spans."""
    if not spans:
        return []
    first = min(span.start_ns for span in spans)
    last = max(span.start_ns + span.duration_us * 1_000 for span in spans)
    whole = max(1, last - first)
    found = []
    for span in spans:
        left = (span.start_ns - first) / whole * 100
        width = max(LEAST_WIDTH, span.duration_us * 1_000 / whole * 100)
        left = min(left, 100 - LEAST_WIDTH)
        found.append(
            Bar(span, round(left, 3), round(min(width, 100 - left), 3), span.duration_us / 1_000)
        )
    return found


def error_series(minutes: Sequence[MinuteErrors]) -> dict[str, list[object]]:
    """Errors by minute for the plot: times in seconds, names, and a row of counts a name.

    Minutes between the first and the last that have no errors count 0.
    """
    if not minutes:
        return {"times": [], "names": [], "counts": []}
    seconds = [int(one.minute.timestamp()) for one in minutes]
    times = list(range(min(seconds), max(seconds) + 60, 60))
    totals: dict[str, int] = {}
    counted: dict[tuple[str, int], int] = {}
    for one, at in zip(minutes, seconds, strict=True):
        totals[one.service_name] = totals.get(one.service_name, 0) + one.errors
        counted[one.service_name, at] = one.errors
    names = sorted(totals, key=lambda name: (-totals[name], name))
    counts = [[counted.get((name, at), 0) for at in times] for name in names]
    return {"times": list(times), "names": list(names), "counts": list(counts)}
