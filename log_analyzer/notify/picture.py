"""Draws an incident's errors over time by service, as a PNG. Pure."""

from __future__ import annotations

import functools
import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from firstcause.incidents.view import ErrorMinute, IncidentView
from log_analyzer.notify.slack.text import ELLIPSIS, plain
from log_analyzer.report.causal_path import path_line

MINUTE_MS: Final = 60_000
BARS: Final = 60
SERVICES_SHOWN: Final = 5
OTHERS: Final = "others"
NAME_CHARS: Final = 28
TITLE_CHARS: Final = 70
PATH_CHARS: Final = 120

# Twice the width of a phone's screen; the letters are large enough for it.
WIDTH: Final = 1_000
HEIGHT: Final = 720
LEFT, RIGHT, TOP, BOTTOM = 120, 970, 270, 606
LEGEND_COLUMNS: Final = 2
MARGIN: Final = 30
TITLE_SIZE, TEXT_SIZE = 46, 32

BACKGROUND: Final = "#ffffff"
INK: Final = "#1d1c1d"
DIM: Final = "#696969"
GRID: Final = "#dddddd"
# Told apart by people who see few colours too (Okabe and Ito, 2008); the last is for the others.
COLOURS: Final = ("#d55e00", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#999999")


@dataclass(frozen=True, slots=True)
class Bars:
    """Errors in equal spans of event time. `counts[service][place]`; services by their number."""

    start_ms: int
    span_ms: int
    number: int
    counts: dict[str, list[int]]

    @property
    def highest(self) -> int:
        """Errors of the tallest bar; at least 1."""
        return max(
            1, *(sum(row[place] for row in self.counts.values()) for place in range(self.number))
        )


def bars_of(error_minutes: tuple[ErrorMinute, ...]) -> Bars:
    """At most `BARS` bars from the first to the last minute, at most six services.

    The services with most errors come first; those beyond five are one, `OTHERS`. No minutes
    give one empty bar.
    """
    if not error_minutes:
        return Bars(0, MINUTE_MS, 1, {OTHERS: [0]})
    start = min(one.minute_ms for one in error_minutes)
    minutes = (max(one.minute_ms for one in error_minutes) - start) // MINUTE_MS + 1
    span_ms = -(-minutes // BARS) * MINUTE_MS
    number = -(-minutes * MINUTE_MS // span_ms)
    totals = Counter[str]()
    for one in error_minutes:
        totals[one.service_name] += one.errors
    order = sorted(totals, key=lambda name: (-totals[name], name))
    shown = order[:SERVICES_SHOWN]
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * number)
    for name in [*shown, *([OTHERS] if len(order) > len(shown) else [])]:
        counts[name] = [0] * number
    for one in error_minutes:
        name = one.service_name if one.service_name in shown else OTHERS
        counts[name][(one.minute_ms - start) // span_ms] += one.errors
    return Bars(start, span_ms, number, dict(counts))


def draw_picture(view: IncidentView) -> bytes:
    """A PNG of some 20 KB; the same for equal input."""
    bars = bars_of(view.error_minutes)
    image = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(image)
    minutes = bars.span_ms // MINUTE_MS
    each = "a minute" if minutes == 1 else f"in {minutes:,} minutes"
    draw.text((MARGIN, 18), f"Errors {each}, by service", INK, _font(TITLE_SIZE))
    title = _fitting(draw, plain(view.title, TITLE_CHARS), RIGHT - MARGIN)
    draw.text((MARGIN, 78), title, DIM, _font(TEXT_SIZE))
    path = path_line(view)
    if path is not None:
        # The built-in letters have no arrow.
        shown = _fitting(draw, plain(path.replace("→", ">"), PATH_CHARS), RIGHT - MARGIN)
        draw.text((MARGIN, BOTTOM + 64), shown, INK, _font(TEXT_SIZE))
    _legend(draw, bars)
    _grid(draw, bars)
    _columns(draw, bars)
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@functools.lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitting(draw: ImageDraw.ImageDraw, text: str, width: int) -> str:
    """`text`, its end cut off until it is no wider than `width` pixels."""
    while len(text) > 1 and draw.textlength(text, _font(TEXT_SIZE)) > width:
        text = text[:-2].rstrip() + ELLIPSIS
    return text


def _legend(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    width = (RIGHT - MARGIN) // LEGEND_COLUMNS
    for place, (name, counts) in enumerate(bars.counts.items()):
        x = MARGIN + place % LEGEND_COLUMNS * width
        y = 128 + place // LEGEND_COLUMNS * 42
        draw.rectangle((x, y + 6, x + 26, y + 32), COLOURS[place])
        number = f" {sum(counts):,}"
        room = width - 60 - int(draw.textlength(number, _font(TEXT_SIZE)))
        text = _fitting(draw, plain(name, NAME_CHARS), room) + number
        draw.text((x + 38, y), text, INK, _font(TEXT_SIZE))


def _grid(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    for share in (0.0, 0.5, 1.0):
        y = BOTTOM - share * (BOTTOM - TOP)
        draw.line((LEFT, y, RIGHT, y), GRID if share else INK, 2)
        value = bars.highest * share
        # Half of an odd number is no number of errors.
        text = f"{value:,.0f}" if value == int(value) else ""
        draw.text((LEFT - 12, y), text, DIM, _font(TEXT_SIZE), anchor="rm")
    end_ms = bars.start_ms + bars.number * bars.span_ms
    for share, anchor in ((0.0, "la"), (1.0, "ra")):
        x = LEFT + share * (RIGHT - LEFT)
        moment = bars.start_ms + share * (end_ms - bars.start_ms)
        draw.text((x, BOTTOM + 14), _clock(moment), DIM, _font(TEXT_SIZE), anchor=anchor)


def _clock(moment_ms: float) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1_000, UTC):%d %b %H:%M} UTC"


def _columns(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    step = (RIGHT - LEFT) / bars.number
    gap = 1 if step < 12 else step * 0.12  # noqa: PLR2004
    for place in range(bars.number):
        floor, below = float(BOTTOM), 0
        for colour, counts in zip(COLOURS, bars.counts.values(), strict=False):
            below += counts[place]
            top = BOTTOM - (BOTTOM - TOP) * below / bars.highest
            if counts[place]:
                # A bar too small to be seen is drawn larger.
                top = min(top, floor - 2)
                x = LEFT + place * step
                draw.rectangle((x + gap, top, x + step - gap, floor - 1), colour)
            floor = min(floor, top)
