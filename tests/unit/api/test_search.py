"""`/logs?q=` and `/logs/stats`: what is found, what is said of mistakes and of a missing index."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.narrowing import can_narrow, narrowed
from api.pages.rendering import FOLDER
from api.reading.plain_query import plain_query
from search.query.parser import parse
from search.query.tree import And, Keyword, Words
from tests.unit.api.world import NOW, TIMES, a_client, a_row, put_into_index

NODE = shutil.which("node")
ROWS = [
    a_row(1, level="ERROR", message="pool exhausted", seconds=-1, status_code=503),
    a_row(2, "order", level="WARN", message="pool is full", seconds=-2),
    a_row(3, "Order", level="ERROR", message="pool exhausted again", seconds=-3),
    a_row(4, level="INFO", message="all is well", seconds=-4),
]


@pytest.fixture
def client(tmp_path):
    put_into_index(tmp_path, ROWS)
    return a_client(tmp_path, rows=list(ROWS))


def numbers(answer) -> list[int]:
    return [uuid.UUID(one["log_id"]).int for one in answer.json()["logs"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "pool"}, [1, 2, 3]),
        ({"q": '"pool exhausted" -again'}, [1]),
        ({"q": "status_code:>=500 OR level:info"}, [1, 4]),
        ({"q": "pool", "level": "error"}, [1, 3]),
        ({"q": "pool", "service": "order"}, [2]),
        ({"q": "pool", "service": ["order", "cart"]}, [1, 2]),
        ({"q": "well OR full", "service": "cart"}, [4]),
        ({"q": " "}, [1, 2, 3, 4]),
        ({"q": "nothing"}, []),
    ],
)
def test_a_query_finds_lines_of_all_services(client, query: dict, found: list[int]) -> None:
    answer = client.get("/logs", params={**TIMES, **query})
    assert numbers(answer) == found
    assert "degraded" not in answer.json()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_pages_of_a_search_follow_their_cursor(client, limit: int) -> None:
    params, seen = {**TIMES, "q": "pool", "limit": limit}, []
    while True:
        answer = client.get("/logs", params=params)
        seen += numbers(answer)
        if "next_cursor" not in answer.json():
            break
        params["cursor"] = answer.json()["next_cursor"]
    assert seen == [1, 2, 3]
    cursor = client.get("/logs", params={**TIMES, "q": "pool", "limit": 1}).json()["next_cursor"]
    assert client.get("/logs", params={**TIMES, "q": "poo", "cursor": cursor}).status_code == 400


def test_a_mistake_is_answered_with_its_position(client) -> None:
    for path in ("/logs", "/logs/stats"):
        answer = client.get(path, params={"q": "pool servce:cart"})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["position"] == 5
        assert "do you mean service?" in answer.json()["detail"]
    shown = client.get("/ui/logs", params={"q": "pool servce:cart"})
    assert shown.status_code == 400
    assert "pool <mark>servce:cart</mark>" in shown.text
    assert "do you mean service?" in shown.text


def test_what_is_found_and_not_stored_is_counted(client) -> None:
    client.stores.rows[:] = [row for row in ROWS if row["message"] != "pool is full"]
    answer = client.get("/logs", params={**TIMES, "q": "pool"})
    assert (numbers(answer), answer.json()["not_stored"]) == ([1, 3], 1)
    assert "1 more match" in client.get("/ui/logs", params={**TIMES, "q": "pool"}).text


def test_without_an_index_service_and_level_still_count(tmp_path) -> None:
    client = a_client(tmp_path, rows=list(ROWS))
    whole = client.get("/logs", params={**TIMES, "q": "service:order level:error"})
    assert numbers(whole) == [3]
    assert "degraded" not in whole.json()
    part = client.get("/logs", params={**TIMES, "q": "service:order exhausted"})
    assert numbers(part) == [2, 3]
    assert "search-indexer" in part.json()["degraded"]
    assert "service and level alone" in client.get("/ui/logs", params={**TIMES, "q": "x"}).text
    assert numbers(client.get("/logs", params={**TIMES, "q": "service:nobody"})) == []
    assert numbers(client.get("/logs", params={**TIMES, "q": "level:info", "level": "error"})) == []
    stats = client.get("/logs/stats", params=TIMES)
    assert (stats.status_code, stats.headers["retry-after"]) == (503, "2")


def test_an_answer_goes_on_where_the_index_is_lost(client, tmp_path) -> None:
    params = {**TIMES, "q": "service:cart OR service:order", "limit": 2}
    first = client.get("/logs", params=params)
    shutil.rmtree(tmp_path / "search")
    params["cursor"] = first.json()["next_cursor"]
    second = client.get("/logs", params=params)
    assert numbers(first) + numbers(second) == [1, 2, 3, 4]


def test_lines_are_counted_over_time(client) -> None:
    told = client.get("/logs/stats", params={**TIMES, "q": "pool", "bars": 500}).json()
    assert told["total"] == 3
    assert sum(one["count"] for one in told["buckets"]) == 3
    # Two days were asked for: the time is that of the matches, by the second.
    assert told["bucket_seconds"] == 1
    assert [one["levels"] for one in told["buckets"]] == [{"ERROR": 1}, {"WARN": 1}, {"ERROR": 1}]
    start = datetime.fromisoformat(told["buckets"][0]["start"]).astimezone(UTC)
    assert (NOW - start).total_seconds() == 3
    only = client.get("/logs/stats", params={**TIMES, "service": "cart", "level": "info"}).json()
    assert only["total"] == 1


def test_an_hour_is_counted_by_the_minute(tmp_path) -> None:
    rows = [a_row(number + 1, seconds=number * 60) for number in range(60)]
    put_into_index(tmp_path, rows)
    client = a_client(tmp_path, rows=rows)
    for start in (NOW, NOW + timedelta(seconds=31)):
        times = {"from": start.isoformat(), "to": (start + timedelta(hours=1)).isoformat()}
        told = client.get("/logs/stats", params={**times, "bars": 60}).json()
        assert told["bucket_seconds"] == 60
        assert 59 <= len(told["buckets"]) <= 61


@pytest.mark.skipif(NODE is None, reason="There is no Node.js: apt-get install nodejs")
@pytest.mark.parametrize("seconds", [0, 1, 29.999, 30, 31, 59.999])
def test_a_page_draws_each_bucket_where_it_is(seconds: float) -> None:
    # The first bucket begins where the time does, in the middle of a bar.
    minute = [NOW + timedelta(minutes=number) for number in range(4)]
    start = NOW + timedelta(seconds=seconds)
    buckets = [
        {"start": at.isoformat(), "count": count, "levels": {"ERROR": 1, "WARN": 1}}
        for at, count in ((start, 5), (minute[1], 7), (minute[3], 9))
    ]
    told = {"start": start.isoformat(), "end": minute[3].isoformat(), "bucket_seconds": 60}
    script = (FOLDER / "static" / "app.js").read_text()
    script = f"""
        globalThis.document = {{ addEventListener() {{}}, querySelectorAll: () => [] }};
        globalThis.addEventListener = () => {{}};
        globalThis.location = {{ hash: "" }};
        {script}
        console.log(JSON.stringify(barsOf({json.dumps({**told, "buckets": buckets})})));
    """
    drawn = json.loads(subprocess.run([NODE, "-e", script], check=True, capture_output=True).stdout)
    assert drawn["times"] == [at.timestamp() for at in minute]
    assert drawn["rows"] == {"all": [5, 7, 0, 9], "warn": [2, 2, 0, 2], "error": [1, 1, 0, 1]}


@pytest.mark.parametrize(
    "times",
    [
        {"from": "all"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"},
        {"from": "9999-12-31T23:59:59.999999Z", "to": "9999-12-31T23:59:59.999999Z"},
        {"from": "0001-01-01T00:00:00Z", "to": "0001-01-01T00:00:00Z"},
    ],
)
@pytest.mark.parametrize("bars", [1, 60, 500])
def test_any_time_can_be_counted(client, times: dict, bars: int) -> None:
    told = client.get("/logs/stats", params={**times, "bars": bars})
    assert told.status_code == 200
    assert len(told.json()["buckets"]) <= bars + 1


def test_a_field_of_a_line_narrows_the_search(client) -> None:
    text = client.get("/ui/logs", params={**TIMES, "q": "pool OR well"}).text
    assert "q=%28pool+OR+well%29+status_code%3A503" in text
    assert numbers(
        client.get("/logs", params={**TIMES, "q": "(pool OR well) status_code:503"})
    ) == [1]


@given(st.text(min_size=1, max_size=30), st.sampled_from(["error_code", "attributes.http.route"]))
def test_a_value_that_can_narrow_is_a_query_for_it(value: str, name: str) -> None:
    if can_narrow(name, value):
        query = parse(narrowed("pool", name, value))
        assert isinstance(query, And)
        assert query.parts[0] == Words("text", "pool")
        assert getattr(query.parts[1], "value", getattr(query.parts[1], "text", None)) == value
        assert query.parts[1].prefix is False


def test_the_plain_part_of_a_query() -> None:
    known = ("cart", "Cart", "order")
    plain = plain_query(parse("service:cart level:error"), known, None)
    assert (plain.services, plain.level, plain.is_whole) == (("cart", "Cart"), "ERROR", True)
    assert plain_query(parse("service:(cart OR ord*)"), known, None).services == known
    assert not plain_query(parse("service:cart OR pool"), known, None).is_whole
    assert not plain_query(parse("-service:cart"), known, None).is_whole
    assert not plain_query(parse("level:>=warn"), known, None).is_whole
    assert plain_query(parse("level:warn"), known, "ERROR").contradicts
    assert plain_query(Keyword("service", "nobody"), known, None).services == ()
