from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.text.typed_time import parse_range, parse_since

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@given(st.text() | st.from_regex(r"\d{1,6}[smhd]", fullmatch=True))
def test_any_text_is_a_time_or_says_what_is(text: str) -> None:
    try:
        assert parse_since(text, NOW).tzinfo is UTC
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("text", ["999999d", "0001-01-01T00:00:00+23:59"])
def test_what_is_before_any_time_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_since(text, NOW)


def test_without_a_start_a_range_is_the_span_before_its_end() -> None:
    assert parse_range(None, None, DAY, NOW) == (NOW - DAY, NOW)
    assert parse_range("2h", None, DAY, NOW) == (NOW - timedelta(hours=2), NOW)
    with pytest.raises(ValueError, match="before any time"):
        parse_range(None, "0001-01-01T05:00:00Z", DAY, NOW)
