"""Alerts told over real HTTP: form, signature, retries, redirects, private addresses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from alerting.alert import Alert, alert_id, message_of
from firstcause.events.service_message import UnreadableServiceMessage
from log_analyzer.webhooks.addresses import RefusedAddressError, checked_target
from log_analyzer.webhooks.bodies import Notice, read_notice
from log_analyzer.webhooks.delivery import ATTEMPTS, Delivery
from log_analyzer.webhooks.receivers import PagerDuty, Receiver, Webhook
from log_analyzer.webhooks.sender import NotDeliveredError, WebhookSender
from tests.stubs.webhook import Webhooks, serving

START_MS = 1_767_225_600_000
SECRET = base64.b64encode(b"a secret of some length").decode()


@pytest.fixture
def hooks() -> Iterator[Webhooks]:
    with serving() as found:
        yield found


@pytest.fixture
def receiver(hooks: Webhooks, tmp_path: Path) -> Receiver:
    file = tmp_path / "secret"
    file.write_text(f"whsec_{SECRET}\n")
    return Receiver(name="hub", webhook=Webhook(url=hooks.url, secret_file=file))


def notice(resolved_ms: int | None = None, **changes: Any) -> Notice:
    found = Alert(
        alert_id=alert_id("error_rate", "cart", START_MS),
        rule="error_rate",
        service_name="cart",
        severity="high",
        mode="live",
        score=60,
        observed=0.2,
        expected=0.1,
        band=(None, 0.1),
        learned_from="a bound set in the rule",
        sentence="cart: share of errors is 20 %",
        window_start_ms=START_MS,
        window_end_ms=START_MS + 60_000,
        last_window_end_ms=START_MS + 60_000,
        resolved_ms=resolved_ms,
        kind="threshold",
    )
    return read_notice(orjson.dumps({**message_of(found, START_MS), **changes}))


def sender(*, allow_private: bool = True, **others: Any) -> WebhookSender:
    return WebhookSender(external_url="http://shown", allow_private=allow_private, **others)


def test_a_webhook_is_alertmanagers_and_signed(hooks: Webhooks, receiver: Receiver) -> None:
    told = notice()
    sender(clock=lambda: 1_767_225_700.9).send(told, receiver)
    (request,) = hooks.requests
    body = request.json
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "hub")
    (alert,) = body["alerts"]
    assert alert["labels"] == body["commonLabels"]
    assert alert["labels"] == {
        "alertname": "error_rate",
        "service": "cart",
        "severity": "high",
        "alert_id": told.alert_id,
        "kind": "threshold",
    }
    assert alert["annotations"]["summary"] == "cart: share of errors is 20 %"
    assert (alert["startsAt"], alert["endsAt"]) == (
        "2026-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00Z",
    )
    assert request.headers["webhook-id"] == f"{told.alert_id}.firing"
    signed = f"{told.alert_id}.firing.1767225700.".encode() + request.body
    digest = hmac.new(base64.b64decode(SECRET), signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_an_end_is_told_under_a_key_of_its_own(hooks: Webhooks, receiver: Receiver) -> None:
    sender().send(notice(START_MS + 300_000), receiver)
    (request,) = hooks.requests
    assert request.json["status"] == "resolved"
    assert request.json["alerts"][0]["endsAt"] == "2026-01-01T00:05:00.000Z"
    assert request.headers["webhook-id"].endswith(".resolved")


def test_pagerduty_gets_a_trigger_and_its_end_under_one_key(
    hooks: Webhooks, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("R0UT1NG\n")
    pagerduty = PagerDuty(routing_key_file=tmp_path / "key", url=hooks.url)
    receiver = Receiver(name="oncall", pagerduty=pagerduty)
    sending = sender()
    sending.send(notice(sentence="x" * 1_500), receiver)
    sending.send(notice(START_MS + 300_000), receiver)
    trigger, end = (one.json for one in hooks.requests)
    assert (trigger["event_action"], end["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == end["dedup_key"] == notice().alert_id
    assert {trigger["routing_key"], end["routing_key"]} == {"R0UT1NG"}
    payload = trigger["payload"]
    assert (payload["source"], payload["severity"], payload["class"]) == (
        "cart",
        "error",
        "error_rate",
    )
    assert len(payload["summary"]) == 1_024


def deliver(
    hooks: Webhooks, receivers: tuple[Receiver, ...], count: int = 1
) -> tuple[list[str], list[str]]:
    """The keys that came, and the dead letters."""
    letters: list[str] = []
    delivery = Delivery(sender(), letters.append, wait_seconds=0.0)
    for _ in range(count):
        delivery.deliver(notice(), receivers)
    return [one.headers["webhook-id"] for one in hooks.requests], letters


def test_what_fails_for_now_is_sent_again_under_the_same_key(
    hooks: Webhooks, receiver: Receiver
) -> None:
    hooks.answers.extend([500, 429, "drop"])
    keys, letters = deliver(hooks, (receiver,))
    assert (len(keys), len(set(keys)), letters) == (4, 1, [])


def test_tries_end_in_a_dead_letter_and_others_are_told_all_the_same(
    hooks: Webhooks, receiver: Receiver, tmp_path: Path
) -> None:
    hooks.answers.extend([503] * ATTEMPTS)
    other = Receiver(name="other", webhook=Webhook(url=hooks.url + "/other"))
    keys, letters = deliver(hooks, (receiver, other))
    assert len(keys) == ATTEMPTS + 1
    assert letters == ["hub: answered with status 503"]
    assert hooks.requests[-1].path == "/hook/other"


def test_a_receiver_that_is_down_is_tried_once_an_alert_until_it_answers(
    hooks: Webhooks, receiver: Receiver
) -> None:
    hooks.answers.extend([503] * (ATTEMPTS + 1))
    keys, letters = deliver(hooks, (receiver,), count=3)
    assert (len(keys), len(letters)) == (ATTEMPTS + 2, 2)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
def test_what_will_never_be_taken_is_not_sent_again(
    hooks: Webhooks, receiver: Receiver, status: int
) -> None:
    hooks.answers.append(status)
    keys, letters = deliver(hooks, (receiver,))
    assert (len(keys), letters) == (1, [f"hub: answered with status {status}"])


@pytest.mark.parametrize(
    ("location", "reason"), [("http://[", "ValueError"), ("http://a..b/", "UnicodeError")]
)
def test_a_redirect_to_what_is_no_address_is_a_dead_letter(
    hooks: Webhooks, receiver: Receiver, location: str, reason: str
) -> None:
    hooks.answers.append((307, location))
    keys, letters = deliver(hooks, (receiver,))
    assert len(keys) == 1
    assert letters[0].startswith(f"hub: {reason}: ")


def test_a_key_that_is_no_text_any_more_is_a_dead_letter(
    hooks: Webhooks, receiver: Receiver
) -> None:
    assert receiver.webhook is not None
    assert receiver.webhook.secret_file is not None
    receiver.webhook.secret_file.write_bytes(b"\xff\xfe")
    keys, (letter,) = deliver(hooks, (receiver,))
    assert keys == []
    assert letter.startswith("hub: UnicodeDecodeError: ")


def test_a_receiver_that_hangs_is_given_up_after_its_time(
    hooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("log_analyzer.webhooks.sender.TIMEOUT_SECONDS", 0.2)
    hooks.answers.append("hang")
    with pytest.raises(NotDeliveredError, match="Timeout") as error:
        sender().send(notice(), receiver)
    assert not error.value.is_final


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        receiver = Receiver(name="hub", webhook=Webhook(url=url))
        with pytest.raises(NotDeliveredError, match="ConnectError") as error:
            sender().send(notice(), receiver)
    assert not error.value.is_final


def test_public_addresses_are_allowed() -> None:
    for address in ("1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"):
        found = checked_target(
            "https://x.example/", allow_private=False, resolve=lambda *_, one=address: [one]
        )
        assert found.url.host == address


def test_a_redirect_is_followed_and_never_for_ever(hooks: Webhooks, receiver: Receiver) -> None:
    hooks.answers.append((307, "/moved"))
    sender().send(notice(), receiver)
    assert [one.path for one in hooks.requests] == ["/hook", "/moved"]
    hooks.answers.extend([(308, "/moved")] * 10)
    with pytest.raises(NotDeliveredError, match="more than 3 redirects"):
        sender().send(notice(), receiver)


def test_nothing_goes_to_a_private_address_unless_that_is_allowed(
    hooks: Webhooks, receiver: Receiver
) -> None:
    with pytest.raises(NotDeliveredError, match="WEBHOOKS_ALLOW_PRIVATE") as error:
        sender(allow_private=False).send(notice(), receiver)
    assert error.value.is_final
    assert hooks.requests == []


def test_a_redirect_inward_is_refused(hooks: Webhooks, receiver: Receiver) -> None:
    # The receiver's own name counts as public here, that of the redirect does not.
    hooks.answers.append((307, "http://inside.example/secret"))
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"] if host == "inside.example" else ["127.0.0.1"]

    def public(url: str, *, allow_private: bool, resolve: Any) -> Any:
        is_own = url == hooks.url
        return checked_target(url, allow_private=is_own, resolve=resolve)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("log_analyzer.webhooks.sender.checked_target", public)
        with pytest.raises(NotDeliveredError, match=r"10\.0\.0\.1, which is no public address"):
            sender(allow_private=False, resolve=resolve).send(notice(), receiver)
    assert asked == ["127.0.0.1", "inside.example"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fc00::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "64:ff9b:1::a00:1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "::ffff:127.0.0.1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(RefusedAddressError):
        checked_target("https://x.example/", allow_private=False, resolve=lambda *_: [address])
    # One of several is enough.
    with pytest.raises(RefusedAddressError):
        checked_target(
            "https://x.example/", allow_private=False, resolve=lambda *_: ["1.1.1.1", address]
        )


@pytest.mark.parametrize(
    ("url", "to", "header"),
    [
        ("https://x.example/a?b=c", "https://1.1.1.1/a?b=c", "x.example"),
        ("https://x.example:443/a", "https://1.1.1.1/a", "x.example"),
        ("http://x.example:8080/a", "http://1.1.1.1:8080/a", "x.example:8080"),
    ],
)
def test_what_is_connected_to_is_the_address_that_was_checked(
    url: str, to: str, header: str
) -> None:
    found = checked_target(url, allow_private=False, resolve=lambda *_: ["1.1.1.1"])
    assert (found.url, found.host, found.host_header) == (httpx.URL(to), "x.example", header)


@pytest.mark.parametrize("url", ["ftp://x.example/", "http://", "http://[::1", "/a"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddressError):
        checked_target(url, allow_private=True, resolve=lambda *_: ["1.1.1.1"])


def test_an_alert_of_others_needs_no_kind_and_no_sentence() -> None:
    told = notice(kind=None, sentence=None)
    assert (told.kind, told.sentence) == (None, "cart: error_rate")


@pytest.mark.parametrize(
    "changes",
    [{"rule": 3}, {"severity": "loud"}, {"window_start": "soon"}, {"resolved_at": 5}],
)
def test_what_is_no_alert_is_told_to_nobody(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableServiceMessage):
        notice(**changes)
