"""Slack and Mistral fail in every way that they know, while incidents of ten minutes arrive."""

from __future__ import annotations

import itertools
import re
import threading
import urllib.request
from pathlib import Path

import pytest
from cassandra.cluster import Session

from firstcause.settings import Settings
from tests.e2e.accounting import all_standing, incidents
from tests.installation import free_ports
from tests.integration.log_analyzer.analyzer_parts import (
    an_event,
    analyzer_process,
    eventually,
    send,
)
from tests.stubs.mistral import MistralStub
from tests.stubs.slack import SlackStub

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MINUTES = 10
ERRORS = 50
BEGAN_MS = 1_750_000_000_000
SETTLED_SECONDS = 240.0
POST, UPDATE = "/api/chat.postMessage", "/api/chat.update"

MODEL_FAULTS = [
    {"kind": "rate_limited", "retry_after": 1},
    {"kind": "http_500"},
    {"kind": "nonsense"},
    {"kind": "half"},
    {"kind": "hang"},
    {"kind": "drop"},
]
SLACK_FAULTS = [
    {"kind": "rate_limited", "retry_after": 1},
    {"kind": "http_500"},
    {"kind": "drop"},
    {"kind": "accept_then_drop"},
    {"kind": "accept_then_500"},
    {"kind": "error", "error": "internal_error"},
    {"kind": "accept_then_hang"},
]


class Breaker:
    """Reads the breaker's state from the analyzer's metrics until it is left."""

    def __init__(self, port: int) -> None:
        self.seen: set[str] = set()
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Breaker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._left.wait(0.2):
            try:
                with urllib.request.urlopen(self._url, timeout=5) as answer:
                    text = answer.read().decode()
            except OSError:
                continue  # not up yet
            self.seen |= set(re.findall(r'model_breaker="(\w+)"\} 1\.0', text))


def test_ten_minutes_of_failing_slack_and_mistral_lose_nothing(
    settings: Settings, product_env: dict[str, str], session: Session, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    with SlackStub() as slack, MistralStub() as mistral:
        mistral.faults += [dict(one) for one in MODEL_FAULTS * 3]
        slack.faults += [dict(one) | {"path": POST} for one in SLACK_FAULTS]
        slack.faults += [dict(one) | {"path": UPDATE} for one in SLACK_FAULTS * 2]
        with (
            analyzer_process(
                product_env,
                tmp_path / "analyzer.log",
                slack_bot_token="xoxb-1",
                slack_api_url=slack.api_url,
                mistral_api_key="key",
                mistral_server_url=mistral.url,
                analyzer_metrics_port=port,
                log_format="json",
            ),
            Breaker(port) as breaker,
        ):
            for minute in range(MINUTES):
                send(settings, minute_of_errors(minute))
            eventually(
                lambda: incidents(session),
                lambda found: (
                    [one.error_count for one in found] == [ERRORS] * MINUTES and all_standing(found)
                ),
                SETTLED_SECONDS,
            )
            eventually(
                lambda: [one["text"] for one in slack.messages],
                lambda texts: all(f"{ERRORS} errors" in text for text in texts),
                SETTLED_SECONDS,
            )
            eventually(lambda: breaker.seen, lambda seen: "open" in seen, SETTLED_SECONDS)
    views = incidents(session)
    roots = [one["metadata"]["event_payload"]["incident_id"] for one in slack.messages]
    assert sorted(roots) == sorted(str(one.incident_id) for one in views)
    for message in slack.messages:
        assert_never_older(slack, message)
    threads = {one["ts"] for one in slack.messages}
    assert all(
        one["thread_ts"] in threads and one["ts"] > one["thread_ts"] for one in slack.replies
    )


def minute_of_errors(minute: int) -> list[dict[str, object]]:
    """Errors of a service that nothing connects with the services of the other minutes."""
    name = "shop-" + "abcdefghij"[minute]
    at_ms = BEGAN_MS + minute * 60_000
    return [
        an_event(name, n, at_ms + n * 1_000, message=f"Shelf {n} of {name} collapsed")
        for n in range(ERRORS)
    ]


def assert_never_older(slack: SlackStub, message: dict) -> None:
    """What was once shown as counted is never shown as fewer again."""
    texts = [
        request["body"]["text"]
        for request in slack.recorded
        if request["path"] == UPDATE and request["body"].get("ts") == message["ts"]
    ]
    counts = [int(found[1]) for text in texts if (found := re.search(r"(\d+) errors?", text))]
    assert all(earlier <= later for earlier, later in itertools.pairwise(counts))
