from __future__ import annotations

import re
import string
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.redaction.numbers import passes_luhn, passes_mod_97
from log_analyzer.redaction.redactor import NEVER_PUT_BACK, PLACEHOLDER, Redactor, cut_apart, redact
from tests.hostile_lines import HOSTILE_LINES
from tests.planted_secrets import planted_secrets


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail ann@example.com, now", "mail <EMAIL_1>, now"),
        ("postgres://app:p@ss/w@db:5432/x", "postgres://app:<PASSWORD_1>@db:5432/x"),
        ("Server=x;Password=hun;ter2;User=y", "Server=x;Password=<PASSWORD_1>;User=y"),
        ('{"password":"a\\"b c","n":1}', '{"password":"<PASSWORD_1>","n":1}'),
        ('{\\"password\\":\\"x y\\"}', '{\\"password\\":\\"<PASSWORD_1>\\"}'),
        ("<password>hunter2</password>", "<password><TOKEN_1></password>"),
        ("mysql -u root -phunter2 db", "mysql -u root -p<PASSWORD_1> db"),
        ("curl -u ann:secret1 https://x", "curl -u ann:<PASSWORD_1> https://x"),
        ("--token abc123 --port 3", "--token <TOKEN_1> --port 3"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer <TOKEN_1>"),
        ("set password to hunter2", "set password to <PASSWORD_1>"),
        ("thin:scott/tiger@host", "thin:scott/<PASSWORD_1>@host"),
        ("secret=correcthorsebattery", "secret=<TOKEN_1>"),
        ("token 8f14e45fceea167a5a36dedd4bea2543 bad", "token <TOKEN_1> bad"),
        ("call 505.358.6284x79 or Tel. 016676629", "call <PHONE_1> or Tel. <PHONE_2>"),
        ("card 4111 1111 1111 1111.", "card <CARD_1>."),
        ("IBAN DE89 3704 0044 0532 0130 00 failed", "IBAN <IBAN_1> failed"),
        ("from 8.8.8.8:443 to 10.1.2.3", "from <IP_1>:443 to 10.1.2.3"),
        ("from ::ffff:8.8.8.8 or 2001:db8::1", "from <IP_1> or <IP_2>"),
        ("call +49 30 123456 or (555) 010-9999", "call <PHONE_1> or <PHONE_2>"),
        ("mobile: 0171 2345678", "mobile: <PHONE_1>"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "<PRIVATE_KEY_1>"),
        ("ann@x.org met bob@x.org and ann@x.org", "<EMAIL_1> met <EMAIL_2> and <EMAIL_1>"),
    ],
)
def test_secrets_become_placeholders_and_the_rest_stays(text, redacted) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "at 2023-01-29T08:42:09.487Z and 29/Jan/2023:08:42:09 +0000, 1675000000000 ms",
        "trace_id=4111111111111111 order 4111111111111112, 12 of 5000000000000000",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tokens=3214 prompt_tokens: 5000 max_tokens=800",
        "basic authentication failed in ts-basic-service",
        "Invalid credentials for user; password must be changed; password: required",
        "password=null token=None secret: ${VAULT} pass: 12, fail: 3",
        "cache key=order:123 partition key: 17",
        "driver version 1.2.3.4 at 127.0.0.1:9042 and 192.168.4.20 and [::1]:80",
        "http://host:8080/a@b std::abc dead::beef 00:1A:2B:3C:4D:5E",
        "com.example.Order@6d06d69c lodash@4.17.21 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "[tripId: D1345][orderId: e4e9bbd8-997a-4b51-b580-8efd4c107e76] took 123.4567 ms",
        "pod ts-food-service-f5756978c-k8vqf line 302, offset +12345, -17, 99 %",
    ],
)
def test_timestamps_ids_and_other_numbers_stay_whole(text) -> None:
    assert redact(text) == text


def test_one_incident_has_one_numbering() -> None:
    redactor = Redactor()
    assert redactor.redact("ann@example.com") == "<EMAIL_1>"
    assert redactor.redact("bob@example.com, ann@example.com") == "<EMAIL_2>, <EMAIL_1>"
    later = Redactor(redactor.kept_of("<EMAIL_1> <EMAIL_2>"))
    assert later.redact("eve@example.com, bob@example.com") == "<EMAIL_3>, <EMAIL_2>"


def test_values_come_back_only_where_it_is_allowed_and_credentials_never() -> None:
    redactor = Redactor()
    text = redactor.redact("ann@example.com from 8.8.8.8, password=hunter2, card 4111111111111111")
    assert redactor.restore(text, allowed=False) == text
    restored = redactor.restore(text, allowed=True)
    assert restored == "ann@example.com from 8.8.8.8, password=<PASSWORD_1>, card <CARD_1>"
    assert redactor.restore("<EMAIL_9> <b>", allowed=True) == "<EMAIL_9> <b>"
    kinds = {PLACEHOLDER.fullmatch(one)["kind"] for one in redactor.kept_of(text)}
    assert kinds.isdisjoint(NEVER_PUT_BACK)


def test_a_forged_placeholder_never_means_anothers_value() -> None:
    redactor = Redactor()
    text = redactor.redact("forged <EMAIL_1>, real ann@example.com")
    assert text == "forged <EMAIL_1>, real <EMAIL_2>"
    assert redactor.restore("<EMAIL_1>", allowed=True) == "<EMAIL_1>"


@given(st.text())
def test_redacting_twice_changes_nothing(text) -> None:
    redactor = Redactor()
    once = redactor.redact(text)
    assert redactor.redact(once) == once


@given(
    st.uuids(),
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1)),
    st.integers(min_value=0, max_value=2**128 - 1),
    st.sampled_from(["{}", "[{}]", "at {}, done", "x={};", '"{}"', "({})"]),
)
def test_ids_and_times_stay_whole(an_id, moment, number, shape) -> None:
    aware = moment.replace(tzinfo=UTC)
    ours = [
        str(an_id),
        f"trace_id={number:032x}",
        f"span_id={number % 2**64:016x}",
        aware.isoformat(timespec="milliseconds"),
        (aware + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3],
        aware.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        str(int(aware.timestamp() * 1000)),
        str(uuid.UUID(int=number)),
    ]
    for one in ours:
        text = shape.format(one)
        assert redact(text) == text


@given(
    st.integers(min_value=0, max_value=10**6),
    st.text(alphabet=string.ascii_letters + " .:[](),-'\"\n", max_size=30),
)
def test_no_planted_secret_is_seen_whatever_stands_around_it(seed, around) -> None:
    # A letter next to a secret is no log line; a blank or a mark is.
    for one in planted_secrets(12, seed):
        before = around.rstrip(string.ascii_letters + "-.'\"(:[\\")
        after = around.lstrip(string.ascii_letters + "-'\"():.[]")
        assert one.secret not in redact(f"{before} {one.text} {after}")


@given(st.text(alphabet=string.digits, min_size=11, max_size=18))
def test_luhn_finds_each_wrong_digit(digits) -> None:
    right = [one for one in string.digits if passes_luhn(digits + one)]
    assert len(right) == 1
    changed = str((int(digits[0]) + 1) % 10) + digits[1:]
    assert not passes_luhn(changed + right[0])


@given(st.text(alphabet=string.digits, min_size=18, max_size=18))
def test_an_iban_needs_its_check_digits(digits) -> None:
    found = [f"DE{check:02}{digits}" for check in range(100)]
    valid = [one for one in found if passes_mod_97(one)]
    assert {redact(one) == "<IBAN_1>" for one in valid} == {True}
    assert 1 <= len(valid) <= 2
    wrong = next(one for one in found if one not in valid)
    assert "<IBAN" not in redact(wrong)


def test_hostile_lines_are_redacted_in_bounded_steps_and_hide_nothing() -> None:
    for line in HOSTILE_LINES:
        text = redact(f"{line.text[:5_000]} ann@example.com")
        assert "ann@example.com" not in text
        assert re.search(r"<EMAIL_\d+>", text) or "PASSWORD" in text


CUT = [one for one in planted_secrets(120, seed=9) if one.kind != "address_or_phone"]


@pytest.mark.parametrize("limit", [60, 120, 200])
def test_no_cut_leaves_a_piece_of_a_secret(limit) -> None:
    for number, one in enumerate(CUT):
        # The secret lies across the cut, or just before it: what shows it may stand behind.
        before = "x" * (limit - 10 - number % 25)
        text = f"{before} {one.text} and more text behind it, so that there is something to cut"
        for cut in (Redactor().redact(text, limit), redact(cut_apart(text, limit))):
            assert len(cut) <= limit + 20
            shown = cut[len(before) :]
            assert not any(one.secret[:size] in shown for size in range(6, len(one.secret))), text


def test_a_cut_never_goes_through_a_placeholder() -> None:
    text = "ann@example.com " * 20
    for limit in range(1, 60):
        assert re.fullmatch(r"(<EMAIL_1> ?)*", Redactor().redact(text, limit))


def test_a_card_behind_the_name_of_an_id_goes_too() -> None:
    assert redact("order number: 4111 1111 1111 1111") == "order number: <CARD_1>"
    assert redact("trace_id=4111111111111111") == "trace_id=4111111111111111"
