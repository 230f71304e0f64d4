"""The picture of an incident: its errors over time, by service, as a PNG. Pure."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from log_analyzer.incident_view import ErrorMinute, IncidentView
from log_analyzer.slack_text import plain

MINUTE_MS: Final = 60_000
BARS: Final = 60
SERVICES_SHOWN: Final = 5
OTHERS: Final = "others"
NAME_CHARS: Final = 28
TITLE_CHARS: Final = 70

# Twice the width of a phone's screen; the letters are large enough for it.
WIDTH: Final = 1_000
HEIGHT: Final = 560
LEFT, RIGHT, TOP, BOTTOM = 90, 970, 170, 490
LEGEND_COLUMNS: Final = 3

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
    draw.text((LEFT, 18), f"Errors {each}, by service", INK, _font(34))
    draw.text((LEFT, 64), plain(view.title, TITLE_CHARS), DIM, _font(22))
    _legend(draw, bars)
    _grid(draw, bars)
    _columns(draw, bars)
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _legend(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    width = (RIGHT - LEFT) // LEGEND_COLUMNS
    for place, (name, counts) in enumerate(bars.counts.items()):
        x = LEFT + place % LEGEND_COLUMNS * width
        y = 102 + place // LEGEND_COLUMNS * 30
        draw.rectangle((x, y + 2, x + 18, y + 20), COLOURS[place])
        text = f"{plain(name, NAME_CHARS)} {sum(counts):,}"
        while draw.textlength(text, _font(20)) > width - 36 and len(text) > 1:
            text = text[:-2].rstrip() + "…"
        draw.text((x + 26, y), text, INK, _font(20))


def _grid(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    for share in (0.0, 0.5, 1.0):
        y = BOTTOM - share * (BOTTOM - TOP)
        draw.line((LEFT, y, RIGHT, y), GRID if share else INK, 2)
        value = bars.highest * share
        text = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
        draw.text((LEFT - 12, y), text, DIM, _font(20), anchor="rm")
    end_ms = bars.start_ms + bars.number * bars.span_ms
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        x = LEFT + share * (RIGHT - LEFT)
        moment = bars.start_ms + share * (end_ms - bars.start_ms)
        draw.text((x, BOTTOM + 14), _clock(moment, bars), DIM, _font(20), anchor=anchor)


def _clock(moment_ms: float, bars: Bars) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1_000, UTC)
    seconds = ":%S" if bars.number * bars.span_ms < 5 * MINUTE_MS else ""
    return moment.strftime(f"%d %b %H:%M{seconds} UTC")


def _columns(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    step = (RIGHT - LEFT) / bars.number
    gap = 1 if step < 12 else step * 0.12  # noqa: PLR2004
    for place in range(bars.number):
        floor, below = float(BOTTOM), 0
        for colour, counts in zip(COLOURS, bars.counts.values(), strict=False):
            below += counts[place]
            top = BOTTOM - (BOTTOM - TOP) * below / bars.highest
            if counts[place]:
                # A bar too small to be seen is drawn all the same.
                top = min(top, floor - 2)
                x = LEFT + place * step
                draw.rectangle((x + gap, top, x + step - gap, floor - 1), colour)
            floor = min(floor, top)
