from __future__ import annotations

import dataclasses
import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from firstcause.incidents.view import ErrorMinute
from log_analyzer.notify.picture import BARS, COLOURS, OTHERS, bars_of, draw_picture
from tests.hostile_lines import HOSTILE_LINES
from tests.unit.log_analyzer.notify.test_message import START_MS, a_view

MINUTE_MS = 60_000

minutes = st.lists(
    st.builds(
        ErrorMinute,
        st.sampled_from([f"service-{number}" for number in range(9)]),
        st.integers(0, 20_000).map(lambda minute: START_MS + minute * MINUTE_MS),
        st.integers(1, 10**9),
    ),
    max_size=40,
).map(tuple)


@given(minutes)
def test_every_error_is_in_one_bar_of_its_time_and_there_are_few_bars(given_minutes) -> None:
    bars = bars_of(given_minutes)
    assert 1 <= bars.number <= BARS
    assert len(bars.counts) <= len(COLOURS)
    assert sum(map(sum, bars.counts.values())) == sum(one.errors for one in given_minutes)
    for one in given_minutes:
        place = (one.minute_ms - bars.start_ms) // bars.span_ms
        name = one.service_name if one.service_name in bars.counts else OTHERS
        assert bars.counts[name][place] >= one.errors


def test_the_services_with_most_errors_are_named_and_the_rest_is_one() -> None:
    given_minutes = tuple(
        ErrorMinute(f"service-{number}", START_MS, number + 1) for number in range(8)
    )
    bars = bars_of(given_minutes)
    assert {name: sum(counts) for name, counts in bars.counts.items()} == {
        "service-7": 8,
        "service-6": 7,
        "service-5": 6,
        "service-4": 5,
        "service-3": 4,
        OTHERS: 6,
    }


def test_a_bar_is_as_high_as_its_errors_and_has_its_services_colour() -> None:
    view = a_view(
        error_minutes=(
            ErrorMinute("payment", START_MS, 100),
            ErrorMinute("payment", START_MS + MINUTE_MS, 50),
        )
    )
    image = Image.open(io.BytesIO(draw_picture(view))).convert("RGB")
    wanted = tuple(bytes.fromhex(COLOURS[0].removeprefix("#")))
    coloured = [sum(image.getpixel((x, y)) == wanted for y in range(270, 640)) for x in (330, 760)]
    assert abs(coloured[0] - 2 * coloured[1]) <= 4
    assert coloured[0] > 300


def test_hostile_names_and_titles_draw_a_picture_of_its_usual_size() -> None:
    usual = len(draw_picture(a_view()))
    of_each_kind = {line.kind: line for line in HOSTILE_LINES}.values()
    odd = [line for line in HOSTILE_LINES if line.kind in ("control character", "long")]
    for line in (*of_each_kind, *odd):
        minute = ErrorMinute(line.text, START_MS, 3)
        png = draw_picture(dataclasses.replace(a_view(line.text), error_minutes=(minute,) * 3))
        image = Image.open(io.BytesIO(png))
        assert image.size == (1_000, 720)
        assert len(png) < usual + 30_000
