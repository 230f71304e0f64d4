from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from cassandra.cluster import NoHostAvailable

from firstcause.incidents.human_actions import Acknowledgement, Action, Feedback, Silence
from firstcause.incidents.view import Analysis
from log_analyzer.notify.messages.incident import NoticeOptions, render_notice
from log_analyzer.notify.slack.button_listener import ButtonListener
from log_analyzer.notify.slack.layout import slack_blocks
from tests.stubs.slack import SlackStub
from tests.stubs.socket_mode import SocketModeStub
from tests.unit.log_analyzer.notify.test_message import a_view

AT_S = 1_700_000_000.0
KEY = a_view().incident_id
ANALYSIS = Analysis("mistral", "r", "payment", "likely", (), (), analysed_ms=42)


def buttons() -> dict[str, dict]:
    row = slack_blocks(render_notice(a_view(), ANALYSIS, NoticeOptions(buttons=True)).parts)[-1][
        "elements"
    ]
    return {one["text"]["text"]: one for one in row}


class Store:
    """Keeps what it is told; away for the first `away` times."""

    def __init__(self, away: int = 0) -> None:
        self.actions: list[Action] = []
        self.away = away

    def apply(self, action: Action) -> bool:
        if self.away:
            self.away -= 1
            raise NoHostAvailable("away", {})
        self.actions.append(action)
        return True


def await_that(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@pytest.fixture
def slack() -> Iterator[SlackStub]:
    with SlackStub() as stub:
        yield stub


@pytest.fixture
def socket(slack: SlackStub) -> Iterator[SocketModeStub]:
    with SocketModeStub() as stub:
        slack.socket_url = stub.url
        yield stub


@pytest.fixture
def listening(slack: SlackStub) -> Iterator[Callable[[Store], list[uuid.UUID]]]:
    stopping, threads = threading.Event(), []

    def start(store: Store) -> list[uuid.UUID]:
        changed: list[uuid.UUID] = []
        listener = ButtonListener(
            app_token="xapp-1",
            api_url=slack.api_url,
            store=store,
            changed=changed.append,
            ping_seconds=0.5,
        )
        thread = threading.Thread(target=listener.run, args=(stopping,))
        thread.start()
        threads.append(thread)
        return changed

    yield start
    stopping.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_clicks_are_answered_and_stored_with_their_own_time(socket, listening) -> None:
    store = Store()
    changed = listening(store)
    row = buttons()
    sent = [socket.click(row[name], AT_S) for name in ("Acknowledge", "Silence 24 h", "👎 Wrong")]
    await_that(lambda: len(store.actions) == 3)
    at_ms = int(AT_S * 1_000)
    assert sorted(store.actions, key=str) == [
        Acknowledgement(KEY, "ann", at_ms),
        Feedback(KEY, "ann", at_ms, "wrong", "mistral", 42),
        Silence(KEY, "ann", at_ms, at_ms + 86_400_000),
    ]
    await_that(lambda: socket.answered == sent)
    assert changed == [KEY] * 3


def test_a_click_waits_for_the_store_but_slack_does_not_wait_for_it(socket, listening) -> None:
    store = Store(away=2)
    listening(store)
    sent = socket.click(buttons()["Acknowledge"], AT_S)
    await_that(lambda: socket.answered == [sent])
    await_that(lambda: store.actions)


def test_what_is_none_of_our_buttons_is_answered_and_changes_nothing(socket, listening) -> None:
    store = Store()
    listening(store)
    others = [
        {"action_id": "another_app", "value": str(KEY)},
        {"action_id": buttons()["Acknowledge"]["action_id"], "value": "'; DROP TABLE incidents"},
    ]
    sent = [socket.click(one, AT_S) for one in others]
    last = socket.click(buttons()["Acknowledge"], AT_S)
    await_that(lambda: store.actions)
    await_that(lambda: socket.answered == [*sent, last])
    assert [one.incident_id for one in store.actions] == [KEY]


def test_a_person_of_any_name_is_shown_and_pings_nobody(socket, listening) -> None:
    store = Store()
    listening(store)
    socket.click(buttons()["Acknowledge"], AT_S, user="<!channel> \u202e@here")
    await_that(lambda: store.actions)
    assert "\u202e" not in store.actions[0].by


def test_it_connects_again_when_slack_asks_for_it(socket, listening) -> None:
    store = Store()
    listening(store)
    await_that(lambda: socket.connections == 1)
    socket.disconnect()
    await_that(lambda: socket.connections == 2)
    socket.click(buttons()["Acknowledge"], AT_S)
    await_that(lambda: store.actions)


def test_a_token_that_is_refused_is_tried_again_with_pauses(slack, listening) -> None:
    store = Store()
    listening(store)

    def asked() -> int:
        return sum(one["path"] == "/api/apps.connections.open" for one in slack.recorded)

    await_that(lambda: asked() >= 2)
    assert asked() <= 3
    with SocketModeStub() as socket:
        slack.socket_url = socket.url
        socket.click(buttons()["Acknowledge"], AT_S)
        await_that(lambda: store.actions)
