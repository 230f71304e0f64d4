"""Draws one labelled case as SVG: errors by service, suspects, culprit. Pure and deterministic.

It has colours for light and dark pages, and says the same in words to who cannot see it.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape

from firstcause.cli.evaluation.call_map import Lane, Slot, columns_of
from firstcause.cli.evaluation.case_picture_style import STYLE, markers
from root_cause.explanation.case_story import Call, CaseStory

WIDTH: Final = 1000
MAP_TOP, MAP_HEIGHT = 98, 350
BARS_TOP: Final = 488
NODE_WIDTH, NODE_HEIGHT = 160, 42
MARGIN: Final = 24
BAR_ROWS: Final = 5
BAR_STEP: Final = 26
REASON_CHARS: Final = 128
# Services of less are neither drawn strongly nor said to be suspects.
LEAST_SCORE: Final = 0.3
# How far an arrow swings out that does not lead to the right.
OUTSIDE: Final = 46

LEGEND: Final = (
    "Orange logs ERROR lines. Blue is suspected first; dashed is what is missing, or slow, on the "
    "way to it."
)

Places = dict[Slot, tuple[float, float]]


def case_picture(story: CaseStory) -> str:
    """The picture as the text of an SVG file."""
    reason = textwrap.wrap(_plain(story.reason), REASON_CHARS)
    height = BARS_TOP + 34 + BAR_ROWS * BAR_STEP + 24 + 20 * (len(reason) + 1)
    title, subtitle = _title(story), _subtitle(story)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'aria-labelledby="title desc">',
            f'  <title id="title">{escape(title)}</title>',
            f'  <desc id="desc">{escape(f"{subtitle} {_plain(story.reason)}")}</desc>',
            f"  <style>{STYLE}  </style>",
            *markers(),
            f'  <rect class="page" width="{WIDTH}" height="{height}"/>',
            _text(MARGIN, 36, title, "title"),
            _text(MARGIN, 60, subtitle),
            _text(MARGIN, 80, LEGEND),
            *_map(story),
            *_all_bars(story),
            *_reason(story, reason, height),
            "</svg>\n",
        ]
    )


def _title(story: CaseStory) -> str:
    total = sum(story.errors.values())
    if story.culprit is None:
        return f"{total:,} ERROR lines, and nothing is wrong"
    own = story.errors.get(story.culprit, 0)
    logs = f"{own:,}" if own else "none"
    named = f"{story.naming:,} name it" if story.naming > 1 else "one names it"
    return (
        f"{total:,} ERROR lines: the culprit logs {logs}, and "
        f"{named if story.naming else 'none names it'}"
    )


def _subtitle(story: CaseStory) -> str:
    truth = f"{story.fault} at {story.culprit}" if story.culprit else "a quiet time"
    first = story.suspects[0].service_name if story.suspects else "nobody"
    return f"{story.name}, {truth}. First in the ranking: {first}."


def _map(story: CaseStory) -> Iterator[str]:
    scores = {one.service_name: one.score for one in story.suspects}
    places = _places(columns_of(story.calls, story.errors, story.call_findings))
    for call in sorted(story.calls, key=lambda call: (call in story.call_findings, call)):
        yield _arrow(_way(places, call), "wrong" if call in story.call_findings else "call")
    for slot, (x, y) in places.items():
        if isinstance(slot, str):
            yield from _node(story, slot, x, y, scores.get(slot, 0.0))
    for call, finding in sorted(story.call_findings.items()):
        yield _text(*_label_place(_way(places, call)), finding, "finding mid")
    first = story.suspects[0].service_name if story.suspects else ""
    if story.own_finding and not story.call_findings and first in places:
        x, y = places[first]
        yield _text(x + NODE_WIDTH / 2, y - 8, story.own_finding, "finding mid")


def _places(columns: list[list[Slot]]) -> Places:
    """The upper left corner of each service's box, and of the room of each lane."""
    step = (WIDTH - 2 * MARGIN - NODE_WIDTH) / max(1, len(columns) - 1)
    return {
        slot: (
            round(MARGIN + column * step, 1),
            round(MAP_TOP + MAP_HEIGHT * (row + 0.5) / len(slots) - NODE_HEIGHT / 2, 1),
        )
        for column, slots in enumerate(columns)
        for row, slot in enumerate(slots)
    }


def _node(story: CaseStory, name: str, x: float, y: float, score: float) -> Iterator[str]:
    errors = story.errors.get(name, 0)
    named = bool(story.suspects) and name == story.suspects[0].service_name
    quiet = not errors and score < LEAST_SCORE
    style = "culprit" if named else "loud" if errors else "faint" if quiet else ""
    yield (
        f'  <rect class="node {style}" x="{x}" y="{y}" width="{NODE_WIDTH}" '
        f'height="{NODE_HEIGHT}" rx="7"/>'
    )
    middle = x + NODE_WIDTH / 2
    on = " on" if named else " dim" if quiet else ""
    alone = not named and not (score >= LEAST_SCORE)
    yield _text(middle, y + (26 if alone else 18), name, f"name mid{on}")
    if not alone:
        place = next(one.rank for one in story.suspects if one.service_name == name)
        yield _text(middle, y + 34, f"rank {place}, score {score:.2f}", f"mid{on}")
    if errors:
        text = f"{errors:,} ERROR"
        width = 12 + 7.5 * len(text)
        yield (
            f'  <rect class="pill" x="{x + NODE_WIDTH - width + 8:.1f}" y="{y - 13}" '
            f'width="{width:.1f}" height="18" rx="9"/>'
        )
        yield _text(x + NODE_WIDTH - width / 2 + 8, y + 0.5, text, "mid on")


def _way(places: Places, call: Call) -> list[tuple[float, float]]:
    """The points that an arrow goes through: from the caller, by its lanes, to the callee."""
    (x1, y1), (x2, y2) = places[call[0]], places[call[1]]
    half = NODE_HEIGHT / 2
    lanes = sorted(
        place for slot, place in places.items() if isinstance(slot, Lane) and slot.call == call
    )
    # To a box of the same column or before, around the outside.
    right = x2 + (NODE_WIDTH if x2 <= x1 else 0)
    points = [(x1 + NODE_WIDTH, y1 + half)]
    for x, y in lanes:
        points += [(x, y + half), (x + NODE_WIDTH, y + half)]
    return [*points, (right, y2 + half)]


def _arrow(points: list[tuple[float, float]], style: str) -> str:
    x, y = points[0]
    path = f"M{x:.1f} {y:.1f}"
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        bend = (x2 - x1) / 2 if x2 > x1 else OUTSIDE
        after = x2 - bend if x2 > x1 else x2 + bend
        path += f"C{x1 + bend:.1f} {y1:.1f} {after:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'  <path class="{style}" d="{path}"/>'


def _label_place(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The middle of an arrow, or of its first lane; of one around the outside, beside it."""
    (x1, y1), (x2, y2) = points[:2] if len(points) == 2 else points[1:3]  # noqa: PLR2004
    x = (x1 + x2) / 2 if x2 > x1 else x1 + OUTSIDE
    return round(x, 1), round((y1 + y2) / 2 + 4, 1)


def _all_bars(story: CaseStory) -> Iterator[str]:
    scores = {one.service_name: round(one.score, 2) for one in story.suspects}
    half = (WIDTH - 3 * MARGIN) / 2
    yield from _bars(MARGIN, half, "Who logs the ERROR lines", story.errors, "errors", story)
    yield from _bars(
        2 * MARGIN + half, half, "Whom the ranking suspects (score)", scores, "score", story
    )


def _bars(
    x: float, width: float, head: str, values: Mapping[str, float], style: str, story: CaseStory
) -> Iterator[str]:
    shown = sorted(values, key=lambda name: (-values[name], name))[:BAR_ROWS]
    if style == "errors" and story.culprit and story.culprit not in shown:
        shown = [*shown[: BAR_ROWS - 1], story.culprit]
    yield _text(x, BARS_TOP, head, "head")
    room = width - 230
    highest = max(values.values(), default=0) or 1
    for row, name in enumerate(shown):
        y = BARS_TOP + 18 + row * BAR_STEP
        value = values.get(name, 0)
        mark = " (culprit)" if name == story.culprit else ""
        yield _text(x + 176, y + 13, f"{name}{mark}", "end name" if mark else "end")
        length = max(1.0, room * value / highest)
        yield (
            f'  <rect class="{style}" x="{x + 184}" y="{y}" width="{length:.1f}" height="18" '
            'rx="3"/>'
        )
        shape = f"{value:,.2f}" if style == "score" else f"{value:,.0f}"
        yield _text(x + 190 + length, y + 13, shape, "name" if mark else "")


def _reason(story: CaseStory, lines: list[str], height: int) -> Iterator[str]:
    if not (lines and story.suspects):
        return
    y = height - 20 * len(lines) - 8
    name = story.suspects[0].service_name
    yield _text(MARGIN, y - 20, f"Why {name}, in the ranking's own words", "head")
    for row, line in enumerate(lines):
        yield _text(MARGIN, y + 20 * row, line)


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).replace("`", "")


def _text(x: float, y: float, text: str, style: str = "") -> str:
    named = f' class="{style.strip()}"' if style else ""
    return f'  <text{named} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
