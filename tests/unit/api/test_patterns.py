"""`/patterns`, `/patterns/diff` and the page of patterns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.narrowing import pattern_query
from search.query.parser import parse
from tests.unit.api.test_pages import HOSTILE, assert_harmless
from tests.unit.api.world import NOW, NOW_MS, a_client

HOUR_MS = 3_600_000
TIMES = {"from": NOW.isoformat(), "to": (NOW + timedelta(hours=1)).isoformat()}


@pytest.fixture
def client(tmp_path):
    client = a_client(tmp_path)
    put = client.stores.patterns.put
    put("cart", "GET <*> in <*> ms", NOW_MS - HOUR_MS, 1_000)
    put("cart", "GET <*> in <*> ms", NOW_MS, 1_010)
    put("cart", "retry of <*>", NOW_MS - HOUR_MS, 20)
    put("cart", "retry of <*>", NOW_MS, 900)
    put("order", "pool <*> exhausted", NOW_MS + 60_000, 3)
    put("order", "cache is warm", NOW_MS - 60_000, 500)
    return client


def test_the_most_frequent_templates_come_first(client) -> None:
    told = client.get("/patterns", params=TIMES).json()
    assert [(one["text"], one["count"]) for one in told["patterns"]] == [
        ("GET <*> in <*> ms", 1_010),
        ("retry of <*>", 900),
        ("pool <*> exhausted", 3),
    ]
    assert told["total"] == 3
    one = client.get("/patterns", params={**TIMES, "service": "cart", "limit": 1}).json()
    assert (one["total"], len(one["patterns"])) == (2, 1)


def test_what_is_new_gone_or_shifted_since_a_time(client) -> None:
    told = client.get("/patterns/diff", params=TIMES).json()
    assert {
        (one["change"], one["text"], one["before"], one["after"]) for one in told["changes"]
    } == {
        ("shifted", "retry of <*>", 20, 900),
        ("gone", "cache is warm", 500, 0),
        ("new", "pool <*> exhausted", 0, 3),
    }
    longer = {**TIMES, "before": (NOW - timedelta(hours=48)).isoformat()}
    rates = client.get("/patterns/diff", params=longer).json()["changes"]
    # 1,000 in two days, and then as many in an hour.
    assert ("shifted", 1_000) in [(one["change"], one["before"]) for one in rates]
    one = client.get("/patterns/diff", params={**TIMES, "service": "order"}).json()
    assert {each["service_name"] for each in one["changes"]} == {"order"}


@pytest.mark.parametrize(
    "times",
    [
        {"from": "all"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"from": NOW.isoformat(), "to": NOW.isoformat()},
        {**TIMES, "before": TIMES["from"]},
        {**TIMES, "before": TIMES["to"]},
    ],
)
def test_times_that_cannot_be_compared_are_refused(client, times: dict) -> None:
    answer = client.get("/patterns/diff", params=times)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_the_page_groups_what_changed_and_leads_to_the_lines(client) -> None:
    text = client.get("/ui/patterns", params=TIMES).text
    for part in ("New", "Gone", "Shifted", "20 → 900", "500 → 0", "pool &lt;*&gt; exhausted"):
        assert part in text
    assert "q=service%3Aorder+%22pool%22+%22exhausted%22" in text
    assert "/ui/patterns" in client.get("/ui/logs").text


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_of_a_pattern_is_only_text(client, text: str) -> None:
    client.stores.patterns.put(text, text, NOW_MS, 7)
    answer = client.get("/ui/patterns", params=TIMES)
    assert answer.status_code == 200
    assert_harmless(answer.text)


@given(st.text(max_size=60), st.lists(st.text(max_size=40), max_size=12).map("<*>".join))
def test_every_pattern_has_a_query_that_can_be_read(service: str, text: str) -> None:
    parse(pattern_query(service, text))


def test_a_word_that_touches_what_varies_is_not_looked_for() -> None:
    assert (
        pattern_query("cart", "SKU-<*> of pod<*>x is a_<*>") == 'service:cart "SKU-" "of" "is a_"'
    )
