"""When messages are posted, updated and settled; announcements and digests have their own tests."""

from __future__ import annotations

import dataclasses
import uuid

import pytest

from firstcause.incidents.handling import Handling
from firstcause.incidents.view import Analysis, ErrorMinute
from log_analyzer.notify.channel import MaybeSentError, NotSentError, Posted
from log_analyzer.notify.routing import Route, Router
from log_analyzer.notify.send_rules import REPOSTS
from tests.unit.log_analyzer.notify.test_message import FIRST_ID, a_view
from tests.unit.log_analyzer.notify.world import START_MS, World

ANSWER = Analysis("mistral", "It was DNS.", "payment", "likely", (FIRST_ID,), (), analysed_ms=2)
MINUTE_MS = 60_000


def test_a_resolved_incident_stays_live_until_the_models_answer_is_shown() -> None:
    world = World(a_view(status="resolved"), model_configured=True)
    world.run(5, MINUTE_MS)
    assert world.row.state == "live"
    assert "It was DNS." not in world.post.shown
    world.change(analyses=(ANSWER,))
    world.run(5, MINUTE_MS)
    assert "It was DNS." in world.post.shown
    assert world.row.state == "settled"


@pytest.mark.parametrize(("status", "state"), [("resolved", "settled"), ("open", "live")])
def test_without_a_model_a_resolved_incident_settles_once_it_is_shown(status, state) -> None:
    world = World(a_view(status=status))
    world.run(5, MINUTE_MS)
    assert world.row.state == state


def test_nothing_goes_out_before_its_time_and_all_at_its_time() -> None:
    world = World(a_view())
    world.row = dataclasses.replace(world.row, not_before_ms=START_MS + 1_500)
    world.run(3)
    assert not world.posts
    world.run()
    assert len(world.posts) == 1


def test_the_channel_is_kept_free_for_a_first_notice_that_is_due_soon() -> None:
    world = World(a_view())
    world.row = dataclasses.replace(world.row, not_before_ms=START_MS + 60_000)
    world.run(1, 58_500)
    assert world.channel.expected == 0
    world.run()
    assert (world.channel.expected, world.posts) == (1, [])


def silence(until_ms: int | None) -> Handling:
    return Handling(silenced_by="ann", silenced_until_ms=until_ms)


def test_a_silenced_incident_posts_when_the_silence_ends_and_it_is_still_open() -> None:
    world = World(a_view(handling=silence(START_MS + 300_000)))
    world.run(5, MINUTE_MS)
    assert (world.row.state, world.posts) == ("silenced", [])
    world.run(2, MINUTE_MS)
    assert (world.row.state, len(world.posts)) == ("live", 1)


def test_what_resolved_within_its_silence_is_never_posted() -> None:
    world = World(a_view(handling=silence(START_MS + 300_000)))
    world.run(3, MINUTE_MS)
    world.change(status="resolved", handling=silence(None))
    world.run(5, MINUTE_MS)
    assert (world.row.state, world.posts) == ("settled", [])


def test_a_silence_is_shown_once_and_ends_all_editing_until_it_is_over() -> None:
    world = World(a_view())
    world.run(3, MINUTE_MS)
    world.change(handling=silence(world.now_ms + 10 * MINUTE_MS), error_count=2_000)
    world.run(2, MINUTE_MS)
    assert "Silenced until" in world.post.shown
    edits, replies = len(world.post.updates), list(world.post.replies)
    for number in range(5):
        world.change(error_count=3_000 + number, severity="critical")
        world.run(1, MINUTE_MS)
    assert (len(world.post.updates), world.post.replies) == (edits, replies)
    world.change(handling=silence(None))
    world.run_for(MINUTE_MS)
    assert "CRITICAL" in world.post.shown


def test_an_incident_that_was_merged_before_its_message_is_never_posted() -> None:
    world = World(a_view(merged_into=uuid.UUID(int=9)))
    world.run(5, MINUTE_MS)
    assert (world.row.state, world.posts) == ("settled", [])


def test_a_message_of_a_merged_incident_says_so_once_and_is_settled() -> None:
    world = World(a_view())
    world.run(2, MINUTE_MS)
    world.change(merged_into=uuid.UUID(int=9))
    world.run(5, MINUTE_MS)
    assert str(uuid.UUID(int=9)) in world.post.shown
    assert (world.row.state, len(world.post.updates)) == ("settled", 1)


def test_a_storm_of_ten_minutes_with_constant_news_is_at_most_ten_updates() -> None:
    world = World(a_view(error_count=1))
    for second in range(600):
        if second < 60:
            # Each second a new service joins, and counts grow.
            services = (*world.views[world.only].services, f"service-{second}")
            world.change(error_count=second * 170, services=services)
        world.delivery.poke(world.only)
        world.run(2)
    assert 3 <= len(world.post.updates) <= 10
    assert "10,030" in world.post.shown


def test_what_people_did_shows_at_once_however_many_updates_there_were() -> None:
    world = World(a_view())
    world.run(2, MINUTE_MS)
    world.row = dataclasses.replace(world.row, sends=50, sent_ms=world.now_ms)
    world.change(handling=Handling(acknowledged_by="ann", acknowledged_ms=START_MS))
    world.run()
    assert "Acknowledged by ann" in world.post.shown


def test_a_channel_that_is_not_ready_is_not_claimed_for_a_post() -> None:
    world = World(a_view())
    world.channel.wait_ms = 700
    world.run(1, 700)
    assert (world.row.state, world.posts) == ("pending", [])
    world.channel.wait_ms = 0
    world.run()
    assert (world.row.state, len(world.posts)) == ("live", 1)


def test_a_route_to_a_channel_that_is_gone_loses_nothing() -> None:
    router = Router("#incidents", (Route(channel="#gone"),))
    world = World(a_view(), router=router)
    world.channel.failures = [NotSentError("channel_not_found", refusal="channel_closed")]
    world.run(5, MINUTE_MS)
    assert [one.channel for one in world.posts] == ["#incidents"]


def test_after_an_unknown_outcome_the_channel_that_was_asked_is_looked_into() -> None:
    router = Router("#incidents", (Route(channel="#payments", severities=("high",)),))
    world = World(a_view(), router=router)
    looked: list[str] = []
    find = world.channel.find
    world.channel.find = lambda channel, *rest: looked.append(channel) or find(channel, *rest)  # type: ignore[method-assign]
    world.channel.failures = [MaybeSentError("reset")]
    world.run()
    assert world.row.state == "sending"
    # Meanwhile it is worse, and would go elsewhere.
    world.change(severity="critical")
    world.run(5, MINUTE_MS)
    assert looked == ["#payments"]
    assert [one.channel for one in world.posts] == ["#incidents"]


def test_a_history_that_is_refused_for_good_holds_no_message_back_for_ever() -> None:
    """A private channel without the scope groups:history."""
    world = World(a_view())
    world.channel.failures = [MaybeSentError("reset")]
    world.channel.history_failures = [NotSentError("missing_scope", refusal="not_allowed")] * 99
    world.run(10, MINUTE_MS)
    assert (world.row.state, len(world.posts)) == ("live", 1)


def test_while_the_history_is_out_of_reach_nothing_is_posted_twice() -> None:
    world = World(a_view())
    world.channel.failures = [MaybeSentError("reset")]
    world.channel.history_failures = [MaybeSentError("timeout")] * 50
    world.run(40, MINUTE_MS)
    assert (world.row.state, world.posts) == ("sending", [])


@pytest.mark.parametrize("reason", ["message_not_found", "edit_window_closed"])
def test_a_message_that_can_not_be_changed_any_more_is_posted_anew(reason) -> None:
    world = World(a_view())
    world.run(2, MINUTE_MS)
    world.channel.update_failures = [NotSentError(reason, refusal="message_gone")]
    world.change(severity="critical")
    world.run_for(2 * MINUTE_MS)
    assert len(world.posts) == 2
    assert world.row.ts == "m2"
    assert "CRITICAL" in world.posts[1].shown


def test_a_message_that_is_deleted_again_and_again_is_not_wanted() -> None:
    world = World(a_view())
    world.channel.update_failures = [NotSentError("gone", refusal="message_gone")] * 99
    for number in range(30):
        world.change(error_count=2_000 + number * 500)
        world.run(1, 5 * MINUTE_MS)
    assert len(world.posts) == 1 + REPOSTS
    assert world.row.state in ("settled", "live")


def test_an_archived_channel_is_left_for_the_default_one() -> None:
    router = Router("#incidents", (Route(channel="#payments"),))
    world = World(a_view(), router=router)
    world.run(2, MINUTE_MS)
    world.channel.update_failures = [NotSentError("is_archived", refusal="channel_closed")]
    world.change(severity="critical")
    world.run_for(2 * MINUTE_MS)
    assert [one.channel for one in world.posts] == ["#payments", "#incidents"]


def test_one_incident_that_can_not_be_read_holds_up_no_other() -> None:
    views = [a_view(incident_id=uuid.UUID(int=n), fingerprint=uuid.UUID(int=n)) for n in range(5)]
    world = World(*views)
    read = world._read

    def failing(incident: uuid.UUID):
        if incident == views[0].incident_id:
            raise TimeoutError("too many rows")
        return read(incident)

    world._read = failing  # type: ignore[method-assign]
    world.restart()
    world.run(4)
    assert len(world.posts) == 4
    world._read = read  # type: ignore[method-assign]
    world.restart()
    world.run(4)
    assert len(world.posts) == 5


def test_what_somebody_resolved_is_open_again_when_its_errors_go_on() -> None:
    world = World(a_view())
    world.run(2, MINUTE_MS)
    at_ms = world.now_ms
    by_hand = Handling(resolved_by="ann", resolved_ms=at_ms)
    world.change(status="resolved", resolved_ms=at_ms, handling=by_hand, last_arrival_ms=at_ms)
    world.run_for(MINUTE_MS)
    assert "Resolved by hand by ann" in world.post.shown
    world.change(last_arrival_ms=at_ms + 2 * MINUTE_MS)
    world.run_for(MINUTE_MS)
    assert world.reopened == []
    world.run_for(6 * MINUTE_MS)
    world.change(last_arrival_ms=at_ms + 7 * MINUTE_MS)
    world.run_for(5 * MINUTE_MS)
    assert world.reopened == [world.only]
    assert [one for one in world.post.broadcasts if one.startswith("back")]


def test_what_somebody_resolved_and_is_over_settles() -> None:
    world = World(a_view())
    world.run(2, MINUTE_MS)
    at_ms = world.now_ms
    by_hand = Handling(resolved_by="ann", resolved_ms=at_ms)
    world.change(status="resolved", resolved_ms=at_ms, handling=by_hand, last_arrival_ms=at_ms)
    world.run_for(30 * MINUTE_MS)
    assert (world.row.state, world.reopened) == ("settled", [])


MINUTES = (ErrorMinute("payment", START_MS, 5),)


def test_a_thread_gets_picture_and_details_once_after_a_minute() -> None:
    world = World(a_view(error_minutes=MINUTES))
    world.run(3, 19_000)
    assert (world.post.pictures, world.post.reply_names) == (0, [])
    world.run(10, 20_000)
    assert (world.post.pictures, world.post.reply_names) == (1, ["detail"])


def test_an_incident_that_resolves_at_once_still_gets_its_picture() -> None:
    world = World(a_view(error_minutes=MINUTES, status="resolved"))
    world.run(5, MINUTE_MS)
    assert world.row.state == "settled"
    assert (world.post.pictures, world.post.reply_names) == (1, ["detail"])


def planned(world: World, reply: str = "picture") -> None:
    world.threads.plan(world.only, reply, Posted("C1", "m1"), world.now_ms)


def threads_run(world: World, number: int, step_ms: int = MINUTE_MS) -> None:
    for _ in range(number):
        world.thread_delivery.run_once()
        world.now_ms += step_ms


@pytest.fixture
def posted() -> World:
    world = World(a_view(error_minutes=MINUTES))
    world.run()
    return world


def state_of(world: World, reply: str) -> str:
    return world.threads.rows[world.only, "m1", reply].state


@pytest.mark.parametrize("arrived", [True, False])
def test_after_an_unknown_outcome_the_thread_decides_about_a_reply(posted, arrived) -> None:
    planned(posted)
    posted.channel.failures = [MaybeSentError("reset")]
    threads_run(posted, 1)
    assert state_of(posted, "picture") == "sending"
    if arrived:
        posted.post.pictures = 1
    threads_run(posted, 5)
    assert (posted.post.pictures, state_of(posted, "picture")) == (1, "sent")


def test_a_picture_that_is_never_known_to_be_sent_is_given_up_and_holds_up_no_text(posted) -> None:
    planned(posted)
    planned(posted, "detail")
    posted.channel.failures = [None, *[MaybeSentError("reset")] * 50]
    threads_run(posted, 1)
    assert posted.post.reply_names == ["detail"]
    threads_run(posted, 30)
    assert state_of(posted, "picture") == "failed"


def test_a_reply_that_is_refused_is_given_up_and_the_others_are_not(posted) -> None:
    planned(posted)
    posted.channel.failures = [NotSentError("missing_scope", refusal="not_allowed")] * 5
    threads_run(posted, 10)
    failed = posted.threads.rows[posted.only, "m1", "picture"]
    assert (failed.state, failed.last_error) == ("failed", "missing_scope")
    planned(posted, "resolved-1")
    threads_run(posted, 5)
    assert posted.post.reply_names == ["resolved-1"]


def test_while_slack_is_away_for_an_hour_no_reply_is_given_up(posted) -> None:
    planned(posted, "detail")
    posted.channel.failures = [NotSentError("connection refused")] * 70
    threads_run(posted, 60)
    assert state_of(posted, "detail") == "pending"
    posted.channel.failures = []
    threads_run(posted, 2)
    assert posted.post.reply_names == ["detail"]


def test_a_reply_that_can_not_be_made_is_given_up_in_the_end(posted) -> None:
    planned(posted, "nonsense-1")
    planned(posted, "detail")
    threads_run(posted, 20)
    assert state_of(posted, "nonsense-1") == "failed"
    assert posted.post.reply_names == ["detail"]


@pytest.mark.parametrize("allowed", [True, False])
def test_redacted_values_come_back_into_slack_where_the_setting_allows_it(allowed: bool) -> None:
    said = dataclasses.replace(
        ANSWER,
        root_cause="<EMAIL_1> gave <PASSWORD_1> away.",
        actions=("Tell <EMAIL_1>.",),
        originals={"<EMAIL_1>": "ann at home", "<PASSWORD_1>": "hunter2"},
    )
    world = World(a_view(analyses=(said,)), model_configured=True, show_redacted=allowed)
    world.run(5, MINUTE_MS)
    assert world.post.shown.count("ann at home") == (2 if allowed else 0)
    assert world.post.shown.count("EMAIL_1") == (0 if allowed else 2)
    assert "hunter2" not in world.post.shown
