"""That Spark's expressions and a Python reader decide alike, for whoever compares two of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from pyspark.sql import Row

# Shrinking hundreds of records through Spark takes minutes; the message names the few at fault.
WITHOUT_SHRINKING = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[*HealthCheck],
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)


def same(one: Any, other: Any) -> bool:
    """Equal; or the same JSON, which Java and Python write with small differences."""
    if one == other or not (isinstance(one, str) and isinstance(other, str)):
        return bool(one == other)
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def assert_all_agree(
    values: Sequence[bytes],
    rows: Sequence[Row],
    assert_agree: Callable[[bytes | None, Row], None],
) -> None:
    """Fails with the first few values whose rows `assert_agree` does not take."""
    disagreements = []
    for value, row in zip(values, rows, strict=True):
        try:
            assert_agree(value, row)
        except AssertionError as error:
            disagreements.append(f"{value!r}: {str(error).splitlines()[0]}")
    if disagreements:
        pytest.fail("\n".join(disagreements[:5]), pytrace=False)


def bytes_with(at: int, byte: int, value: bytes) -> bytes:
    """A message with one of its bytes changed."""
    changed = bytearray(value)
    changed[at % len(changed)] = byte
    return bytes(changed)


ODD_TEXT = st.one_of(
    st.sampled_from(["", " ", "\t", "0", "-1", "1e3", "12ms", "null", "{}", "deadBEEF", "a-b"]),
    st.sampled_from(["0-0", "9223372036854775807", "9223372036854775808", "1772366399123456790"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
ODD_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.integers(-(2**200), 2**200),
        st.just(1e300 * 1e300),
        ODD_TEXT,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
