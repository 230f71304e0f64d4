"""Messages, threads and what people do, with real Cassandra and Slack as a stub with its limits."""

from __future__ import annotations

import dataclasses
import subprocess
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from cassandra.cluster import Session

from firstcause.incidents.human_actions import Acknowledgement, Feedback, Silence, Split
from firstcause.incidents.view import IncidentView
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.action_taker import ActionTaker
from log_analyzer.notify.channel_wiring import delivery_to
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.routing import Route, Router
from log_analyzer.notify.slack.channel import SlackChannel
from log_analyzer.notify.slack.pace import SlackPace
from log_analyzer.notify.threads.delivery import ThreadDelivery
from log_analyzer.notify.threads.outbox import ThreadOutbox
from tests.command_line import firstcause
from tests.integration.log_analyzer.analyzer_parts import (
    DAY_MS,
    QUIET_MS,
    a_tracker,
    an_event,
    consumed,
    eventually,
    incidents_of,
)
from tests.stubs.slack import SlackStub

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000


@pytest.fixture
def service() -> str:
    return "pay-" + uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))[:10]


@pytest.fixture
def slack() -> Iterator[SlackStub]:
    with SlackStub() as stub:
        yield stub


class ReaderOfOne:
    """Reads one service's incidents only, so that tests don't send each other's."""

    def __init__(self, session: Session, service: str, clock_ms: Callable[[], int]) -> None:
        self._reader = IncidentReader(session, clock_ms=clock_ms)
        self._service = service
        # An incident stays that of its service, and each pass asks for all of them again.
        self._others: set[uuid.UUID] = set()

    def read(self, incident: uuid.UUID) -> IncidentView | None:
        if incident in self._others:
            return None
        view = self._reader.read(incident)
        if view is not None and view.service_name != self._service:
            self._others.add(incident)
            return None
        return view

    def read_all(
        self, incidents: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, Future[IncidentView | None]]:
        with ThreadPoolExecutor() as pool:
            return {one: pool.submit(self.read, one) for one in incidents}


class Instance:
    """Delivery of one analyzer, on a clock that the test moves."""

    def __init__(self, session: Session, slack: SlackStub, service: str, **parts) -> None:
        self.now_ms = parts.pop("now_ms", time.time_ns() // 1_000_000)
        clock_ms = parts.pop("clock_ms", lambda: self.now_ms)
        reader = ReaderOfOne(session, service, clock_ms)
        channel = parts.pop("channel", None) or SlackChannel("xoxb-1", slack.api_url)
        owner = str(uuid.uuid4())
        self.delivery = delivery_to(
            channel,
            session,
            router=parts.pop("router", Router("#incidents")),
            owner=owner,
            reader=reader,
            clock_ms=clock_ms,
            model_configured=False,
            **parts,
        )
        self.threads = ThreadDelivery(
            threads=ThreadOutbox(session),
            reader=reader,
            channel=channel,
            owner=owner,
            model_configured=False,
            clock_ms=clock_ms,
        )

    def run(self) -> None:
        """One pass; a minute goes by for the incidents, but not for Slack's pace."""
        self.delivery.run_once()
        self.threads.run_once()
        self.now_ms += 61_000

    def run_for(self, span_ms: int, step_ms: int) -> None:
        """Passes while a time goes by."""
        for _ in range(span_ms // step_ms):
            self.delivery.run_once()
            self.threads.run_once()
            self.now_ms += step_ms

    def run_until(self, wanted: Callable[[], object]) -> None:
        def enough() -> object:
            self.run()
            return wanted()

        eventually(enough, bool)


def opened(session: Session, service: str, number: int = 5, **fields: object) -> IncidentView:
    a_tracker(session).record(consumed([an_event(service, n, **fields) for n in range(number)]))
    return incidents_of(session, service)[-1]


def at(session: Session, view: IncidentView) -> IncidentView:
    found = IncidentReader(session).read(view.incident_id)
    assert found is not None
    return found


def test_a_message_is_not_sent_before_its_time_which_is_said_once(session, slack, service) -> None:
    instance = Instance(session, slack, service)
    outbox, incident = MessageOutbox(session), uuid.uuid4()
    outbox.ensure(incident, instance.now_ms + 1_500)
    outbox.ensure(incident, instance.now_ms + 99_000)
    outbox.ensure(incident)
    assert outbox.read(incident).not_before_ms == instance.now_ms + 1_500


def test_a_thread_has_each_reply_once_whatever_two_instances_do(session, slack, service) -> None:
    view = opened(session, service)
    # A minute from the first notice on; no lease ends while its owner is at work.
    ahead_ms = [0]
    clock_ms = lambda: time.time_ns() // 1_000_000 + ahead_ms[0]  # noqa: E731
    instances = [Instance(session, slack, service, clock_ms=clock_ms) for _ in range(2)]
    key = str(view.incident_id)
    instances[0].run_until(lambda: slack.posts_of(key))
    ahead_ms[0] = 61_000

    def both(wanted: Callable[[], object]) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda one: one.run_until(wanted), instances))

    both(lambda: len(slack.replies_of(key)) == 2)
    session.execute(
        "UPDATE incidents SET status = 'resolved' WHERE incident_id = %s", [view.incident_id]
    )
    both(lambda: at(session, view).message.state == "settled" and all_sent(session, view))
    assert len(slack.posts_of(key)) == 1
    assert reply_names(slack, key) == ["detail", f"firstcause-{key}.png", "resolved-1"]


def all_sent(session: Session, view: IncidentView) -> bool:
    rows = session.execute(
        "SELECT state FROM thread_replies WHERE incident_id = %s", [view.incident_id]
    )
    return all(row.state == "sent" for row in rows)


def reply_names(slack: SlackStub, key: str) -> list[str]:
    return sorted(
        one["metadata"]["event_payload"]["reply"] if one["metadata"] else one["files"][0]["name"]
        for one in slack.replies_of(key)
    )


class KilledError(BaseException):
    """Stands for the process being killed at this point."""


class KilledAfter:
    """A channel whose nth request that changes Slack is done and never comes back."""

    def __init__(self, inner: SlackChannel, budget: list[int]) -> None:
        self._inner, self._budget = inner, budget

    def __getattr__(self, name: str):
        method = getattr(self._inner, name)
        if name not in ("post", "update", "reply", "upload"):
            return method

        def call(*arguments: object):
            result = method(*arguments)
            self._budget[0] -= 1
            if self._budget[0] == 0:
                raise KilledError(name)
            return result

        return call


def test_killed_after_any_request_there_is_one_message_and_each_reply_once(
    session, slack, service
) -> None:
    killed = set()
    for number in range(1, 6):
        name = f"{service}-{'abcdefg'[number]}"
        view = opened(session, name)
        channel = KilledAfter(SlackChannel("xoxb-1", slack.api_url), [number])
        first = Instance(session, slack, name, channel=channel)
        try:
            first.run_until(lambda view=view: len(slack.replies_of(str(view.incident_id))) == 2)
        except KilledError as error:
            killed.add(str(error))
        second = Instance(session, slack, name)
        second.now_ms = first.now_ms + 61_000
        key = str(view.incident_id)
        second.run_until(
            lambda view=view, key=key: len(slack.replies_of(key)) >= 2 and all_sent(session, view)
        )
        assert len(slack.posts_of(key)) == 1
        assert reply_names(slack, key) == ["detail", f"firstcause-{key}.png"], number
    assert killed >= {"post", "upload", "reply"}


def test_an_incident_keeps_to_the_channel_of_its_route(session, slack, service) -> None:
    router = Router("#incidents", (Route(channel="#payments", services=(service,)),))
    view = opened(session, service)
    Instance(session, slack, service, router=router).run()
    key = str(view.incident_id)
    Instance(session, slack, service).run_until(lambda: len(slack.replies_of(key)) == 2)
    assert [one["channel"] for one in slack.posts_of(str(view.incident_id))] == ["C0PAYMENTS"]
    assert {one["channel"] for one in slack.replies_of(str(view.incident_id))} == {"C0PAYMENTS"}


def test_what_people_did_is_read_back_and_shown(session, slack, service) -> None:
    view = opened(session, service)
    store, now_ms = HumanActionsStore(session), time.time_ns() // 1_000_000
    instance = Instance(session, slack, service)
    instance.run()
    for action in (
        Acknowledgement(view.incident_id, "ann", now_ms),
        Feedback(view.incident_id, "bob", now_ms, "wrong", "deterministic", 0),
        Silence(view.incident_id, "cy", now_ms, now_ms + HOUR_MS),
    ) * 2:
        assert store.apply(action)
    handling = at(session, view).handling
    assert dataclasses.astuple(handling) == (
        *("ann", now_ms, "cy", now_ms + HOUR_MS),
        *("wrong", "bob", "deterministic", 0),
        *(None, None),
    )

    def shown() -> str:
        return str(slack.posts_of(str(view.incident_id))[0]["blocks"])

    instance.run_until(lambda: all(name in shown() for name in ("by ann", "by bob", "by cy")))
    assert not store.apply(Acknowledgement(uuid.uuid4(), "ann", now_ms))


def test_a_silenced_group_posts_nothing_new_until_its_silence_ends(session, slack, service) -> None:
    first = opened(session, service)
    instance = Instance(session, slack, service)
    instance.run()
    store, now_ms = HumanActionsStore(session), time.time_ns() // 1_000_000
    store.apply(Silence(first.incident_id, "ann", now_ms, now_ms + HOUR_MS))
    later = [an_event(service, n, DAY_MS + 3 * QUIET_MS + n) for n in range(100, 105)]
    a_tracker(session).record(consumed(later, offset=100))
    second = incidents_of(session, service)[-1]
    assert second.incident_id != first.incident_id
    instance.run_until(lambda: at(session, second).message.state == "silenced")
    assert slack.posts_of(str(second.incident_id)) == []
    # A model is asked about messages that are out only.
    assert second.incident_id not in MessageOutbox(session).in_state("live")
    store.apply(Silence(first.incident_id, "ann", now_ms, now_ms))
    instance.run_until(lambda: slack.posts_of(str(second.incident_id)))
    assert len(slack.posts_of(str(second.incident_id))) == 1


def test_a_silence_holds_for_all_groups_of_an_incident_and_for_no_other(session, service) -> None:
    refund = "Refund refused by the bank"
    event = an_event(service, 50, DAY_MS + 500, message=refund)
    a_tracker(session).record(consumed([an_event(service, 1), event]))
    [first] = incidents_of(session, service)
    assert len(first.groups) == 2
    store, now_ms = HumanActionsStore(session), time.time_ns() // 1_000_000
    store.apply(Silence(first.incident_id, "ann", now_ms, now_ms + HOUR_MS))
    assert at(session, first).handling.silenced_until_ms == now_ms + HOUR_MS
    both = [one.fingerprint for one in first.groups]
    assert store.of(uuid.uuid4(), both[::-1]).silenced_by == "ann"
    # A group that nobody silenced is worth a message, whatever else is in its incident.
    assert store.of(uuid.uuid4(), [*both, uuid.uuid4()]).silenced_until_ms is None
    store.apply(Silence(first.incident_id, "ann", now_ms, now_ms))
    assert at(session, first).handling.silenced_until_ms is None


def test_a_silence_outlasts_a_new_template_that_joins(session, service) -> None:
    view = opened(session, service)
    store, now_ms = HumanActionsStore(session), time.time_ns() // 1_000_000
    store.apply(Silence(view.incident_id, "ann", now_ms, now_ms + HOUR_MS))
    # Words of its own: what several services say at a time is one incident.
    joins = an_event(service, 70, DAY_MS + 700, message=f"{service} lost the till")
    a_tracker(session).record(consumed([joins], offset=70))
    assert len(at(session, view).groups) == 2
    assert at(session, view).handling.silenced_by == "ann"
    store.apply(Silence(view.incident_id, "ann", now_ms, now_ms))
    assert at(session, view).handling.silenced_until_ms is None


def test_a_service_that_is_split_out_has_a_message_of_its_own(session, slack, service) -> None:
    refund = "Refund refused by the bank"
    other = f"{service}-shop"
    trace = {"trace_id": uuid.uuid4().hex, "span_id": uuid.uuid4().hex[:16]}
    events = [an_event(service, 1, **trace), an_event(other, 2, DAY_MS + 500, **trace)]
    events[1] |= {"message": refund, "span_id": uuid.uuid4().hex[:16]}
    a_tracker(session).record(consumed(events))
    [whole] = incidents_of(session, service)
    assert set(whole.services) == {service, other}
    now_ms = time.time_ns() // 1_000_000
    taker = ActionTaker(session)
    assert taker.apply(Split(whole.incident_id, "ann", now_ms, other))
    [kept], [own] = incidents_of(session, service), incidents_of(session, other)
    assert (kept.incident_id, kept.services) == (whole.incident_id, (service,))
    assert (own.services, own.status) == ((other,), "open")
    Instance(session, slack, other).run_until(lambda: slack.posts_of(str(own.incident_id)))
    # A second time there is nothing to part.
    assert not taker.apply(Split(whole.incident_id, "ann", now_ms, other))


class Course:
    """Errors and deliveries on one clock that the test moves, against Slack's stub."""

    def __init__(self, session: Session, slack: SlackStub, service: str, **parts) -> None:
        slack.message_interval_seconds = 0.0
        channel = SlackChannel("xoxb-1", slack.api_url, SlackPace(interval_ms=0))
        self.session, self.slack, self.service = session, slack, service
        self.instance = Instance(
            session, slack, service, channel=channel, now_ms=DAY_MS, detail_after_ms=60_000, **parts
        )
        self.tracker = a_tracker(session, clock_ms=lambda: self.instance.now_ms)
        self.number = 0

    def log(self, count: int = 1, ahead_ms: int = 0) -> None:
        now_ms = self.instance.now_ms + ahead_ms
        events = [an_event(self.service, self.number + n, now_ms + n % 1_000) for n in range(count)]
        errors = consumed(events, offset=self.number)
        arrived_ms = self.instance.now_ms
        self.tracker.record(dataclasses.replace(one, arrived_ms=arrived_ms) for one in errors)
        self.number += count

    def go_on(self, span_ms: int, step_ms: int = 30_000) -> None:
        for _ in range(span_ms // step_ms):
            self.tracker.resolve_quiet()
            self.instance.run_for(step_ms, step_ms)

    @property
    def threads(self) -> list[tuple[list[str], list[str]]]:
        """Of each root message of the service: its replies, and those that were broadcast."""
        found = []
        for view in incidents_of(self.session, self.service):
            for post in self.slack.posts_of(str(view.incident_id)):
                own = [one for one in self.slack.replies if one["thread_ts"] == post["ts"]]
                named = [one for one in own if one["metadata"]]
                names = [_kind(one) for one in named]
                found.append((names, [_kind(one) for one in named if one["broadcast"]]))
        return found


def _kind(reply: dict) -> str:
    return reply["metadata"]["event_payload"]["reply"].split("-")[0]


@pytest.mark.parametrize("stamped_ahead", [False, True])
def test_rare_errors_a_flood_quiet_and_back_are_told_just_so(
    session, slack, service, stamped_ahead
) -> None:
    """An error each ten minutes for a day, 5,000 in a minute, quiet, and back."""
    course = Course(session, slack, service)
    for number in range(144):
        course.log()
        if stamped_ahead and number == 72:
            course.log(ahead_ms=2 * HOUR_MS)
        course.go_on(600_000, 300_000)
    assert course.threads == [(["detail"], [])]
    for _ in range(5):
        course.log(1_000)
        course.go_on(12_000, 12_000)
    # Resolved after 15 minutes; what comes within ten more is a return.
    course.go_on(20 * 60_000)
    # The flood is told apart from the errors that were always there: a message of its own.
    assert course.threads == [(["detail", "resolved"], []), (["detail", "resolved"], [])]
    course.log(20)
    course.go_on(HOUR_MS // 2)
    assert course.threads == [
        (["detail", "resolved"], []),
        (["detail", "resolved", "back", "resolved"], ["back"]),
    ]


def test_the_commands_do_what_the_buttons_do(session, service, product_env) -> None:
    view = opened(session, service)
    key = str(view.incident_id)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return firstcause(product_env, "incidents", *arguments)

    prefix = key[:8]
    assert run("ack", prefix, "--by", "zoe").returncode == 0
    assert run("ack", prefix, "--undo").returncode == 0
    assert at(session, view).handling.acknowledged_by is None
    assert run("resolve", prefix, "--by", "eve").returncode == 0
    assert (at(session, view).status, at(session, view).handling.resolved_by) == ("resolved", "eve")
    assert run("ack", key, "--by", "ann").returncode == 0
    assert run("silence", key, "--for", "2h").returncode == 0
    done = run("feedback", key, "right", "--by", "bob")
    assert (done.returncode, done.stderr) == (0, "")
    handling = at(session, view).handling
    assert (handling.acknowledged_by, handling.feedback, handling.feedback_by) == (
        "ann",
        "right",
        "bob",
    )
    assert 0 < handling.silenced_until_ms - time.time() * 1_000 <= 2 * HOUR_MS
    assert run("silence", key, "--off").returncode == 0
    eventually(lambda: at(session, view).handling.silenced_until_ms, lambda until: until is None)
    for arguments in ((key, "--json"), ("--json", key), ("show", key, "--json")):
        assert key in run(*arguments).stdout, arguments
    missing = run("ack", str(uuid.uuid4()))
    assert missing.returncode == 1
    assert "There is no incident" in missing.stderr
