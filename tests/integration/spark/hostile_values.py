"""Messages as clumsy and hostile producers may write them, made by hypothesis."""

from __future__ import annotations

import json
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from firstcause.events.log_event import TRACE_FIELDS
from firstcause.events.log_level import LEVEL_ALIASES
from tests.hostile import GOOD, ID_SPELLINGS, with_fields
from tests.integration.spark.reader_agreement import ODD_JSON, WITHOUT_SHRINKING, bytes_with


def without(name: str) -> bytes:
    return json.dumps({key: item for key, item in GOOD.items() if key != name}).encode()


TIMESTAMPS = st.one_of(
    st.datetimes(datetime(1890, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.isoformat() + "Z"),
    st.datetimes(datetime(2026, 2, 28), datetime(2026, 3, 3)).map(
        lambda t: t.isoformat(" ") + "+05:30"
    ),
    st.from_regex(
        r"\A2026-0[0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?"
        r"([Zz]|[+-][0-2][0-9]:[0-5][0-9])?\Z"
    ),
)
LEVELS = st.one_of(
    st.builds(
        lambda before, word, after: f"{before}{word}{after}",
        st.sampled_from(["", " ", "[", "<", "\x1b[31m", "-", " \x1b[1;31m("]),
        st.sampled_from(sorted(LEVEL_ALIASES)).flatmap(
            lambda word: st.sampled_from([word, word.lower(), word.title()])
        ),
        st.sampled_from(["", " ", "]", ":", "\x1b[0m", "\n", "\u2028", "S", "+1"]),
    ),
    st.text(max_size=8),
)
IDS = st.one_of(
    st.sampled_from(ID_SPELLINGS),
    st.from_regex(r"\A[0-9a-fA-F-]{1,36}\s?\Z"),
    st.integers(0, 2**70).map(str),
    st.builds(lambda one, cut: one[:cut], st.sampled_from(ID_SPELLINGS), st.integers(0, 60)),
)
FIELDS = st.sampled_from(sorted(GOOD))
HOSTILE_VALUES = st.one_of(
    st.builds(with_fields, st.dictionaries(FIELDS, ODD_JSON, max_size=3)),
    st.builds(lambda t: with_fields({"timestamp": t}), TIMESTAMPS),
    st.builds(lambda v: with_fields({"level": v}), LEVELS),
    st.builds(
        lambda name, text: with_fields({name: text}), st.sampled_from(sorted(TRACE_FIELDS)), IDS
    ),
    st.builds(without, FIELDS),
    st.builds(lambda n: json.dumps(GOOD).encode()[:n], st.integers(0, 400)),
    st.builds(
        bytes_with,
        st.integers(0, 300),
        st.integers(0, 255),
        st.just(json.dumps(GOOD).encode()),
    ),
    st.binary(max_size=30),
)


def generated(count: int) -> list[bytes]:
    """So many different values, the same in each run."""
    found: dict[bytes, None] = {}

    @settings(WITHOUT_SHRINKING, max_examples=3)
    @given(st.lists(HOSTILE_VALUES, min_size=count, max_size=count))
    def collect(values: list[bytes]) -> None:
        found.update(dict.fromkeys(values))

    collect()
    return list(found)[-count:]
