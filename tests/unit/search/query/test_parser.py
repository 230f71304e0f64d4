"""The query language: what people type, and what is answered to a mistake."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query.mistake import QueryError
from search.query.parser import MAX_CHARS, MAX_DEPTH, parse
from search.query.tree import (
    And,
    Attribute,
    Between,
    Everything,
    Keyword,
    Node,
    Not,
    Or,
    Present,
    Words,
)

A, B, C = (Words("text", name) for name in "abc")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_query_as_people_type_it() -> None:
    text = (
        'service:cart level:error "pool exhausted" -healthz status_code:>=500 '
        "latency_ms:[500 TO *] trace_id:4bf92f3577b34da6"
    )
    assert parse(text) == And(
        (
            Keyword("service", "cart"),
            Keyword("level", "ERROR"),
            Words("text", "pool exhausted"),
            Not(Words("text", "healthz")),
            Between("status_code", lower=500),
            Between("latency_ms", lower=500.0),
            Keyword("trace_id", "4bf92f3577b34da6"),
        )
    )


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("  \n", Everything()),
        ("*", Everything()),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("a OR NOT b", Or((A, Not(B)))),
        ("NOT NOT a", A),
        ("-(a b)", Not(And((A, B)))),
        ("+a -b", And((A, Not(B)))),
        ("a and b", And((A, Words("text", "and"), B))),
        ("level:error a", And((Keyword("level", "ERROR"), A))),
        ("service:(x) a", And((Keyword("service", "x"), A))),
        ("status:5xx [a", And((Between("status_code", 500, 599), Words("text", "[a")))),
        ("foo*", Words("text", "foo", prefix=True)),
        (r"foo\*", Words("text", "foo*")),
        ('"foo*"', Words("text", "foo*")),
        (r'"say \"hi\""', Words("text", 'say "hi"')),
        ("12:30:45", Words("text", "12:30:45")),
        ("service:(cart OR order)", Or((Keyword("service", "cart"), Keyword("service", "order")))),
        ("service:(-cart)", Not(Keyword("service", "cart"))),
        ("service_name:cart*", Keyword("service", "cart", prefix=True)),
        ('service:"web shop"', Keyword("service", "web shop")),
        ("trace_id:*", Present("trace_id")),
        ("exception:*", Present("exception")),
        ("LEVEL:warning", Keyword("level", "WARN")),
        ("level:>warn", Or((Keyword("level", "ERROR"), Keyword("level", "FATAL")))),
        ("level:[error TO *]", Or((Keyword("level", "ERROR"), Keyword("level", "FATAL")))),
        ("level:<debug", Keyword("level", "TRACE")),
        ("status:5xx", Between("status_code", 500, 599)),
        ("status_code:404", Between("status_code", 404, 404)),
        ("status_code:{400 TO 500}", Between("status_code", 400, 500, False, False)),
        ("latency_ms:<-5.5", Between("latency_ms", None, -5.5, include_upper=False)),
        ("latency_ms:[* TO *]", Present("latency_ms")),
        ("attributes.http.route:/cart", Attribute("http.route", "/cart")),
        ("request_id:r-1*", Attribute("request_id", "r-1", prefix=True)),
        ("user_id:*", Attribute("user_id", "", prefix=True)),
        ("message:timeout", Words("message", "timeout")),
    ],
)
def test_what_a_query_means(text: str, tree: Node) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "lower", "upper"),
    [
        ("timestamp:2026-11-30", "2026-11-30", "2026-12-01"),
        ("timestamp:2026-11-30T07:05", "2026-11-30T07:05", "2026-11-30T07:06"),
        ("timestamp:2026-11-30T09:05:01+02:00", "2026-11-30T07:05:01", "2026-11-30T07:05:02"),
        ("timestamp:[2026-11-30 TO 2026-11-30]", "2026-11-30", "2026-12-01"),
        ("timestamp:{2026-11-29 TO 2026-12-01}", "2026-11-30", "2026-12-01"),
        ("timestamp:[2026-11-30T07:00 TO 2026-11-30T08:00}", "2026-11-30T07", "2026-11-30T08"),
    ],
)
def test_a_time_covers_all_that_was_not_typed_of_it(text: str, lower: str, upper: str) -> None:
    assert parse(text) == Between("timestamp_ms", ms(lower), ms(upper), include_upper=False)


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ('a "b', 2, "quote is not closed"),
        ("(a", 2, "parenthesis is not closed"),
        ("a)", 1, "closes none"),
        ("()", 1, "closes none"),
        ("a OR", 4, "missing after OR"),
        ("level:", 6, "missing after level:"),
        ("status_code:>", 13, "missing after >"),
        ("x level:loud", 8, "no level"),
        ("servce:cart", 0, "do you mean service?"),
        ("see http://shop", 4, "stands in quotes"),
        ("*foo", 0, "only at the end"),
        ("foo*bar", 3, "only at the end"),
        ("status_code:50*", 12, "500 TO 599"),
        ("status_code:4.5", 12, "whole number"),
        ("latency_ms:slow", 11, "is a number"),
        ("latency_ms:[5 TO", 16, "not closed"),
        ("timestamp:yesterday", 10, "no time"),
        ("timestamp:2026-02-30", 10, "no time"),
        ("service:>cart", 9, "can be compared"),
        ("attributes:*", 11, "which attribute"),
        ("a - b", 2, "no letter"),
        ("a\\", 1, "backslash"),
        ("x" * (MAX_CHARS + 1), MAX_CHARS, "at most"),
        ("(" * (MAX_DEPTH + 1) + "a", MAX_DEPTH, "Nested deeper"),
        ("NOT " * 2_00 + "a", 4 * MAX_DEPTH, "Nested deeper"),
    ],
)
def test_a_mistake_is_answered_with_its_position(text: str, position: int, told: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.position == position
    assert told in caught.value.message
    assert "\n" not in str(caught.value)
    assert caught.value.pointed().endswith("^")


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b*",
            "*",
            "service:",
            "level:",
            "status_code:",
            "timestamp:",
            "x:",
            "attributes.a:",
        ),
        *("(", ")", "[", "]", "{", "}", '"', "\\", "-", "+", ">", ">=", "<", "AND", "OR", "NOT"),
        *("TO", "500", "-1e9", "2026-11-30", "2026-11-30T07:00Z", "0000-00-00", "error", "5xx"),
        *(" ", "\n", "\x00", "é", "接続", "\ud800", "9" * 30),
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join)))
def test_any_text_gives_a_tree_or_a_mistake_with_its_position(text: str) -> None:
    try:
        assert isinstance(parse(text), Node)
    except QueryError as mistake:
        assert 0 <= mistake.position <= len(text)
        assert mistake.message
        assert mistake.pointed()


@given(st.lists(PIECES, max_size=30).map(" ".join))
def test_pieces_of_queries_in_any_order_too(text: str) -> None:
    try:
        parse(text)
    except QueryError as mistake:
        assert 0 <= mistake.position <= len(text)
