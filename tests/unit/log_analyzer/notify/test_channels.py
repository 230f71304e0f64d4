from __future__ import annotations

import base64
import dataclasses
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from firstcause.settings import PROJECT_ROOT
from firstcause.text.typed_time import parse_since
from log_analyzer.notify.channel import PREVIEW, MaybeSentError, MessageKey, NotSentError, Reply
from log_analyzer.notify.messages.content import Note, paragraph
from log_analyzer.notify.messages.incident import render_notice
from log_analyzer.notify.messages.thread import DETAIL, PICTURE, render_reply
from log_analyzer.notify.picture import draw_picture
from log_analyzer.notify.preview.channel import PreviewChannel
from log_analyzer.notify.slack.channel import SlackChannel
from log_analyzer.notify.slack.pace import EXPECTED_MS, HISTORY, SlackPace
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
    return render_notice(view, deterministic_report(view, "n")).note


CHANNEL = "#incidents"
OTHER = MessageKey(uuid.UUID(int=8))
NOTE = Note("n", (paragraph(["n"]),))
KEY = MessageKey(INCIDENT)


def a_reply(name: str, broadcast: bool = False) -> Reply:
    return Reply(name, NOTE, broadcast)


def a_channel(stub: SlackStub) -> SlackChannel:
    return SlackChannel("xoxb-1", stub.api_url, SlackPace(interval_ms=0))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_post_is_found_again_by_its_metadata_by_another_process(stub) -> None:
    posted = a_channel(stub).post(CHANNEL, KEY, a_notice())
    assert posted.channel == CHANNEL_ID
    assert a_channel(stub).find(CHANNEL, KEY, now_ms()) == posted
    assert a_channel(stub).find(CHANNEL_ID, OTHER, now_ms()) is None


def test_a_long_history_is_read_page_by_page(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, KEY, a_notice())
    for number in range(450):
        stub.chat_postMessage({"channel": CHANNEL_ID, "text": f"chatter {number}"})
    assert channel.find(CHANNEL, KEY, now_ms()) == posted
    assert sum(r["path"].endswith("conversations.history") for r in stub.recorded) == 3


def test_an_update_replaces_the_message(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, KEY, a_notice(1))
    channel.update(posted, KEY, a_notice(99))
    assert [m["updates"] for m in stub.messages] == [1]
    assert "99" in stub.messages[0]["text"]


@pytest.mark.parametrize("kind", ["drop", "accept_then_drop", "accept_then_500", "http_500"])
def test_a_broken_answer_is_unknown_and_never_retried_by_itself(stub, kind) -> None:
    stub.faults.append({"kind": kind})
    with pytest.raises(MaybeSentError):
        a_channel(stub).post(CHANNEL, KEY, a_notice())
    assert len(stub.recorded) == 1


@pytest.mark.parametrize("reason", ["invalid_auth", "channel_not_found", "not_in_channel"])
def test_a_refusal_is_known_not_to_be_sent(stub, reason) -> None:
    stub.faults.append({"kind": "error", "error": reason})
    with pytest.raises(NotSentError, match=reason) as caught:
        a_channel(stub).post(CHANNEL, KEY, a_notice())
    assert caught.value.retry_after_seconds is None


def test_a_rate_limit_says_how_long_to_wait(stub) -> None:
    stub.faults.append({"kind": "rate_limited", "retry_after": 7})
    with pytest.raises(NotSentError) as caught:
        a_channel(stub).post(CHANNEL, KEY, a_notice())
    assert caught.value.retry_after_seconds == 7.0


def test_nobody_listening_is_known_not_to_be_sent(stub) -> None:
    channel = SlackChannel("xoxb-1", "http://127.0.0.1:9/api/")
    with pytest.raises(NotSentError, match="refused"):
        channel.post(CHANNEL, KEY, a_notice())


def test_a_channel_name_that_nobody_knows_says_what_to_set(stub) -> None:
    with pytest.raises(NotSentError, match="SLACK_CHANNEL"):
        a_channel(stub).find("#nowhere", KEY, now_ms())


def test_the_preview_file_has_one_line_an_incident(tmp_path) -> None:
    shown: list[bool] = []
    channel = PreviewChannel(tmp_path / "p.jsonl", lambda _id, _notice, first: shown.append(first))
    posted = channel.post(CHANNEL, KEY, a_notice(1))
    assert channel.post(CHANNEL, KEY, a_notice(1)) == posted
    channel.post(CHANNEL, OTHER, a_notice(5))
    channel.update(posted, KEY, a_notice(99))
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert sorted(line["incident_id"] for line in lines) == [str(INCIDENT), str(OTHER.about)]
    assert "99" in next(line["text"] for line in lines if line["incident_id"] == str(INCIDENT))
    assert channel.find(CHANNEL, KEY, 0) == posted
    assert channel.find(CHANNEL, MessageKey(uuid.UUID(int=9)), 0) is None
    assert shown == [True, True, True, False]


def test_since_reads_spans_times_and_all() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert parse_since("24h", now) == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert parse_since("2026-05-01T00:00:00+02:00", now) == datetime(2026, 4, 30, 22, tzinfo=UTC)
    assert parse_since("all", now) < datetime(2000, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="24h"):
        parse_since("yesterday-ish", now)


def test_what_was_only_previewed_is_not_taken_for_sent(stub, tmp_path) -> None:
    previewed = PreviewChannel(tmp_path / "p.jsonl", lambda *_: None).post(CHANNEL, KEY, a_notice())
    assert not a_channel(stub).holds(previewed.channel)
    assert a_channel(stub).holds(CHANNEL_ID)
    assert PreviewChannel(tmp_path / "p.jsonl", lambda *_: None).holds(CHANNEL_ID)


def test_a_reply_is_found_in_its_thread_alone_and_is_no_message_of_the_incident(stub) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, KEY, a_notice())
    other = channel.post("#payments", OTHER, a_notice())
    channel.reply(thread, KEY, a_reply(DETAIL))
    assert channel.has_reply(thread, KEY, DETAIL)
    assert not channel.has_reply(thread, KEY, "resolved-1")
    assert not channel.has_reply(other, KEY, DETAIL)
    assert a_channel(stub).find(CHANNEL, KEY, now_ms()) == thread
    assert [one["thread_ts"] for one in stub.replies] == [thread.message_id]


def test_a_picture_is_uploaded_into_the_thread_and_found_there(stub) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, KEY, a_notice())
    assert not channel.has_reply(thread, KEY, PICTURE)
    channel.upload(thread, KEY, draw_picture(a_view()))
    assert channel.has_reply(thread, KEY, PICTURE)
    [reply] = stub.replies_of(str(INCIDENT))
    [file] = reply["files"]
    png = base64.b64decode(stub.files[file["id"]]["data"]["base64"])
    assert png.startswith(b"\x89PNG")


def test_what_is_taken_back_stands_there_no_more_and_the_rest_does(stub) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, KEY, a_notice())
    twice = [channel.reply(thread, KEY, a_reply(DETAIL)) for _ in range(2)]
    channel.remove(twice[1])
    assert channel.has_reply(thread, KEY, DETAIL)
    channel.remove(twice[0])
    assert not channel.has_reply(thread, KEY, DETAIL)
    picture = channel.upload(thread, KEY, draw_picture(a_view()))
    channel.remove(picture)
    assert not channel.has_reply(thread, KEY, PICTURE)
    assert channel.find(CHANNEL, KEY, now_ms()) == thread
    channel.remove(thread)
    assert channel.find(CHANNEL, KEY, now_ms()) is None
    with pytest.raises(NotSentError):
        channel.remove(thread)


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
    thread = channel.post(CHANNEL, KEY, a_notice())
    stub.faults.append(fault)
    with pytest.raises(error):
        channel.upload(thread, KEY, b"\x89PNG")
    completions = [r for r in stub.recorded if r["path"].endswith("completeUploadExternal")]
    assert len(completions) <= 1
    assert channel.has_reply(thread, KEY, PICTURE) == (error is MaybeSentError)


def test_a_message_that_slack_finds_too_long_goes_out_as_its_headline(stub) -> None:
    channel = a_channel(stub)
    stub.faults.append({"kind": "error", "error": "msg_blocks_too_long"})
    posted = channel.post(CHANNEL, KEY, a_notice())
    [headline] = stub.messages[0]["blocks"]
    assert headline["type"] == "header"
    stub.faults.append({"kind": "error", "error": "invalid_blocks"})
    channel.update(posted, KEY, a_notice(2))
    assert [m["updates"] for m in stub.messages] == [1]


@pytest.mark.parametrize("text", ["0123456789 " * 2_000, "a&b<c>" * 2_000, "💥" * 9_000])
def test_a_text_over_any_limit_is_one_message_cut_with_a_sign(stub, text) -> None:
    view = a_view(text, template=text, services=(text, "order"))
    analysis = deterministic_report(view, text)
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, KEY, render_notice(view, analysis).note)
    channel.reply(thread, KEY, Reply(DETAIL, render_reply(DETAIL, view, analysis, {})))
    assert (len(stub.messages), len(stub.replies)) == (1, 1)
    assert len(stub.recorded) == 2
    for message in (*stub.messages, *stub.replies):
        assert "…" in json.dumps(message["blocks"], ensure_ascii=False)


REPORTED = PROJECT_ROOT.parent / "shared" / "cases" / "073_too_long_for_a_block.jsonl"


@pytest.mark.skipif(not REPORTED.is_file(), reason="the shared inputs are not there")
def test_texts_that_other_tools_lost_or_posted_four_times_are_one_message_each(stub) -> None:
    channel = a_channel(stub)
    events = [json.loads(line) for line in REPORTED.read_text(encoding="utf-8").splitlines()]
    for number, event in enumerate(events):
        view = a_view(event["message"], template=event["message"])
        analysis = deterministic_report(view, "n")
        key = MessageKey(uuid.UUID(int=number))
        thread = channel.post(CHANNEL, key, render_notice(view, analysis).note)
        channel.reply(thread, key, Reply(DETAIL, render_reply(DETAIL, view, analysis, {})))
    assert len(stub.recorded) == 2 * len(events)
    assert (len(stub.messages), len(stub.replies)) == (len(events), len(events))
    for event, message in zip(events, stub.messages, strict=True):
        if len(event["message"]) > 3_000:
            assert "…" in json.dumps(message["blocks"], ensure_ascii=False)


def test_a_broadcast_is_seen_in_the_channel_and_other_replies_are_not(stub) -> None:
    channel = a_channel(stub)
    thread = channel.post(CHANNEL, KEY, a_notice())
    channel.reply(thread, KEY, a_reply("worse-1", broadcast=True))
    channel.reply(thread, KEY, a_reply("resolved-2"))
    assert [one["broadcast"] for one in stub.replies] == [True, False]


def test_a_message_has_a_link_and_without_one_nothing_fails(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, KEY, a_notice())
    assert channel.link(posted).startswith(f"https://stub.slack.com/archives/{CHANNEL_ID}/p")
    for fault in ({"kind": "error", "error": "missing_scope"}, {"kind": "drop"}):
        stub.faults.append(fault)
        assert channel.link(posted) == ""


def test_what_was_posted_anew_is_not_taken_for_what_was_posted_before(stub) -> None:
    channel = a_channel(stub)
    channel.post(CHANNEL, KEY, a_notice())
    again = MessageKey(INCIDENT, edition=1)
    assert channel.find(CHANNEL, again, now_ms()) is None
    posted = channel.post(CHANNEL, again, a_notice())
    assert channel.find(CHANNEL, again, now_ms()) == posted


def test_a_post_is_found_although_our_clock_is_minutes_ahead_of_slacks(stub) -> None:
    channel = a_channel(stub)
    posted = channel.post(CHANNEL, KEY, a_notice())
    assert channel.find(CHANNEL, KEY, now_ms() + 10 * 60_000) == posted


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
    assert pace.ready_in_ms("c", "post") == 0


def test_posts_are_held_by_channel_and_all_else_by_workspace_as_slack_counts_it() -> None:
    pace = SlackPace(clock_ms=lambda: 0)
    pace.hold("a", "update", 5)
    assert (pace.ready_in_ms("b", "update"), pace.ready_in_ms("b", "post")) == (5_000, 0)


def test_pages_of_a_history_keep_to_the_pace_of_methods_that_read() -> None:
    now, slept = [0], []
    pace = SlackPace(clock_ms=lambda: now[0], sleep=slept.append)
    for _ in range(3):
        pace.take_turn(HISTORY)
    assert slept == [1.2, 2.4]


def test_a_stream_of_first_notices_does_not_starve_updates() -> None:
    now, ready = [0], 0
    pace = SlackPace(clock_ms=lambda: now[0])
    for _ in range(600):
        pace.expect_post()
        ready += pace.ready_in_ms("a", "update") == 0
        now[0] += 100
    # Of a minute, some seconds at least.
    assert ready >= 100


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
    thread = channel.post(CHANNEL, KEY, a_notice())
    channel.reply(thread, KEY, a_reply(DETAIL))
    channel.post(CHANNEL_ID, OTHER, a_notice())
    assert (len(stub.messages), len(stub.replies)) == (2, 1)


def test_what_slack_asks_to_wait_holds_that_channel_and_kind_of_request_alone(stub) -> None:
    channel = a_channel(stub)
    stub.faults.append({"kind": "rate_limited", "retry_after": 60})
    with pytest.raises(NotSentError):
        channel.post(CHANNEL_ID, KEY, a_notice())
    assert channel.ready_in_ms(CHANNEL_ID, "post") > 50_000
    assert channel.ready_in_ms(CHANNEL_ID, "update") <= 1_000
    assert channel.ready_in_ms("#payments", "post") == 0


def test_in_the_preview_replies_stand_with_the_message_and_the_picture_beside_the_file(
    tmp_path,
) -> None:
    told: list[str] = []
    path = tmp_path / "slack_preview.jsonl"
    channel = PreviewChannel(path, lambda *_: None, lambda _, text: told.append(text))
    thread = channel.post("#payments", KEY, a_notice())
    channel.reply(thread, KEY, a_reply(DETAIL))
    channel.upload(thread, KEY, draw_picture(a_view()))
    channel.update(thread, KEY, a_notice(5))
    assert all(channel.has_reply(thread, KEY, one) for one in (DETAIL, PICTURE))
    assert not channel.has_reply(thread, KEY, "resolved-1")
    [line] = [json.loads(line) for line in path.read_text().splitlines()]
    assert (thread.channel, line["for_channel"]) == (PREVIEW, "#payments")
    assert list(line["replies"]) == [DETAIL, PICTURE]
    [picture] = (tmp_path / "slack_preview_pictures").iterdir()
    assert picture.name == f"{INCIDENT}.png"
    assert told == ["n", str(picture)]
