from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable

import pytest

from log_analyzer.incidents.view import Analysis, ErrorMinute, Handling, IncidentView
from log_analyzer.notify.channel import MaybeSentError, NotSentError, Posted
from log_analyzer.notify.delivery import Delivery
from log_analyzer.notify.outbox import MessageRow
from log_analyzer.notify.routing import Route, Router
from log_analyzer.notify.slack.message import Notice
from log_analyzer.notify.threads.delivery import ThreadDelivery
from log_analyzer.notify.threads.outbox import ReplyRow
from tests.unit.log_analyzer.notify.test_message import FIRST_ID, a_view

ANSWER = Analysis("mistral", "It was DNS.", "payment", "likely", (FIRST_ID,), (), analysed_ms=2)
START_MS = 1_700_000_000_000


class World:
    """Outbox, reader, channel and clock of one incident, in memory."""

    def __init__(self, view: IncidentView) -> None:
        self.view = view
        self.row = MessageRow(view.incident_id, "pending", uuid.uuid4())
        self.replies: dict[str, ReplyRow] = {}
        self.now_ms = START_MS
        self.posts: list[tuple[str, Notice]] = []
        self.updates: list[Notice] = []
        self.thread: list[str] = []
        self.wait_ms = 0
        self.expected = 0
        self.failures: list[Exception] = []

    def fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    # The outbox and the incidents.
    def in_state(self, state: str) -> list[uuid.UUID]:
        return [self.row.incident_id] if self.row.state == state else []

    def move(self, row: MessageRow) -> MessageRow:
        self.row = dataclasses.replace(row, epoch=uuid.uuid4())
        return self.row

    # The channel.
    def ready_in_ms(self, *_) -> int:
        return self.wait_ms

    def expect_post(self) -> None:
        self.expected += 1

    def post(self, channel: str, _, notice: Notice) -> Posted:
        self.fail()
        self.posts.append((channel, notice))
        return Posted(f"C-{channel}", f"{self.now_ms / 1_000:.6f}")

    def update(self, _, __, notice: Notice) -> None:
        self.fail()
        self.updates.append(notice)

    def find(self, channel: str, *_) -> Posted | None:
        return Posted(f"C-{channel}", f"{START_MS / 1_000:.6f}") if self.posts else None

    def holds(self, _) -> bool:
        return True

    def reply(self, _, __, reply: str, ___) -> None:
        self.fail()
        self.thread.append(reply)

    def upload(self, *_) -> None:
        self.fail()
        self.thread.append("picture")

    def has_reply(self, _, __, reply: str) -> bool:
        return reply in self.thread

    @property
    def shown(self) -> str:
        return str(self.updates[-1] if self.updates else self.posts[-1][1])


class Door:
    """`World` where `read` gives its row or its view."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name

    def read(self, _):
        return getattr(self._world, self._name)

    def __getattr__(self, name: str):
        return getattr(self._world, name)


class Threads:
    """The outbox of replies, in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def names(self, *_) -> frozenset[str]:
        return frozenset(self._world.replies)

    def plan(self, incident: uuid.UUID, reply: str, thread: Posted, now_ms: int) -> None:
        row = ReplyRow(incident, reply, "pending", uuid.uuid4(), thread, now_ms)
        self._world.replies.setdefault(reply, row)

    def in_state(self, state: str) -> list[ReplyRow]:
        return [row for row in self._world.replies.values() if row.state == state]

    def move(self, row: ReplyRow) -> ReplyRow:
        self._world.replies[row.reply] = row
        return row


def delivery_of(world: World, *, model_configured: bool = False, **parts) -> Delivery:
    parts = {"router": Router("#incidents")} | parts
    return Delivery(
        outbox=Door(world, "row"),
        threads=Threads(world),
        reader=Door(world, "view"),
        channel=world,
        owner="me",
        model_configured=model_configured,
        clock_ms=lambda: world.now_ms,
        **parts,
    )


def thread_delivery_of(world: World) -> ThreadDelivery:
    return ThreadDelivery(
        threads=Threads(world),
        reader=Door(world, "view"),
        channel=world,
        owner="me",
        model_configured=False,
        clock_ms=lambda: world.now_ms,
    )


def passes(
    delivery: Delivery | ThreadDelivery, world: World, number: int = 5, step_ms: int = 60_000
) -> None:
    for _ in range(number):
        delivery.run_once()
        world.now_ms += step_ms


def change(world: World, **changes) -> None:
    world.view = dataclasses.replace(world.view, **changes)


def test_a_resolved_incident_stays_live_until_the_models_answer_is_shown() -> None:
    world = World(a_view(status="resolved"))
    delivery = delivery_of(world, model_configured=True)
    passes(delivery, world)
    assert world.row.state == "live"
    assert "It was DNS." not in world.shown
    change(world, analyses=(ANSWER,))
    passes(delivery, world)
    assert "It was DNS." in world.shown
    assert world.row.state == "settled"


@pytest.mark.parametrize(("status", "state"), [("resolved", "settled"), ("open", "live")])
def test_without_a_model_a_resolved_incident_settles_once_it_is_shown(status, state) -> None:
    world = World(a_view(status=status))
    passes(delivery_of(world), world)
    assert world.row.state == state


def test_nothing_goes_out_before_its_time_and_all_at_its_time() -> None:
    world = World(a_view())
    world.row = dataclasses.replace(world.row, not_before_ms=START_MS + 1_500)
    delivery = delivery_of(world)
    passes(delivery, world, 3, step_ms=500)
    assert not world.posts
    delivery.run_once()
    assert len(world.posts) == 1


def silence(until_ms: int | None) -> Handling:
    return Handling(silenced_by="ann", silenced_until_ms=until_ms)


def test_the_channel_is_kept_free_for_a_first_notice_that_is_due_soon() -> None:
    world = World(a_view())
    world.row = dataclasses.replace(world.row, not_before_ms=START_MS + 60_000)
    delivery_of(world).run_once()
    assert world.expected == 0
    world.now_ms += 58_500
    delivery_of(world).run_once()
    assert (world.expected, world.posts) == (1, [])


def test_a_silenced_incident_posts_when_the_silence_ends_and_it_is_still_open() -> None:
    world = World(a_view(handling=silence(START_MS + 300_000)))
    delivery = delivery_of(world)
    passes(delivery, world, 5)
    assert (world.row.state, world.posts) == ("silenced", [])
    passes(delivery, world, 2)
    assert (world.row.state, len(world.posts)) == ("live", 1)


def test_what_resolved_within_its_silence_is_never_posted() -> None:
    world = World(a_view(handling=silence(START_MS + 300_000)))
    delivery = delivery_of(world)
    passes(delivery, world, 3)
    change(world, status="resolved", handling=silence(None))
    passes(delivery, world)
    assert (world.row.state, world.posts) == ("settled", [])


def test_an_incident_that_was_merged_before_its_message_is_never_posted() -> None:
    world = World(a_view(merged_into=uuid.UUID(int=9)))
    passes(delivery_of(world), world)
    assert (world.row.state, world.posts) == ("settled", [])


def test_a_message_of_a_merged_incident_says_so_once_and_is_settled() -> None:
    world = World(a_view())
    delivery = delivery_of(world)
    passes(delivery, world, 2)
    change(world, merged_into=uuid.UUID(int=9))
    passes(delivery, world)
    assert str(uuid.UUID(int=9)) in world.shown
    assert (world.row.state, len(world.posts), len(world.updates)) == ("settled", 1, 1)


def test_a_storm_of_ten_minutes_with_constant_news_is_at_most_ten_updates() -> None:
    world = World(a_view(error_count=1))
    delivery = delivery_of(world)
    for second in range(600):
        if second < 60:
            # Each second a new service joins, and counts grow.
            change(
                world,
                error_count=second * 170,
                services=(*world.view.services, f"service-{second}"),
            )
        delivery.poke(world.view.incident_id)
        passes(delivery, world, 2, step_ms=500)
    assert len(world.posts) == 1
    assert 3 <= len(world.updates) <= 10
    assert "10,030" in world.shown


def test_what_people_did_shows_at_once_however_many_updates_there_were() -> None:
    world = World(a_view())
    delivery = delivery_of(world)
    passes(delivery, world, 2)
    world.row = dataclasses.replace(world.row, sends=50, sent_ms=world.now_ms)
    change(world, handling=Handling(acknowledged_by="ann", acknowledged_ms=START_MS))
    delivery.poke(world.view.incident_id)
    delivery.run_once()
    assert "Acknowledged by ann" in world.shown


def test_a_channel_that_is_not_ready_is_not_claimed_for_a_post() -> None:
    world = World(a_view())
    world.wait_ms = 700
    delivery = delivery_of(world)
    delivery.run_once()
    assert (world.row.state, world.posts) == ("pending", [])
    world.wait_ms = 0
    world.now_ms += 700
    delivery.run_once()
    assert (world.row.state, len(world.posts)) == ("live", 1)


def test_an_incident_goes_where_its_route_says_and_stays_there() -> None:
    router = Router("#incidents", (Route(channel="#payments", services=("payment",)),))
    world = World(a_view(suspects=("payment",)))
    delivery = delivery_of(world, router=router)
    passes(delivery, world, 2)
    change(world, suspects=("order",), severity="critical")
    passes(delivery, world)
    assert [channel for channel, _ in world.posts] == ["#payments"]
    assert world.row.channel == "C-#payments"


def test_a_route_to_a_channel_that_is_gone_loses_nothing() -> None:
    router = Router("#incidents", (Route(channel="#gone"),))
    world = World(a_view())
    world.failures = [NotSentError("channel_not_found", refused=True)]
    passes(delivery_of(world, router=router), world)
    assert [channel for channel, _ in world.posts] == ["#incidents"]


def test_after_an_unknown_outcome_the_channel_that_was_asked_is_looked_into() -> None:
    router = Router("#incidents", (Route(channel="#payments", severities=("high",)),))
    world = World(a_view())
    looked: list[str] = []
    find: Callable[..., Posted | None] = world.find
    world.find = lambda channel, *rest: looked.append(channel) or find(channel, *rest)  # type: ignore[method-assign]
    world.failures = [MaybeSentError("reset")]
    delivery = delivery_of(world, router=router)
    delivery.run_once()
    assert world.row.state == "sending"
    # Meanwhile it is worse, and would go elsewhere.
    change(world, severity="critical")
    passes(delivery, world)
    assert looked == ["#payments"]
    assert [channel for channel, _ in world.posts] == ["#incidents"]


MINUTES = (ErrorMinute("payment", START_MS, 5),)


def test_a_thread_gets_picture_and_details_once_after_a_minute_and_each_end_once() -> None:
    world = World(a_view(error_minutes=MINUTES))
    delivery, threads = delivery_of(world), thread_delivery_of(world)

    def run(number: int = 3) -> None:
        for _ in range(number):
            passes(delivery, world, 1, step_ms=20_000)
            passes(threads, world, 1, step_ms=0)

    run(3)
    assert world.thread == []
    run(2)
    assert sorted(world.thread) == ["detail", "picture"]
    for status in ("resolved", "open", "resolved"):
        change(world, status=status)
        if world.row.state == "settled":
            world.row = dataclasses.replace(world.row, state="live")
        run()
    assert world.thread[2:] == ["resolved-1", "reopened-1", "resolved-2"]
    assert {row.state for row in world.replies.values()} == {"sent"}


def test_an_incident_that_resolves_at_once_still_gets_its_picture() -> None:
    world = World(a_view(error_minutes=MINUTES, status="resolved"))
    passes(delivery_of(world), world)
    passes(thread_delivery_of(world), world)
    assert world.row.state == "settled"
    assert sorted(world.thread) == ["detail", "picture", "resolved-1"]


def test_a_silenced_incident_that_was_posted_says_nothing_in_its_thread() -> None:
    world = World(a_view(error_minutes=MINUTES))
    delivery = delivery_of(world)
    passes(delivery, world, 1)
    change(world, status="resolved", handling=silence(world.now_ms + 10**9))
    passes(delivery, world)
    assert world.replies == {}


def planned(world: World, reply: str = "picture") -> None:
    Threads(world).plan(world.view.incident_id, reply, Posted("C1", "1.0"), world.now_ms)


@pytest.mark.parametrize("arrived", [True, False])
def test_after_an_unknown_outcome_the_thread_decides_about_a_reply(arrived) -> None:
    world = World(a_view(error_minutes=MINUTES))
    planned(world)
    world.failures = [MaybeSentError("reset")]
    delivery = thread_delivery_of(world)
    delivery.run_once()
    assert world.replies["picture"].state == "sending"
    if arrived:
        world.thread.append("picture")
    passes(delivery, world)
    assert world.thread == ["picture"]
    assert world.replies["picture"].state == "sent"


def test_a_reply_that_slack_refuses_is_given_up_and_the_others_are_not() -> None:
    world = World(a_view())
    planned(world, "picture")
    delivery = thread_delivery_of(world)
    world.failures = [NotSentError("missing_scope", refused=True)] * 5
    passes(delivery, world, 10)
    failed = world.replies["picture"]
    assert (failed.state, failed.last_error) == ("failed", "missing_scope")
    planned(world, "resolved-1")
    passes(delivery, world)
    assert world.thread == ["resolved-1"]


def test_while_slack_is_away_for_an_hour_no_reply_is_given_up() -> None:
    world = World(a_view())
    planned(world, "detail")
    delivery = thread_delivery_of(world)
    world.failures = [NotSentError("connection refused")] * 70
    passes(delivery, world, 60)
    assert world.replies["detail"].state == "pending"
    world.failures = []
    passes(delivery, world, 2)
    assert world.thread == ["detail"]


@pytest.mark.parametrize("allowed", [True, False])
def test_redacted_values_come_back_into_slack_where_the_setting_allows_it(allowed: bool) -> None:
    said = dataclasses.replace(
        ANSWER,
        root_cause="<EMAIL_1> gave <PASSWORD_1> away.",
        actions=("Tell <EMAIL_1>.",),
        originals={"<EMAIL_1>": "ann at home", "<PASSWORD_1>": "hunter2"},
    )
    world = World(a_view(analyses=(said,)))
    passes(delivery_of(world, model_configured=True, show_redacted=allowed), world)
    assert world.shown.count("ann at home") == (2 if allowed else 0)
    assert world.shown.count("EMAIL_1") == (0 if allowed else 2)
    assert "hunter2" not in world.shown
