"""What a thread announces, and which of it the whole channel hears."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstcause.incidents.handling import Handling
from firstcause.incidents.view import (
    Analysis,
    ErrorMinute,
    IncidentContext,
    IncidentView,
    Suspect,
)
from log_analyzer.incident_history.severity import with_severity
from log_analyzer.notify.messages.content import plain_text
from log_analyzer.notify.messages.told import Announcement, Told, from_text, to_text
from log_analyzer.notify.routing import Route, Router
from tests.unit.log_analyzer.notify.test_message import a_view
from tests.unit.log_analyzer.notify.world import START_MS, World

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
QUIET_MS = 15 * MINUTE_MS


class Errors:
    """One incident as its errors make it: it resolves when quiet, and comes back."""

    def __init__(self, router: Router | None = None) -> None:
        self.counts: Counter[int] = Counter()
        self.first_ms = self.last_ms = self.resolved_ms = 0
        self.world = World(router=router)
        self.world.now_ms = START_MS - START_MS % MINUTE_MS

    @property
    def view(self) -> IncidentView:
        now_ms = self.world.now_ms
        resolved = now_ms - self.last_ms >= QUIET_MS
        if resolved:
            self.resolved_ms = self.last_ms + QUIET_MS
        kept = sorted(self.counts)[-240:]
        view = a_view(
            status="resolved" if resolved else "open",
            service_name="order",
            suspects=("order",),
            services=("order",),
            evidence=(),
            error_count=sum(self.counts.values()),
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            error_minutes=tuple(ErrorMinute("order", at, self.counts[at]) for at in kept),
            context=IncidentContext(START_MS, (Suspect("order", ("It failed.",)),)),
            reopened=bool(self.resolved_ms) and not resolved,
            resolved_ms=self.resolved_ms or None,
        )
        return with_severity(view, None, now_ms)

    def log(self, number: int = 1) -> None:
        now_ms = self.world.now_ms
        self.first_ms = self.first_ms or now_ms
        self.last_ms = now_ms
        self.counts[now_ms - now_ms % MINUTE_MS] += number
        self.show()

    def show(self) -> None:
        view = self.view
        known = view.incident_id in self.world.views
        self.world.views[view.incident_id] = view
        if not known:
            self.world.outbox.ensure(view.incident_id, self.world.now_ms)
        elif not self.world.outbox.rows[view.incident_id].ts or view.status == "open":
            self.world.outbox.ensure(view.incident_id)
        self.world.delivery.poke(view.incident_id)

    def go_on(self, span_ms: int, step_ms: int = 10_000) -> None:
        for _ in range(span_ms // step_ms):
            self.show()
            self.world.run(1, step_ms)

    def trickle(self, span_ms: int, every_ms: int = 10 * MINUTE_MS) -> None:
        for _ in range(span_ms // every_ms):
            self.log()
            self.go_on(every_ms, MINUTE_MS)

    def flood(self, number: int = 5_000) -> None:
        for _ in range(6):
            self.log(number // 6)
            self.go_on(10_000)


def kinds(names: list[str]) -> list[str]:
    return [one.split("-")[0] for one in names]


def test_a_day_of_rare_errors_a_flood_quiet_and_back_is_told_just_so() -> None:
    errors = Errors()
    errors.trickle(24 * HOUR_MS)
    post = errors.world.post
    assert (kinds(post.reply_names), post.broadcasts) == (["detail"], [])
    errors.flood()
    errors.go_on(MINUTE_MS)
    assert kinds(post.broadcasts) == ["burst"]
    assert "up to" in plain_text(post.replies[-1].note.parts)
    assert "low → high" in plain_text(post.replies[-1].note.parts)
    errors.go_on(HOUR_MS)
    assert kinds(post.reply_names) == ["detail", "burst", "resolved"]
    errors.log(3)
    errors.go_on(MINUTE_MS)
    assert kinds(post.broadcasts) == ["burst", "back"]
    errors.go_on(HOUR_MS)
    assert kinds(post.reply_names) == ["detail", "burst", "resolved", "back", "resolved"]
    assert kinds(post.broadcasts) == ["burst", "back"]
    assert len(errors.world.posts) == 1


def test_the_thread_goes_on_however_often_it_comes_back() -> None:
    errors = Errors()
    for _ in range(8):
        errors.log(3)
        errors.go_on(30 * MINUTE_MS)
    post = errors.world.post
    assert kinds(post.reply_names).count("resolved") == 8
    assert kinds(post.broadcasts) == ["back"] * 7
    assert len(set(post.reply_names)) == len(post.reply_names)


def test_a_storm_that_grows_in_its_first_seconds_is_one_announcement() -> None:
    errors = Errors()
    errors.log()
    errors.go_on(2_000, 1_000)
    for _ in range(30):
        errors.log(40)
        errors.go_on(1_000, 500)
    post = errors.world.post
    assert kinds(post.broadcasts) == ["worse"]
    assert "low → high" in plain_text(post.replies[0].note.parts)


def test_there_is_never_more_than_one_broadcast_in_ten_minutes_and_none_is_forgotten() -> None:
    errors = Errors()
    errors.log()
    errors.go_on(MINUTE_MS)
    errors.log(15)
    errors.go_on(MINUTE_MS)
    assert kinds(errors.world.post.broadcasts) == ["worse"]
    errors.log(500)
    errors.go_on(5 * MINUTE_MS)
    assert kinds(errors.world.post.broadcasts) == ["worse"]
    errors.log(500)
    errors.go_on(6 * MINUTE_MS)
    assert kinds(errors.world.post.broadcasts) in (["worse", "worse"], ["worse", "burst"])


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 3, 12, 150, 5_000]), st.integers(1, 40)),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_whatever_errors_do_broadcasts_keep_apart_and_restarts_repeat_nothing(
    course: list[tuple[int, int]], restarts: bool
) -> None:
    errors = Errors()
    at: list[int] = []
    heard = 0
    for number, minutes in course:
        errors.log(number)
        for _ in range(minutes):
            errors.go_on(MINUTE_MS, 30_000)
            if restarts:
                errors.world.restart()
            broadcasts = errors.world.post.broadcasts
            at += [errors.world.now_ms] * (len(broadcasts) - heard)
            heard = len(broadcasts)
    post = errors.world.post
    assert len(errors.world.posts) == 1
    assert len(set(post.reply_names)) == len(post.reply_names)
    # A minute for the steps of this test.
    assert all(later - earlier >= 9 * MINUTE_MS for earlier, later in itertools.pairwise(at))


def test_a_severity_that_falls_is_shown_and_told_to_nobody() -> None:
    errors = Errors()
    errors.log(500)
    errors.go_on(MINUTE_MS)
    assert "HIGH" in errors.world.post.shown
    errors.trickle(HOUR_MS)
    assert "LOW" in errors.world.post.shown
    assert errors.world.post.broadcasts == []


ROUTES = Router(
    "#incidents",
    (Route(channel="#quiet", severities=("low",)), Route(channel="#oncall", severities=("high",))),
)


def test_a_rise_that_routes_it_elsewhere_gives_that_channel_a_message_linked_to_the_first() -> None:
    errors = Errors(ROUTES)
    errors.trickle(2 * HOUR_MS)
    assert [one.channel for one in errors.world.posts] == ["#quiet"]
    errors.flood()
    errors.go_on(MINUTE_MS)
    quiet, oncall = errors.world.posts
    assert (quiet.channel, oncall.channel) == ("#quiet", "#oncall")
    assert kinds(quiet.broadcasts) == ["burst"]
    assert "https://example.slack.com/m1" in oncall.shown
    assert oncall.broadcasts == []
    # Both are kept; what comes later is broadcast in the one channel.
    errors.go_on(HOUR_MS)
    errors.log(300)
    errors.go_on(2 * MINUTE_MS)
    assert "RESOLVED" not in quiet.shown + oncall.shown
    assert (kinds(quiet.broadcasts), kinds(oncall.broadcasts)) == (["burst"], ["back"])
    errors.go_on(HOUR_MS)
    assert "RESOLVED" in quiet.shown
    assert "RESOLVED" in oncall.shown
    assert len(errors.world.posts) == 2


@pytest.mark.parametrize("steps", range(1, 6))
def test_killed_between_any_two_writes_the_announcement_is_made_once(steps: int) -> None:
    errors = Errors(ROUTES)
    errors.trickle(2 * HOUR_MS)
    world, writes = errors.world, [steps]

    class KilledError(Exception):
        pass

    def dying(method):
        def call(*arguments, **named):
            if writes[0] == 0:
                raise KilledError
            writes[0] -= 1
            return method(*arguments, **named)

        return call

    kept = world.outbox.move, world.outbox.create, world.threads.plan
    world.outbox.move, world.outbox.create = dying(kept[0]), dying(kept[1])  # type: ignore[method-assign]
    world.threads.plan = dying(kept[2])  # type: ignore[method-assign]
    errors.flood()
    world.outbox.move, world.outbox.create = kept[0], kept[1]  # type: ignore[method-assign]
    world.threads.plan = kept[2]  # type: ignore[method-assign]
    world.restart()
    errors.go_on(2 * MINUTE_MS)
    quiet, oncall = world.posts
    assert kinds(quiet.broadcasts) == ["burst"]
    assert oncall.channel == "#oncall"


def acknowledged(by: str | None) -> Handling:
    return Handling(acknowledged_by=by)


def test_whoever_takes_care_hears_of_a_rise_in_the_thread_and_others_of_a_critical_one() -> None:
    world = World(a_view(severity="low", handling=acknowledged("ann")))
    world.run()
    world.change(severity="high")
    world.run_for(5 * MINUTE_MS)
    assert kinds(world.post.reply_names) == ["worse", "detail"]
    assert world.post.broadcasts == []
    world.run_for(10 * MINUTE_MS)
    world.change(severity="critical")
    world.run_for(MINUTE_MS)
    assert kinds(world.post.broadcasts) == ["worse"]


def test_a_suspect_that_changes_after_the_comparison_is_told_as_a_change() -> None:
    world = World(a_view(suspects=("order",)))
    world.run_for(10_000)
    # A first guess is no word that anybody is held to.
    world.change(context=IncidentContext(START_MS, (Suspect("payment", ("It hangs.",)),)))
    world.run_for(30_000)
    assert world.post.reply_names == []
    world.change(context=IncidentContext(START_MS, (Suspect("stock", ("It restarts.",)),)))
    world.run_for(MINUTE_MS)
    assert "changed from payment" in world.post.shown
    [reply] = [one for one in world.post.replies if one.name.startswith("suspect")]
    assert "changed from payment" in plain_text(reply.note.parts)
    assert "It restarts." in plain_text(reply.note.parts)
    assert not reply.broadcast


def test_each_answer_of_the_model_is_told_once_in_full() -> None:
    world = World(a_view(), model_configured=True)
    world.run_for(10_000)
    long = "The pool is empty. " + "More of it. " * 20
    for number in (1, 2):
        said = Analysis(
            "mistral", long, "payment", "likely", (), ("Enlarge it",), analysed_ms=number
        )
        world.change(analyses=(said,))
        world.run_for(2 * MINUTE_MS)
    assert kinds(world.post.reply_names).count("analysis") == 2
    assert "The pool is empty." in world.post.shown
    assert "More of it." not in world.post.shown


def test_a_message_of_an_earlier_version_announces_nothing_at_once() -> None:
    world = World(a_view())
    world.run()
    world.row = dataclasses.replace(world.row, told=None)
    world.change(severity="critical")
    world.run_for(MINUTE_MS)
    assert world.post.broadcasts == []
    assert world.row.told is not None


@given(
    st.builds(
        Told,
        status=st.sampled_from(["open", "resolved"]),
        severity=st.sampled_from(["low", "critical"]),
        suspect=st.text(max_size=20).filter(lambda text: text.isprintable()),
        parts=st.lists(st.sampled_from(["picture", "detail"]), max_size=2).map(tuple),
        routes=st.lists(st.just("#a"), max_size=2).map(tuple),
        pending=st.none() | st.just(Announcement("burst-1", "burst", True, {"errors": 1})),
    )
)
def test_what_was_told_is_read_back_as_it_was_written(told: Told) -> None:
    assert from_text(to_text(told)) == told


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"pending": 3}'])
def test_what_can_not_be_read_is_nothing_told(text) -> None:
    assert from_text(text) is None


def test_incidents_of_one_world_keep_their_own_threads() -> None:
    views = [a_view(incident_id=uuid.UUID(int=n), severity="low") for n in (1, 2)]
    world = World(*views)
    world.run(4)
    world.change(views[0].incident_id, severity="critical")
    world.run_for(MINUTE_MS)
    assert [len(one.broadcasts) for one in world.posts] in ([1, 0], [0, 1])
