"""Messages, threads and what people do, with real Cassandra and Slack as a stub with its limits."""

from __future__ import annotations

import dataclasses
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cassandra.cluster import Session

from log_analyzer.handling.human_actions import Acknowledgement, Feedback, Silence
from log_analyzer.handling.human_actions_store import HandlingStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incidents.view import ErrorMinute, IncidentView
from log_analyzer.notify.delivery import Delivery
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.routing import Route, Router
from log_analyzer.notify.slack.channel import SlackChannel
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
    """Reads one service's incidents only, so that tests don't send each other's; with minutes."""

    def __init__(self, session: Session, service: str) -> None:
        self._reader, self._service = IncidentReader(session), service

    def read(self, incident: uuid.UUID) -> IncidentView | None:
        view = self._reader.read(incident)
        if view is None or view.service_name != self._service:
            return None
        return dataclasses.replace(view, error_minutes=(ErrorMinute(self._service, DAY_MS, 5),))


class Instance:
    """Delivery of one analyzer, on a clock that the test moves."""

    def __init__(self, session: Session, slack: SlackStub, service: str, **parts) -> None:
        self.now_ms = time.time_ns() // 1_000_000
        reader = ReaderOfOne(session, service)
        channel = parts.get("channel") or SlackChannel("xoxb-1", slack.api_url)
        shared = {
            "threads": ThreadOutbox(session),
            "reader": reader,
            "channel": channel,
            "owner": str(uuid.uuid4()),
            "model_configured": False,
            "clock_ms": lambda: self.now_ms,
        }
        router = parts.get("router", Router("#incidents"))
        self.delivery = Delivery(outbox=MessageOutbox(session), router=router, **shared)
        self.threads = ThreadDelivery(**shared)

    def run(self) -> None:
        """One pass; a minute goes by for the incidents, but not for Slack's pace."""
        self.delivery.run_once()
        self.threads.run_once()
        self.now_ms += 61_000

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
    instances = [Instance(session, slack, service) for _ in range(2)]
    key = str(view.incident_id)

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


class KilledError(Exception):
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
    store, now_ms = HandlingStore(session), time.time_ns() // 1_000_000
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
    )

    def shown() -> str:
        return str(slack.posts_of(str(view.incident_id))[0]["blocks"])

    instance.run_until(lambda: all(name in shown() for name in ("by ann", "by bob", "by cy")))
    assert not store.apply(Acknowledgement(uuid.uuid4(), "ann", now_ms))


def test_a_silenced_group_posts_nothing_new_until_its_silence_ends(session, slack, service) -> None:
    first = opened(session, service)
    instance = Instance(session, slack, service)
    instance.run()
    store, now_ms = HandlingStore(session), time.time_ns() // 1_000_000
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
    store, now_ms = HandlingStore(session), time.time_ns() // 1_000_000
    store.apply(Silence(first.incident_id, "ann", now_ms, now_ms + HOUR_MS))
    assert at(session, first).handling.silenced_until_ms == now_ms + HOUR_MS
    both = [one.fingerprint for one in first.groups]
    assert store.of(uuid.uuid4(), both[::-1]).silenced_by == "ann"
    # A group that nobody silenced is worth a message, whatever else is in its incident.
    assert store.of(uuid.uuid4(), [*both, uuid.uuid4()]).silenced_until_ms is None
    store.apply(Silence(first.incident_id, "ann", now_ms, now_ms))
    assert at(session, first).handling.silenced_until_ms is None


def test_the_commands_do_what_the_buttons_do(session, service, product_env) -> None:
    view = opened(session, service)
    key = str(view.incident_id)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return firstcause(product_env, "incidents", *arguments)

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
