"""Old news and floods: many incidents told as one."""

from __future__ import annotations

import dataclasses
import json
import uuid

import pytest

from firstcause.incidents.view import IncidentView
from log_analyzer.notify.channel import NotSentError
from log_analyzer.notify.delivery import FIRST_NOTICES_A_PASS
from log_analyzer.notify.messages.content import plain_text
from log_analyzer.notify.messages.digest import Member, page_facts, render_digest, render_page
from log_analyzer.notify.slack.layout import slack_blocks
from tests.stubs.block_kit import alive, refusal
from tests.unit.log_analyzer.notify.test_message import a_view
from tests.unit.log_analyzer.notify.world import START_MS, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def an_incident(number: int, last_ms: int = START_MS, **changes) -> IncidentView:
    fields = {
        "incident_id": uuid.uuid5(uuid.NAMESPACE_OID, str(number)),
        "fingerprint": uuid.UUID(int=number),
        "title": f"service-{number}: it failed",
        "severity": "medium",
        "first_ms": last_ms - 60_000,
        "last_ms": last_ms,
    }
    return a_view(**fields | changes)


def old(number: int, **changes) -> IncidentView:
    return an_incident(number, START_MS - DAY_MS - number * HOUR_MS, **changes)


def add(world: World, *views: IncidentView) -> None:
    for one in views:
        world.views[one.incident_id] = one
        world.outbox.ensure_all({one.incident_id: one.last_ms}, world.now_ms)


def test_three_hundred_old_incidents_are_one_digest_and_the_newest_has_its_own_message() -> None:
    world = World(old_after_ms=HOUR_MS)
    for number in range(300):
        add(world, old(number, status="resolved" if number % 2 else "open"))
        if number % 30 == 0:
            world.run()
    fresh = an_incident(999, world.now_ms)
    add(world, fresh)
    read_ms = world.now_ms
    world.run_for(HOUR_MS // 2)
    digest, own = sorted(world.posts, key=lambda one: one.key.about == fresh.incident_id)
    assert own.key.about == fresh.incident_id
    assert own.posted_ms - read_ms < 10_000
    assert "300 older incidents" in digest.shown
    # What is not live, no model is asked about.
    live = {row.about for row in world.outbox.rows.values() if row.state == "live"}
    assert live == {digest.key.about, fresh.incident_id}
    world.run_for(2 * HOUR_MS, 60_000)
    listed = "\n".join(plain_text(one.note.parts) for one in digest.replies)
    assert all(
        str(view.incident_id)[:8] in listed for view in world.views.values() if view != fresh
    )
    assert listed.count("it failed") == 300
    assert len(world.posts) == 2


def test_the_newest_of_a_backlog_is_told_in_the_first_pass_before_any_digest() -> None:
    world = World(old_after_ms=HOUR_MS)
    fresh = an_incident(999)
    # One batch brought all of them: the newest neither first nor last.
    add(world, *map(old, range(150)), fresh, *map(old, range(150, 300)))
    world.run()
    assert [one.key.about for one in world.posts] == [fresh.incident_id]
    assert world.reads <= FIRST_NOTICES_A_PASS


def rows_of_a_backlog(count: int) -> int:
    """Rows that are read or written until a backlog is told by one digest and is quiet."""
    world, rows = World(old_after_ms=HOUR_MS), [0]

    def counted(method):
        def call(*arguments, **named):
            found = method(*arguments, **named)
            lists = [one for one in (*arguments, found) if isinstance(one, list | dict | set)]
            rows[0] += max(map(len, lists), default=1)
            return found

        return call

    for owner in (world.outbox, world.digests, world.threads):
        for name in dir(owner):
            # A state is listed in each pass, by its index.
            if callable(getattr(owner, name)) and name[0] != "_" and name != "waiting":
                setattr(owner, name, counted(getattr(owner, name)))
    for number in range(count):
        add(world, old(number, status="resolved"))
    while any(row.state == "pending" for row in world.outbox.rows.values()):
        world.run()
    assert len(world.posts) == 1
    return rows[0]


def test_each_incident_of_a_backlog_costs_the_same_however_long_it_is() -> None:
    few, many = rows_of_a_backlog(100), rows_of_a_backlog(1_000)
    assert many / 1_000 <= 1.2 * few / 100


def test_an_incident_that_a_digest_told_of_is_not_told_again_by_errors_that_come_again() -> None:
    world = World()
    views = [an_incident(number, status="resolved") for number in range(20)]
    add(world, *views)
    world.run_for(60_000)
    [digest] = world.posts
    # A batch is redelivered after a crash, when no flood is on any more.
    world.run_for(HOUR_MS // 4, 60_000)
    add(world, *views)
    world.run_for(60_000)
    assert world.posts == [digest]
    assert {row.state for row in world.outbox.rows.values()} <= {"settled", "live"}
    # Back is news.
    world.change(views[5].incident_id, status="open", reopened=True, last_ms=world.now_ms)
    world.run_for(60_000)
    assert [one.key.about for one in world.posts[1:]] == [views[5].incident_id]


def test_an_old_incident_that_goes_on_now_has_a_message_of_its_own() -> None:
    world = World(old_after_ms=HOUR_MS)
    view = old(1)
    add(world, view)
    world.run_for(60_000)
    [digest] = world.posts
    world.change(view.incident_id, last_ms=world.now_ms, error_count=9_999)
    world.run_for(60_000)
    assert [one.key.about for one in world.posts[1:]] == [view.incident_id]
    assert digest.key.about != view.incident_id


def test_old_news_told_once_is_never_told_again() -> None:
    world = World(old_after_ms=HOUR_MS)
    view = old(1, status="resolved")
    add(world, view)
    world.run_for(3 * HOUR_MS, 60_000)
    world.change(view.incident_id, error_count=view.error_count + 1)
    world.run_for(HOUR_MS, 60_000)
    assert len(world.posts) == 1


def test_ten_incidents_in_a_minute_are_ten_messages_and_more_are_one() -> None:
    world = World()
    add(world, *(an_incident(number) for number in range(10)))
    world.run_for(60_000)
    assert len(world.posts) == 10
    world = World()
    add(world, *(an_incident(number) for number in range(120)))
    world.run_for(60_000)
    assert len(world.posts) == 1
    assert "120 incidents within minutes" in world.post.shown
    listed = "\n".join(plain_text(one.note.parts) for one in world.post.replies)
    world.run_for(HOUR_MS, 60_000)
    listed = "\n".join(plain_text(one.note.parts) for one in world.post.replies)
    assert listed.count("it failed") == 120


def test_an_incident_that_slack_refuses_again_and_again_is_no_flood() -> None:
    world = World()
    add(world, *(an_incident(number) for number in range(3)))
    world.channel.failures = [NotSentError("invalid_auth", 0.1, refusal="other")] * 30
    world.run_for(60_000, 500)
    assert len(world.posts) == 3
    assert world.digests.named == {}


def test_messages_that_are_posted_anew_are_no_flood() -> None:
    world = World()
    add(world, *(an_incident(number) for number in range(10)))
    world.run_for(120_000)
    gone = NotSentError("message_not_found", refusal="message_gone")
    world.channel.update_failures = [gone] * 10
    for key in list(world.views):
        world.change(key, error_count=9_000)
    add(world, an_incident(99))
    world.run_for(120_000)
    assert len(world.posts) == 21
    assert world.digests.named == {}


def test_a_later_flood_is_another_digest() -> None:
    world = World()
    add(world, *(an_incident(number) for number in range(20)))
    world.run_for(HOUR_MS, 60_000)
    add(world, *(an_incident(number) for number in range(100, 120)))
    world.run_for(HOUR_MS, 60_000)
    assert len(world.posts) == 2


def test_one_of_a_flood_that_gets_worse_has_a_message_of_its_own() -> None:
    world = World()
    views = [an_incident(number) for number in range(20)]
    add(world, *views)
    world.run_for(60_000)
    world.change(views[3].incident_id, severity="critical")
    world.run_for(60_000)
    assert [one.key.about for one in world.posts[1:]] == [views[3].incident_id]


@pytest.mark.parametrize("steps", range(36))
def test_killed_between_any_two_writes_each_is_named_once(steps: int) -> None:
    world = World()
    views = [an_incident(number) for number in range(15)]
    add(world, *views)
    left = [steps]

    class KilledError(BaseException):
        pass

    def dying(method):
        def call(*arguments, **named):
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
            return method(*arguments, **named)

        return call

    parts = ((world.outbox, ("move", "create", "revive")), (world.digests, ("begin", "join")))
    for owner, names in parts:
        for name in names:
            setattr(owner, name, dying(getattr(owner, name)))
    with pytest.raises(KilledError):
        world.run(40)
    for owner, names in parts:
        for name in names:
            delattr(owner, name)
    world.restart()
    world.run_for(60_000)
    world.run_for(HOUR_MS, 60_000)
    digests = [one for one in world.posts if "within minutes" in one.shown]
    shown = "\n".join(plain_text(reply.note.parts) for one in digests for reply in one.replies)
    own = {one.key.about for one in world.posts if one not in digests}
    for view in views:
        named = shown.count(str(view.incident_id)[:8]) == 1
        assert named != (view.incident_id in own), view.title


def a_member(number: int, title: str) -> Member:
    return Member(uuid.UUID(int=number << 96), number, "high", "open", title, 5, START_MS, START_MS)


@pytest.mark.parametrize("title", ["&" * 500, "<!channel> *x*", "💥" * 300, ""])
def test_whatever_the_titles_a_digest_and_its_pages_are_taken_and_harmless(title: str) -> None:
    members = [a_member(number, title) for number in range(1, 400)]
    notice = render_digest("flood", members)
    facts = json.loads(json.dumps(page_facts(members[:15], 0)))
    for parts in (notice.parts, render_page(facts).parts):
        blocks = list(slack_blocks(parts))
        assert refusal(blocks, "text") is None
        assert alive(blocks) == []
    [page] = slack_blocks(render_page(facts).parts)
    assert page["text"]["text"].count("errors since") == 15


def test_the_worst_are_named_first() -> None:
    members = [dataclasses.replace(a_member(n, f"t{n}"), severity="low") for n in range(1, 30)]
    members.append(dataclasses.replace(a_member(99, "the bad one"), severity="critical"))
    lines = plain_text(render_digest("old_news", members).parts).splitlines()
    assert "the bad one" in lines[3]
    assert len([line for line in lines if "errors since" in line]) == 10


def test_messages_that_wait_for_another_try_take_no_turn_of_others() -> None:
    world = World(old_after_ms=HOUR_MS)
    refused = [an_incident(number, world.now_ms) for number in range(2 * FIRST_NOTICES_A_PASS)]
    add(world, *refused)
    for one in refused:
        row = world.outbox.rows[one.incident_id]
        later = dataclasses.replace(row, attempts=3, not_before_ms=world.now_ms + 60_000)
        world.outbox.rows[one.incident_id] = later
    other = an_incident(999, world.now_ms - 60_000)
    add(world, other)
    world.run()
    assert [one.key.about for one in world.posts] == [other.incident_id]
