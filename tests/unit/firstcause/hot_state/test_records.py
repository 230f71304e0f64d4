"""Values of Redis are read as they were written, and what is not ours is no window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerting.windows import WindowKind, WindowMetrics
from firstcause.hot_state.records import (
    EMPTY,
    HotState,
    read_state,
    read_window,
    state_value,
    window_key,
    window_value,
)
from firstcause.settings import Settings

COUNTS = st.integers(0, 2**40)
LATENCIES = st.none() | st.floats(0, 1e9)
WINDOWS = st.builds(
    WindowMetrics,
    service_name=st.text(max_size=20),
    kind=st.just(WindowKind.MINUTE),
    start_ms=st.just(120_000),
    end_ms=st.just(180_000),
    events=COUNTS,
    levels=st.dictionaries(st.sampled_from(["INFO", "ERROR"]), COUNTS),
    status_classes=st.dictionaries(st.sampled_from(["2xx", "5xx"]), COUNTS),
    latency_sum_ms=st.floats(0, 1e12),
    latency_min_ms=LATENCIES,
    latency_max_ms=LATENCIES,
    buckets=st.dictionaries(st.integers(-500, 1_200), st.integers(1, 2**40), max_size=20),
    unmeasured=COUNTS,
    users=st.none() | COUNTS,
    traces=st.none() | COUNTS,
)


@given(WINDOWS)
def test_a_window_is_read_as_it_was_written(window: WindowMetrics) -> None:
    read = read_window(window_value(window), window.service_name, window.kind, window.start_ms)
    assert read == window


def test_a_window_without_events_is_none() -> None:
    assert window_value(None) == EMPTY
    assert read_window(EMPTY, "cart", WindowKind.MINUTE, 0) is None


def test_the_keys_are_those_of_the_documents() -> None:
    assert window_key("cart", WindowKind.MINUTE, 120_000) == "agg:cart:1m:120000"


@given(
    st.builds(
        HotState,
        copied_ms=COUNTS,
        stream_ms=st.none() | COUNTS,
        services=st.dictionaries(st.text(max_size=5), COUNTS),
        open_alerts=st.dictionaries(st.text(max_size=5), COUNTS),
    )
)
def test_the_state_is_read_as_it_was_written(state: HotState) -> None:
    assert read_state(state_value(state)) == state


@pytest.mark.parametrize("value", [b"", b"x", b"[]", b"3", b'"a"', b"null", b'{"events": 1}'])
def test_what_is_not_ours_is_no_value(value: bytes) -> None:
    with pytest.raises(ValueError):
        read_window(value, "cart", WindowKind.MINUTE, 0)
    with pytest.raises(ValueError):
        read_state(value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://:secret@host:6379/0",
        "rediss://user:secret@10.0.0.1:6380/3?ssl_ca_certs=/etc/ca.pem",
        "redis://[::1]:6379",
    ],
)
def test_addresses_of_redis(url: str) -> None:
    assert Settings(redis_url=url).redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "hunter2:6379",
        "http://hunter2:6379",
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@host:port",
        "redis://:hunter2@host:99999",
        "redis://:hunter2@host:6379/first",
    ],
)
def test_rubbish_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(redis_url=url)
    (error,) = refused.value.errors(include_url=False, include_input=False)
    assert error["loc"] == ("redis_url",)
    assert "write redis://[user:password@]host" in error["msg"]
    assert "hunter2" not in str(refused.value)
