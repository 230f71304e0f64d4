from __future__ import annotations

import base64
import dataclasses
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from firstcause.text.typed_time import parse_since
from log_analyzer.notify.channel import PREVIEW, MaybeSentError, NotSentError
from log_analyzer.notify.picture import draw_picture
from log_analyzer.notify.preview.channel import PreviewChannel
from log_analyzer.notify.slack.channel import SlackChannel
from log_analyzer.notify.slack.message import Notice, render_notice
from log_analyzer.notify.slack.pace import EXPECTED_MS, SlackPace
from log_analyzer.notify.slack.thread_message import DETAIL, PICTURE, ThreadNote
from log_analyzer.report.deterministic import deterministic_report
from tests.stubs.slack import CHANNEL_ID, MESSAGE_INTERVAL_SECONDS, SlackStub
from tests.unit.log_analyzer.notify.test_message import a_view

INCIDENT = uuid.UUID(int=7)


@pytest.fixture
def stub() -> Iterator[SlackStub]:
    with SlackStub() as server:
        # The pace has tests of its own.
        server.message_interval_seconds = 0.0
        yield server


def a_notice(count: int = 1):
    view = dataclasses.replace(a_view(), error_count=count)
    return render_notice(view, deterministic_report(view, "n"))


CHANNEL = "#incidents"
NOTE = ThreadNote("n", ({"type": "section", "text": {"type": "mrkdwn", "text": "n"}},))


def a_channel(stub: SlackStub) -> SlackChannel:
    return SlackChannel("xoxb-1", stub.api_url, SlackPace(interval_ms=0))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_post_is_found_again_by_its_metadata_by_another_process(stub) -> None:
    posted = a_channel(stub).post(CHANNEL, INCIDENT, a_notice())
    assert posted.channel == CHANNEL_ID
    assert a_channel(stub).find(CHANNEL, INCIDENT, now_ms()) == posted
    assert a_channel(stub).find(CHANNEL_ID, uuid.UUID(int=8), now_ms()) is None


def test_a_long_history_is_read_page_by_page(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, INCIDENT, a_notice())
    for number in range(450):
        stub.chat_postMessage({"channel": CHANNEL_ID, "text": f"chatter {number}"})
    assert channel.find(CHANNEL, INCIDENT, now_ms()) == posted
    assert sum(r["path"].endswith("conversations.history") for r in stub.recorded) == 3


def test_an_update_replaces_the_message(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, INCIDENT, a_notice(1))
    channel.update(posted, INCIDENT, a_notice(99))
    assert [m["updates"] for m in stub.messages] == [1]
    assert "99" in stub.messages[0]["text"]


@pytest.mark.parametrize("kind", ["drop", "accept_then_drop", "accept_then_500", "http_500"])
def test_a_broken_answer_is_unknown_and_never_retried_by_itself(stub, kind) -> None:
    stub.faults.append({"kind": kind})
    with pytest.raises(MaybeSentError):
        a_channel(stub).post(CHANNEL, INCIDENT, a_notice())
    assert len(stub.recorded) == 1


@pytest.mark.parametrize("reason", ["invalid_auth", "channel_not_found", "not_in_channel"])
def test_a_refusal_is_known_not_to_be_sent(stub, reason) -> None:
    stub.faults.append({"kind": "error", "error": reason})
    with pytest.raises(NotSentError, match=reason) as caught:
        a_channel(stub).post(CHANNEL, INCIDENT, a_notice())
    assert caught.value.retry_after_seconds is None


def test_a_rate_limit_says_how_long_to_wait(stub) -> None:
    stub.faults.append({"kind": "rate_limited", "retry_after": 7})
    with pytest.raises(NotSentError) as caught:
        a_channel(stub).post(CHANNEL, INCIDENT, a_notice())
    assert caught.value.retry_after_seconds == 7.0


def test_nobody_listening_is_known_not_to_be_sent(stub) -> None:
    channel = SlackChannel("xoxb-1", "http://127.0.0.1:9/api/")
    with pytest.raises(NotSentError, match="refused"):
        channel.post(CHANNEL, INCIDENT, a_notice())


def test_a_channel_name_that_nobody_knows_says_what_to_set(stub) -> None:
    with pytest.raises(NotSentError, match="SLACK_CHANNEL"):
        a_channel(stub).find("#nowhere", INCIDENT, now_ms())


def test_the_preview_file_has_one_line_an_incident(tmp_path) -> None:
    shown: list[bool] = []
    channel = PreviewChannel(tmp_path / "p.jsonl", lambda _id, _notice, first: shown.append(first))
    posted = channel.post(CHANNEL, INCIDENT, a_notice(1))
    assert channel.post(CHANNEL, INCIDENT, a_notice(1)) == posted
    channel.post(CHANNEL, uuid.UUID(int=8), a_notice(5))
    channel.update(posted, INCIDENT, a_notice(99))
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert sorted(line["incident_id"] for line in lines) == [str(INCIDENT), str(uuid.UUID(int=8))]
    assert "99" in next(line["text"] for line in lines if line["incident_id"] == str(INCIDENT))
    assert channel.find(CHANNEL, INCIDENT, 0) == posted
    assert channel.find(CHANNEL, uuid.UUID(int=9), 0) is None
    assert shown == [True, True, True, False]


def test_since_reads_spans_times_and_all() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert parse_since("24h", now) == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert parse_since("2026-05-01T00:00:00+02:00", now) == datetime(2026, 4, 30, 22, tzinfo=UTC)
    assert parse_since("all", now) < datetime(2000, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="24h"):
        parse_since("yesterday-ish", now)


def test_what_was_only_previewed_is_not_taken_for_sent(stub, tmp_path) -> None:
    previewed = PreviewChannel(tmp_path / "p.jsonl", lambda *_: None).post(
        CHANNEL, INCIDENT, a_notice()
    )
    assert not a_channel(stub).holds(previewed.channel)
    assert a_channel(stub).holds(CHANNEL_ID)
    assert PreviewChannel(tmp_path / "p.jsonl", lambda *_: None).holds(CHANNEL_ID)


def test_a_reply_is_found_in_its_thread_alone_and_is_no_message_of_the_incident(stub) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, INCIDENT, a_notice())
    other = channel.post("#payments", uuid.UUID(int=8), a_notice())
    channel.reply(thread, INCIDENT, DETAIL, NOTE)
    assert channel.has_reply(thread, INCIDENT, DETAIL)
    assert not channel.has_reply(thread, INCIDENT, "resolved-1")
    assert not channel.has_reply(other, INCIDENT, DETAIL)
    assert a_channel(stub).find(CHANNEL, INCIDENT, now_ms()) == thread
    assert [one["thread_ts"] for one in stub.replies] == [thread.ts]


def test_a_picture_is_uploaded_into_the_thread_and_found_there(stub) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, INCIDENT, a_notice())
    assert not channel.has_reply(thread, INCIDENT, PICTURE)
    channel.upload(thread, INCIDENT, draw_picture(a_view()))
    assert channel.has_reply(thread, INCIDENT, PICTURE)
    [reply] = stub.replies_of(str(INCIDENT))
    [file] = reply["files"]
    png = base64.b64decode(stub.files[file["id"]]["data"]["base64"])
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "error", "error": "missing_scope"}, NotSentError),
        (
            {"kind": "accept_then_drop", "path": "/api/files.completeUploadExternal"},
            MaybeSentError,
        ),
        ({"kind": "rate_limited", "retry_after": 3}, NotSentError),
    ],
)
def test_an_upload_that_fails_is_never_repeated_by_itself(stub, fault, error) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, INCIDENT, a_notice())
    stub.faults.append(fault)
    with pytest.raises(error):
        channel.upload(thread, INCIDENT, b"\x89PNG")
    completions = [r for r in stub.recorded if r["path"].endswith("completeUploadExternal")]
    assert len(completions) <= 1
    assert channel.has_reply(thread, INCIDENT, PICTURE) == (error is MaybeSentError)


def test_a_message_that_slack_finds_too_long_goes_out_as_its_headline(stub) -> None:
    notice = a_notice()
    long = ({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}},)
    too_long = Notice(notice.text, notice.blocks[:1] + long, notice.shape, notice.digest)
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, INCIDENT, too_long)
    assert stub.messages[0]["blocks"] == list(notice.blocks[:1])
    channel.update(posted, INCIDENT, too_long)
    assert [m["updates"] for m in stub.messages] == [1]


def test_messages_of_one_channel_keep_a_second_and_channels_do_not_wait_for_each_other() -> None:
    now, slept = [0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += int(seconds * 1_000)

    pace = SlackPace(clock_ms=lambda: now[0], sleep=sleep)
    pace.take_turn("a")
    assert (pace.ready_in_ms("a", "post"), pace.ready_in_ms("b", "post")) == (1_000, 0)
    now[0] += 400
    pace.take_turn("a")
    assert slept == [0.6]
    pace.hold("b", "post", 5)
    assert (pace.ready_in_ms("b", "post"), pace.ready_in_ms("b", "update")) == (5_000, 0)


def test_a_first_notice_that_is_expected_goes_before_all_else() -> None:
    now = [0]
    pace = SlackPace(clock_ms=lambda: now[0])
    pace.expect_post()
    assert pace.ready_in_ms("a", "post") == 0
    assert all(pace.ready_in_ms("a", kind) > 0 for kind in ("update", "reply", "upload"))
    now[0] += EXPECTED_MS
    assert all(pace.ready_in_ms("a", kind) == 0 for kind in ("update", "reply", "upload"))


def test_three_messages_at_once_are_not_too_fast_for_slack(stub) -> None:
    stub.message_interval_seconds = MESSAGE_INTERVAL_SECONDS
    channel = SlackChannel("xoxb-1", stub.api_url)
    thread = channel.post(CHANNEL, INCIDENT, a_notice())
    channel.reply(thread, INCIDENT, DETAIL, NOTE)
    channel.post(CHANNEL_ID, uuid.UUID(int=8), a_notice())
    assert (len(stub.messages), len(stub.replies)) == (2, 1)


def test_what_slack_asks_to_wait_holds_that_channel_and_kind_of_request_alone(stub) -> None:
    channel = a_channel(stub)
    stub.faults.append({"kind": "rate_limited", "retry_after": 60})
    with pytest.raises(NotSentError):
        channel.post(CHANNEL_ID, INCIDENT, a_notice())
    assert channel.ready_in_ms(CHANNEL_ID, "post") > 50_000
    assert channel.ready_in_ms(CHANNEL_ID, "update") <= 1_000
    assert channel.ready_in_ms("#payments", "post") == 0


def test_in_the_preview_replies_stand_with_the_message_and_the_picture_beside_the_file(
    tmp_path,
) -> None:
    told: list[str] = []
    path = tmp_path / "slack_preview.jsonl"
    channel = PreviewChannel(path, lambda *_: None, lambda _, text: told.append(text))
    thread = channel.post("#payments", INCIDENT, a_notice())
    channel.reply(thread, INCIDENT, DETAIL, NOTE)
    channel.upload(thread, INCIDENT, draw_picture(a_view()))
    channel.update(thread, INCIDENT, a_notice(5))
    assert all(channel.has_reply(thread, INCIDENT, one) for one in (DETAIL, PICTURE))
    assert not channel.has_reply(thread, INCIDENT, "resolved-1")
    [line] = [json.loads(line) for line in path.read_text().splitlines()]
    assert (line["channel"], line["for_channel"]) == (PREVIEW, "#payments")
    assert list(line["replies"]) == [DETAIL, PICTURE]
    [picture] = (tmp_path / "slack_preview_pictures").iterdir()
    assert picture.name == f"{INCIDENT}.png"
    assert told == ["n", str(picture)]
