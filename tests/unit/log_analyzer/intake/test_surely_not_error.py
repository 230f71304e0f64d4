from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstcause.events.log_event import UnreadableLogEvent, read_log_event
from firstcause.events.log_level import LEVEL_ALIASES
from log_analyzer.intake.surely_not_error import surely_not_error

NOW_MS = 1_800_000_000_000

levels = st.sampled_from([*LEVEL_ALIASES, "noise"]).flatmap(
    lambda word: st.sampled_from([word, word.lower(), word.title(), f" {word}", f"{word}\t"])
)
hostile_text = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ['"level":"INFO"', '\\"level\\":\\"INFO\\"', 'x","level":"INFO', "\\u0045RROR", "level"]
    ),
)


def escaped(word: str, positions: set[int]) -> str:
    """A JSON string in which some letters are written as \\u escapes."""
    chars = (f"\\u{ord(c):04x}" if i in positions else c for i, c in enumerate(word))
    return '"' + "".join(chars) + '"'


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Log events as a hostile or clumsy producer may write them."""
    level = draw(levels)
    places = st.sets(st.integers(0, 8), max_size=2)
    key = escaped("level", draw(places)) if draw(st.booleans()) else '"level"'
    raw = level.replace("\t", "\\t")
    value = (
        escaped(level, draw(places)) if "\t" not in level and draw(st.booleans()) else f'"{raw}"'
    )
    space = draw(st.sampled_from(["", " ", "\n", "\t "]))
    pairs = [
        f"{key}{space}:{space}{value}",
        '"log_id":"cf05034d-100c-59da-b833-3aa9517affde"',
        '"timestamp":"2023-01-29T09:33:19.183Z"',
        f'"service_name":{json.dumps(draw(hostile_text) or "s")}',
        f'"message":{json.dumps(draw(hostile_text), ensure_ascii=draw(st.booleans()))}',
    ]
    if draw(st.booleans()):
        inner = draw(st.sampled_from(['"level":"INFO"', '"level":"ERROR"', '"a":"level"']))
        pairs.append(f'"attributes":{{{inner}}}')
    if draw(st.booleans()):
        pairs.append(f'"level":"{draw(st.sampled_from(["INFO", "ERROR"]))}"')
    return ("{" + ",".join(draw(st.permutations(pairs))) + "}").encode("utf-8", "surrogatepass")


def is_error(value: bytes) -> bool:
    try:
        return read_log_event(value, NOW_MS).is_error
    except UnreadableLogEvent:
        return False


@settings(max_examples=2_000)
@given(messages())
def test_no_error_is_ever_taken_for_quiet(value: bytes) -> None:
    assert not (surely_not_error(value) and is_error(value))


@given(st.binary(max_size=200))
def test_any_bytes_are_fine(value: bytes) -> None:
    assert not (surely_not_error(value) and is_error(value))


@pytest.mark.parametrize("level", ["INFO", "DEBUG", "WARN", "TRACE", "WARNING", "info"])
def test_what_producers_usually_send_is_skipped(level: str) -> None:
    event = {"log_id": "x", "level": level, "message": 'said "level" or so', "error_code": "E1"}
    assert surely_not_error(orjson.dumps(event))
    assert surely_not_error(json.dumps(event).encode())


@pytest.mark.parametrize(
    "alias", [a for a, level in LEVEL_ALIASES.items() if level in ("ERROR", "FATAL")]
)
def test_no_alias_of_an_error_is_skipped(alias: str) -> None:
    assert not surely_not_error(orjson.dumps({"level": alias}))
    assert not surely_not_error(orjson.dumps({"level": alias.lower()}))
