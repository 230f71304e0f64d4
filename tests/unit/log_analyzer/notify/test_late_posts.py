"""A request that takes longer than its lease, while another instance takes over: one post stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from log_analyzer.notify.channel import NotSentError, Posted
from log_analyzer.notify.send_rules import LEASE_MS
from log_analyzer.notify.threads.delivery import UPLOAD_LEASE_MS
from tests.unit.log_analyzer.notify.test_delivery import MINUTES
from tests.unit.log_analyzer.notify.test_message import a_view
from tests.unit.log_analyzer.notify.world import World


def beside(world: World) -> World:
    """Another instance on the same stores and the same channel."""
    other = World()
    other.views, other.outbox, other.threads = world.views, world.outbox, world.threads
    other.digests, other.channel = world.digests, world.channel
    other.restart()
    return other


def slow(world: World, method: str, lease_ms: int, *, passes: int, lands_first: bool) -> None:
    """The next call of a channel's method outlasts its lease; another makes some passes meanwhile.

    The request is carried out before that or after it.
    """
    other, call = beside(world), getattr(world.channel, method)

    def late(*arguments):
        setattr(world.channel, method, call)
        done = call(*arguments) if lands_first else None
        world.now_ms += lease_ms + 1
        other.now_ms = world.now_ms
        other.run(passes, 0)
        return done or call(*arguments)

    setattr(world.channel, method, late)


@pytest.mark.parametrize("lands_first", [False, True])
@pytest.mark.parametrize("passes", range(5))
@pytest.mark.parametrize(("reply", "method"), [("worse-1", "reply"), ("picture", "upload")])
def test_a_late_reply_stands_once(
    reply: str, method: str, passes: int, *, lands_first: bool
) -> None:
    world = World(a_view(error_minutes=MINUTES, severity="high"))
    world.run()
    facts = {"severity": "high", "severity_before": "low", "errors": 9, "onset_ms": 0, "last_ms": 0}
    world.threads.plan(world.only, reply, Posted("C1", "m1"), world.now_ms, facts=facts)
    slow(world, method, UPLOAD_LEASE_MS, passes=passes, lands_first=lands_first)
    world.thread_delivery.run_once()
    for _ in range(5):
        world.now_ms += UPLOAD_LEASE_MS
        world.thread_delivery.run_once()
    assert world.threads.rows[world.only, "m1", reply].state == "sent"
    [post] = world.posts
    assert (post.reply_names.count(reply) if method == "reply" else post.pictures) == 1


@pytest.mark.parametrize("lands_first", [False, True])
@pytest.mark.parametrize("passes", range(5))
def test_a_late_first_message_stands_once(passes: int, *, lands_first: bool) -> None:
    world = World(a_view())
    slow(world, "post", LEASE_MS, passes=passes, lands_first=lands_first)
    world.run(1)
    world.run(10, LEASE_MS)
    assert len(world.posts) == 1
    assert world.row.state == "live"
    assert world.row.ts in world.channel.messages


def test_one_that_cannot_be_taken_back_is_told_of_and_stops_nothing() -> None:
    world = World(a_view())
    slow(world, "post", LEASE_MS, passes=3, lands_first=False)
    refuse: Callable = lambda _: (_ for _ in ()).throw(NotSentError("cant_delete_message"))  # noqa: E731
    world.channel.remove = refuse
    world.run(3)
    assert len(world.posts) == 2
    assert world.row.state == "live"
