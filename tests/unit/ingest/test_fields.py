"""Times, levels, services and trace ids in the spellings that are in use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fields.levels import Numbers, level_of
from ingest.fields.services import workload_of_pod
from ingest.fields.timestamps import parse_time
from ingest.fields.traces import span_id_of, trace_id_of

MS = 1_795_339_200_123


@pytest.mark.parametrize(
    "value",
    [
        1_795_339_200.123, "1795339200.123", MS, str(MS), MS * 1_000 + 7, MS * 1_000_000 + 9,
        "2026-11-22T09:20:00.123456789Z", "2026-11-22 09:20:00,123 +00:00",
        "2026-11-22T10:20:00.123+01:00", "2026/11/22 09:20:00.123Z",
        {"epochSecond": 1_795_339_200, "nanoOfSecond": 123_456_789},
        {"seconds": "1795339200", "nanos": 123_000_000}, {"$date": "2026-11-22T09:20:00.123Z"},
    ],
)  # fmt: skip
def test_the_same_moment_in_many_forms(value: Any):
    time = parse_time(value)
    assert time is not None
    assert (time.epoch_ms, time.has_zone) == (MS, True)


@given(st.integers(min_value=631_152_000_000, max_value=4_000_000_000_000))
def test_every_unit_gives_the_same_ms(epoch_ms: int):
    for factor in (1, 1_000, 1_000_000):
        time = parse_time(epoch_ms * factor)
        assert time is not None
        assert time.epoch_ms == epoch_ms


@pytest.mark.parametrize("value", [None, True, "", "soon", "2026-13-40T99:00:00Z", [], {}, "-", 0])
def test_what_is_no_time(value: Any):
    assert parse_time(value) is None


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("SEVERE", "ERROR"), ("crit", "FATAL"), ("ERROR ", "ERROR"), ("error:", "ERROR"),
        ("E", "ERROR"), ("F", "FATAL"), ("dpanic", "FATAL"), ("fatal error", "FATAL"),
        ("\x1b[31mERROR\x1b[39m", "ERROR"), ("Level(8)", None), (50, "ERROR"), ("50", "ERROR"),
        (35, "INFO"), (40_000, "ERROR"), ("Information", "INFO"), ("trc", "TRACE"),
        ("notice", "INFO"), ("", None), (None, None), ("STDERR", None), (True, None),
    ],
)  # fmt: skip
def test_levels_of_loggers(value: Any, level: str | None):
    assert level_of(value) == level


def test_numbers_of_other_conventions():
    assert [level_of(number, Numbers.SYSLOG) for number in (0, 3, 4, 6, 7, 8)] == [
        "FATAL", "ERROR", "WARN", "INFO", "DEBUG", None,
    ]  # fmt: skip
    assert [level_of(number, Numbers.OTEL) for number in (1, 9, 17, 20, 21, 24, 0, 25)] == [
        "TRACE", "INFO", "ERROR", "ERROR", "FATAL", "FATAL", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("checkout-556455c97c-k8tdx", "checkout"), ("redis-0", "redis"),
        ("node-agent-x7k2q", "node-agent"), ("task-queue-worker", "task-queue-worker"),
        ("checkout", "checkout"), ("payments-tls-2024", "payments-tls"),
    ],
)  # fmt: skip
def test_pods_are_of_workloads(pod: str, workload: str):
    assert workload_of_pod(pod) == workload


HEX = "1581a45c2f9ae4d0a7890b687652000e"


@pytest.mark.parametrize(
    "value",
    [
        HEX, HEX.upper(), "1581a45c-2f9a-e4d0-a789-0b687652000e", f"00-{HEX}-b7ad6b7169203331-01",
        f"projects/shop/traces/{HEX}", f"1-{HEX[:8]}-{HEX[8:]}",
        f"Root=1-{HEX[:8]}-{HEX[8:]};Sampled=1",
    ],
)  # fmt: skip
def test_one_trace_in_many_spellings(value: str):
    assert trace_id_of(value) == HEX


@pytest.mark.parametrize(
    "value", ["", "-", "0", "0" * 32, "N/A", "%X{traceId}", HEX[:31], None, True, [], 0]
)
def test_what_is_no_trace(value: Any):
    assert trace_id_of(value) is None


def test_decimal_ids_are_those_of_64_bits():
    assert trace_id_of("12072192819432914958") == "a7890b687652000e"
    assert span_id_of(12072192819432914958) == "a7890b687652000e"
