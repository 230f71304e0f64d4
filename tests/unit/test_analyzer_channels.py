from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from firstcause.since import parse_since
from log_analyzer.channels import MaybeSentError, NotSentError, PreviewChannel, SlackChannel
from log_analyzer.notice import render_notice
from log_analyzer.report import deterministic_report
from tests.stubs.slack import CHANNEL_ID, SlackStub
from tests.unit.test_analyzer_notice import a_view

INCIDENT = uuid.UUID(int=7)


@pytest.fixture
def stub() -> Iterator[SlackStub]:
    with SlackStub() as server:
        yield server


def a_notice(count: int = 1):
    view = dataclasses.replace(a_view(), error_count=count)
    return render_notice(view, deterministic_report(view, "n"))


def a_channel(stub: SlackStub, channel: str = "#incidents", token: str = "xoxb-1") -> SlackChannel:
    return SlackChannel(token, channel, stub.api_url)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_post_is_found_again_by_its_metadata_by_another_process(stub) -> None:
    posted = a_channel(stub).post(INCIDENT, a_notice())
    assert posted.channel == CHANNEL_ID
    assert a_channel(stub).find(INCIDENT, now_ms()) == posted
    assert a_channel(stub, channel=CHANNEL_ID).find(uuid.UUID(int=8), now_ms()) is None


def test_a_long_history_is_read_page_by_page(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(INCIDENT, a_notice())
    for number in range(450):
        stub.chat_postMessage({"channel": CHANNEL_ID, "text": f"chatter {number}"})
    assert channel.find(INCIDENT, now_ms()) == posted
    assert sum(r["path"].endswith("conversations.history") for r in stub.recorded) == 3


def test_an_update_replaces_the_message(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(INCIDENT, a_notice(1))
    channel.update(posted, INCIDENT, a_notice(99))
    assert [m["updates"] for m in stub.messages] == [1]
    assert "99" in stub.messages[0]["text"]


@pytest.mark.parametrize("kind", ["drop", "accept_then_drop", "accept_then_500", "http_500"])
def test_a_broken_answer_is_unknown_and_never_retried_by_itself(stub, kind) -> None:
    stub.faults.append({"kind": kind})
    with pytest.raises(MaybeSentError):
        a_channel(stub).post(INCIDENT, a_notice())
    assert len(stub.recorded) == 1


@pytest.mark.parametrize("reason", ["invalid_auth", "channel_not_found", "not_in_channel"])
def test_a_refusal_is_known_not_to_be_sent(stub, reason) -> None:
    stub.faults.append({"kind": "error", "error": reason})
    with pytest.raises(NotSentError, match=reason) as caught:
        a_channel(stub).post(INCIDENT, a_notice())
    assert caught.value.retry_after_seconds is None


def test_a_rate_limit_says_how_long_to_wait(stub) -> None:
    stub.faults.append({"kind": "rate_limited", "retry_after": 7})
    with pytest.raises(NotSentError) as caught:
        a_channel(stub).post(INCIDENT, a_notice())
    assert caught.value.retry_after_seconds == 7.0


def test_nobody_listening_is_known_not_to_be_sent(stub) -> None:
    channel = SlackChannel("xoxb-1", "#incidents", "http://127.0.0.1:9/api/")
    with pytest.raises(NotSentError, match="refused"):
        channel.post(INCIDENT, a_notice())


def test_a_channel_name_that_nobody_knows_says_what_to_set(stub) -> None:
    with pytest.raises(NotSentError, match="SLACK_CHANNEL"):
        a_channel(stub, channel="#nowhere").find(INCIDENT, now_ms())


def test_the_preview_file_has_one_line_an_incident(tmp_path) -> None:
    shown: list[bool] = []
    channel = PreviewChannel(tmp_path / "p.jsonl", lambda _id, _notice, first: shown.append(first))
    posted = channel.post(INCIDENT, a_notice(1))
    assert channel.post(INCIDENT, a_notice(1)) == posted
    channel.post(uuid.UUID(int=8), a_notice(5))
    channel.update(posted, INCIDENT, a_notice(99))
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert sorted(line["incident_id"] for line in lines) == [str(INCIDENT), str(uuid.UUID(int=8))]
    assert "99" in next(line["text"] for line in lines if line["incident_id"] == str(INCIDENT))
    assert channel.find(INCIDENT, 0) == posted
    assert channel.find(uuid.UUID(int=9), 0) is None
    assert shown == [True, True, True, False]


def test_since_reads_spans_times_and_all() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert parse_since("24h", now) == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert parse_since("2026-05-01T00:00:00+02:00", now) == datetime(2026, 4, 30, 22, tzinfo=UTC)
    assert parse_since("all", now) < datetime(2000, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="24h"):
        parse_since("yesterday-ish", now)


def test_what_was_only_previewed_is_not_taken_for_sent(stub, tmp_path) -> None:
    previewed = PreviewChannel(tmp_path / "p.jsonl", lambda *_: None).post(INCIDENT, a_notice())
    assert not a_channel(stub).holds(previewed.channel)
    assert a_channel(stub).holds(CHANNEL_ID)
    assert PreviewChannel(tmp_path / "p.jsonl", lambda *_: None).holds(CHANNEL_ID)
