"""What the API answers: pages, cursors, ETags, mistakes."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.guard.problems import Problem
from api.guard.signing import Signer
from api.reading.cursor import Position, continuation_of, next_cursor
from api.reading.logs import LogFilter, LogReader
from firstcause.access.keys import KeyFile
from firstcause.incidents.human_actions import Acknowledgement, Feedback, Resolution, Silence
from tests.unit.api.world import NOW, TIMES, LogsInMemory, a_client, a_row, an_incident

DAY = timedelta(days=1)


def test_logs_come_newest_first_with_what_they_hold(tmp_path) -> None:
    rows = [a_row(1, seconds=-5, status_code=503), a_row(2, "order", seconds=-1)]
    answer = a_client(tmp_path, rows=rows).get("/logs", params=TIMES).json()
    assert [one["message"] for one in answer["logs"]] == ["line 2", "line 1"]
    assert answer["logs"][1]["status_code"] == 503
    assert "exception" not in answer["logs"][0]
    assert "next_cursor" not in answer


def test_logs_are_filtered_by_service_level_and_trace(tmp_path) -> None:
    rows = [
        a_row(1, level="ERROR"),
        a_row(2, "order", level="ERROR", trace_id="ab" * 16),
        a_row(3, "order"),
    ]
    client = a_client(tmp_path, rows=rows)

    def numbers(**params: object) -> list[int]:
        found = client.get("/logs", params=params).json()["logs"]
        return [uuid.UUID(one["log_id"]).int for one in found]

    assert numbers(**TIMES, service="order") == [2, 3]
    assert numbers(**TIMES, level="error") == [1, 2]
    assert numbers(trace=("AB" * 16)) == [2]


def test_odd_lines_come_with_score_severity_and_reasons(tmp_path) -> None:
    rows = [
        a_row(1, level="ERROR", status_code=503, error_code="PAY-1", anomaly="high"),
        a_row(2, "order", seconds=-1, level="WARN", anomaly="low"),
        a_row(3, "order", seconds=-2, level="FATAL", anomaly="critical"),
        a_row(4, "order", seconds=-3),
    ]
    client = a_client(tmp_path, rows=rows)

    def found(**params: object) -> list[dict]:
        return client.get("/logs/anomalies", params={**TIMES, **params}).json()["anomalies"]

    told = [(one["log"]["message"], one["score"], one["severity"]) for one in found()]
    assert told == [("line 1", 85, "high"), ("line 2", 10, "low"), ("line 3", 90, "critical")]
    assert [(one["field"], one["points"]) for one in found()[0]["reasons"]] == [
        ("level", 40), ("status_code", 40), ("error_code", 5),
    ]  # fmt: skip
    assert [one["score"] for one in found(severity="high")] == [85, 90]
    assert [one["score"] for one in found(severity="high", service="order")] == [90]
    page = client.get("/logs/anomalies", params={**TIMES, "limit": 1}).json()
    following = {**TIMES, "cursor": page["next_cursor"]}
    rest = client.get("/logs/anomalies", params=following).json()
    assert [one["score"] for one in rest["anomalies"]] == [10, 90]
    assert "next_cursor" not in rest
    # A cursor is good for its own question alone.
    for route, others in (("/logs", {}), ("/logs/anomalies", {"severity": "high"})):
        refused = client.get(route, params={**following, **others})
        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/logs/anomalies", params={"severity": "odd"}).status_code == 422


def test_the_pages_of_an_answer_follow_their_cursor(tmp_path) -> None:
    rows = [a_row(number, seconds=-(number // 3)) for number in range(1, 12)]
    client = a_client(tmp_path, rows=rows)
    seen, cursor = [], None
    while True:
        params = {**TIMES, "limit": 4, **({"cursor": cursor} if cursor else {})}
        answer = client.get("/logs", params=params).json()
        seen += [uuid.UUID(one["log_id"]).int for one in answer["logs"]]
        cursor = answer.get("next_cursor")
        if cursor is None:
            break
    assert seen == list(range(1, 12))


ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["a", "b", "c"])), min_size=0, max_size=30
)


@given(ROWS, ROWS, st.integers(1, 7))
def test_paging_gives_each_row_once_in_order_while_others_are_written(
    stored: list[tuple[int, str]], later: list[tuple[int, str]], size: int
) -> None:
    history = LogsInMemory([a_row(i, name, at) for i, (at, name) in enumerate(stored)])
    waiting = [a_row(1_000 + i, name, at) for i, (at, name) in enumerate(later)]
    before = {row["log_id"] for row in history.rows}
    reader = LogReader(history)
    seen, after = [], None
    while True:
        page = reader.page(LogFilter((), NOW - DAY, NOW + DAY), after, size, lambda: None)
        assert len(page.rows) <= size
        seen += page.rows
        after = page.next
        if after is None:
            break
        if waiting:
            history.rows.append(waiting.pop())
    ids = [row["log_id"] for row in seen]
    assert len(ids) == len(set(ids))
    assert before <= set(ids)
    order = [(-row["timestamp"].timestamp(), str(row["log_id"])) for row in seen]
    assert order == sorted(order)


@pytest.mark.parametrize(
    "cursor", ["", "x", "ä", "A" * 100, "A" * 60_000, "eyJxIjoiIn0", "\x00", "%00%ff"]
)
@pytest.mark.parametrize("path", ["/logs", "/incidents"])
def test_a_cursor_that_was_not_given_out_is_refused(tmp_path, path: str, cursor: str) -> None:
    answer = a_client(tmp_path).get(path, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_a_cursor_is_good_for_its_own_question_and_unchanged_only(tmp_path) -> None:
    rows = [a_row(number) for number in range(5)]
    client = a_client(tmp_path, rows=rows)
    cursor = client.get("/logs", params={**TIMES, "limit": 2}).json()["next_cursor"]
    other = client.get("/logs", params={**TIMES, "service": "cart", "cursor": cursor})
    assert other.status_code == 400
    for place in range(0, len(cursor), 7):
        forged = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        answer = client.get("/logs", params={**TIMES, "limit": 2, "cursor": forged})
        assert answer.status_code == 400


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 2**53), st.text(max_size=40))
def test_cursors_are_read_back_and_no_text_is_one(
    question: str, text: str, at_ms: int, last: str
) -> None:
    signer = Signer("secret")
    cursor = next_cursor(signer, question, Position(at_ms, last), NOW)
    on = continuation_of(signer, question, cursor)
    assert on is not None
    assert on.after == Position(at_ms, last)
    with pytest.raises(Problem):
        continuation_of(signer, question, text)


def test_the_lines_around_a_line(tmp_path) -> None:
    rows = [a_row(number, seconds=number) for number in range(20)]
    client = a_client(tmp_path, rows=rows)
    line = rows[10]
    params = {
        "service": "cart",
        "timestamp": line["timestamp"].isoformat(),
        "log_id": str(line["log_id"]),
        "count": 3,
    }
    answer = client.get("/logs/context", params=params).json()
    told = [
        *(one["message"] for one in answer["before"]),
        answer["line"]["message"],
        *(one["message"] for one in answer["after"]),
    ]
    assert told == [f"line {number}" for number in range(7, 14)]
    params["log_id"] = str(uuid.UUID(int=999))
    assert client.get("/logs/context", params=params).status_code == 404


def test_incidents_are_listed_filtered_and_shown_whole(tmp_path) -> None:
    open_one, closed = an_incident(1), an_incident(2, status="resolved", severity="low")
    client = a_client(tmp_path, [open_one, closed])

    def ids(**params: object) -> list[str]:
        found = client.get("/incidents", params={**TIMES, **params}).json()["incidents"]
        return [one["incident_id"] for one in found]

    both = [str(closed.incident_id), str(open_one.incident_id)]
    assert ids() == both
    assert ids(status="open") == both[1:]
    assert ids(severity="low") == both[:1]
    assert ids(service="nobody") == []
    whole = client.get(f"/incidents/{open_one.incident_id}").json()
    assert whole["title"] == open_one.title
    assert whole["evidence"][0]["message"] == "Payment 7 failed"
    assert whole["suspects"][0] == "payment"
    assert whole["analysis"]["source"] == "deterministic"
    assert "Payment 7 failed" in whole["message"]["text"]
    assert client.get(f"/incidents/{uuid.UUID(int=99)}").status_code == 404
    assert client.get("/incidents/none").status_code == 422


def test_a_merged_incident_is_listed_on_demand(tmp_path) -> None:
    client = a_client(tmp_path, [an_incident(1, merged_into=uuid.UUID(int=2))])
    assert client.get("/incidents", params=TIMES).json()["incidents"] == []
    assert len(client.get("/incidents", params={**TIMES, "merged": True}).json()["incidents"]) == 1


def test_the_pages_of_incidents_follow_their_cursor(tmp_path) -> None:
    views = [an_incident(n, status="open" if n % 3 else "resolved") for n in range(1, 12)]
    client = a_client(tmp_path, views)
    seen, params = [], {**TIMES, "limit": 2, "status": "open"}
    while True:
        answer = client.get("/incidents", params=params).json()
        seen += [uuid.UUID(one["incident_id"]).int for one in answer["incidents"]]
        if "next_cursor" not in answer:
            break
        params["cursor"] = answer["next_cursor"]
    assert seen == [11, 10, 8, 7, 5, 4, 2, 1]


def test_people_s_actions_are_done_as_the_commands_do_them(tmp_path) -> None:
    view = an_incident()
    secret = KeyFile(tmp_path / "api_keys.json").add("ann", "act")
    client = a_client(tmp_path, [view])
    client.headers["authorization"] = f"Bearer {secret}"
    base = f"/incidents/{view.incident_id}"
    for path, body in (
        ("/ack", {}),
        ("/silence", {"minutes": 60}),
        ("/feedback", {"verdict": "wrong"}),
        ("/resolve", None),
    ):
        assert client.post(base + path, json=body).json()["by"] == "ann"
    ack, silence, feedback, resolution = client.stores.incidents.actions
    assert isinstance(ack, Acknowledgement)
    assert isinstance(silence, Silence)
    assert silence.until_ms - silence.at_ms == 3_600_000
    assert isinstance(feedback, Feedback)
    assert (feedback.verdict, feedback.analysis_source) == ("wrong", "deterministic")
    assert isinstance(resolution, Resolution)
    missing = client.post(f"/incidents/{uuid.UUID(int=99)}/ack", json={})
    assert missing.status_code == 404
    assert client.post(base + "/silence", json={"minutes": -1}).status_code == 422
    assert client.post(base + "/feedback", json={"verdict": "maybe"}).status_code == 422


def test_what_has_not_changed_is_not_sent_again(tmp_path) -> None:
    client = a_client(tmp_path, [an_incident()])
    first = client.get("/incidents", params=TIMES)
    again = client.get("/incidents", params=TIMES, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    client.stores.incidents.views.clear()
    changed = client.get(
        "/incidents", params=TIMES, headers={"if-none-match": first.headers["etag"]}
    )
    assert changed.status_code == 200


def test_long_answers_are_packed(tmp_path) -> None:
    rows = [a_row(number) for number in range(200)]
    answer = a_client(tmp_path, rows=rows).get("/logs", params={**TIMES, "limit": 200})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["logs"]) == 200


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=999999d",
        "from=1h&to=2h",
        "level=LOUD",
        "trace=ab&service=x",
        "limit=0",
        "limit=100000",
        "from=0001-01-01T00:00:00%2B23:59",
    ],
)
def test_a_mistake_is_told_and_is_no_failure(tmp_path, query: str) -> None:
    answer = a_client(tmp_path).get(f"/logs?{query}")
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


def test_health_needs_nothing(tmp_path) -> None:
    assert a_client(tmp_path).get("/health").json() == {"status": "ok"}
