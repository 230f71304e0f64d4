from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log_templates.miner import MASK, MAX_TEMPLATE_CHARS, Template, TemplateMiner
from log_templates.tree import LEAVES, PATTERNS_OF_A_LEAF


def texts(*messages: str) -> list[str]:
    """The template texts of messages after all of them were learned."""
    miner = TemplateMiner()
    for message in messages:
        miner.add(message)
    return [miner.add(message).text for message in messages]


def groups(*messages: str) -> int:
    miner = TemplateMiner()
    return len({miner.add(message).template_id for message in messages})


def rebuilt(template: Template) -> str:
    parts = template.text.split(MASK)
    assert len(parts) == len(template.parameters) + 1
    pairs = zip(parts, (*template.parameters, ""), strict=True)
    return "".join(part + parameter for part, parameter in pairs)


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("Payment 4711 failed after 35ms", "Payment <*> failed after <*>"),
        ("user 3f2b8c1e-0b0a-4c1d-9e77-aa11bb22cc33 gone", "user <*> gone"),
        ("connect to 10.0.0.12:5432 refused", "connect to <*> refused"),
        ("lookup of db-3.shop.internal:5432 failed", "lookup of <*> failed"),
        ("peer [fe80::1ff:fe23:4567:890a] left", "peer <*> left"),
        ("lease for ac:de:48:00:11:22 ended", "lease for <*> ended"),
        ("no such file /var/lib/data/part.bin", "no such file <*>"),
        (r"cannot load C:\Program\x.dll, stopping", "cannot load <*>, stopping"),
        ("mail to ann.lee@example.com bounced", "mail to <*> bounced"),
        ("cannot parse 'a b c' at \"x y\"", "cannot parse <*> at <*>"),
        ("address 0xDEADBEEF, token deadbeefcafe", "address <*>, token <*>"),
        ("GET https://shop.example/api?q=7 failed", "GET <*> failed"),
        ('"DELETE /cart/7 HTTP/1.1" took 3 ms', '"DELETE <*>" took <*>'),
        ("ids: 1, 2, 3 are locked", "ids: <*> are locked"),
        ("read 512 bytes, wrote 3.5 MB", "read <*>, wrote <*>"),
        ("due on Sat Jun 18 02:08:12 2005 at last", "due on <*> at last"),
        ("May the cache be cold", "May the cache be cold"),
        ("order ORD-17 and block blk_-99", "order ORD-<*> and block blk_<*>"),
        ("worker Pool$Task@1f2e3d died", "worker Pool$Task@<*> died"),
        ("saved Cart(id=7, owner=ann, items=[Item(sku=a, n=1)])", "saved <*>"),
        ("stations [berlin, paris]: closed", "stations [<*>]: closed"),
        ("it doesn't work and can't", "it doesn't work and can't"),
        ("first line 7\n  at com.shop.Cart(Cart.java:12)", "first line <*>"),
        ("\x1b[31mred 7\x1b[0m alert", "red <*> alert"),
        ("   \n", "<empty>"),
        ("", "<empty>"),
    ],
)
def test_variables_are_masked_and_words_stay(message: str, template: str) -> None:
    assert TemplateMiner().add(message).text == template


@pytest.mark.parametrize(
    "messages",
    [
        ("VM Started on host 7", "VM Paused on host 7", "VM Resumed on host 7"),
        ("job 7: state from NEW to RUNNING", "job 7: state from RUNNING to DONE"),
        ("cache ready=true", "cache ready=false"),
        ("load failed: Permission denied", "load failed: Connection refused"),
        ("thrown: java.io.IOException: x", "thrown: java.lang.IllegalStateException: x"),
        ('"GET /cart" status 200', '"POST /cart" status 200'),
        ("link up", "link down"),
        ("put refused, errorCode = NoNode", "put refused, errorCode = NodeExists"),
        ("icon is now in state 'Active'", "icon is now in state 'Inactive'"),
        ('call gave "The peer is not there."', 'call gave "No answer came in time."'),
        ("Link Up on port", "Link Down on port"),
    ],
)
def test_one_differing_word_that_names_an_event_keeps_templates_apart(messages) -> None:
    assert groups(*messages) == len(messages)


@pytest.mark.parametrize(
    ("messages", "template"),
    [
        (("login of user ann refused", "login of user bob refused"), "login of user <*> refused"),
        (("no password for ann from 10.0.0.1",) * 2, "no password for ann from <*>"),
        (
            ("no password for ann from 10.0.0.1", "no password for bob7 from 10.0.0.2"),
            "no password for <*> from <*>",
        ),
        (("seat class=first, n=1", "seat class=second, n=2"), "seat class=<*>, n=<*>"),
        (("trip [from: rome]", "trip [from: oslo]"), "trip [from: <*>]"),
        (("seat owner=null", "seat owner=17", "seat owner=ann"), "seat owner=<*>"),
        (
            ("com.shop.task.Sweep: skipped once", "com.shop.mail.daily.Send: skipped once"),
            "<*>: skipped once",
        ),
    ],
)
def test_differing_words_where_a_variable_is_expected_are_one_template(messages, template) -> None:
    assert set(texts(*messages)) == {template}
    assert groups(*messages) == 1


def test_names_of_any_length_do_not_split_a_template() -> None:
    for template in ("parcel for {} left", "{} gets a letter", "Registering {} at 7"):
        names = (
            "Ann Lee",
            "Hans-Georg Au",
            "Victoire de la Tour",
            "Prof. Jo Hill B.Sc.",
            "Ann Bo Lu",
        )
        assert groups(*(template.format(name) for name in names)) == 1


def test_variables_of_several_words_and_lists_do_not_split_a_template() -> None:
    assert groups("ids 1", "ids 1, 2", "ids 1, 2, 3 4") == 1
    assert groups("call from 10.0.0.1 ()", "call from 10.0.0.2 (mail.shop.example.com)") == 1
    assert groups("got 10 bytes, left", "got 2048 bytes (2.00 KB), left") == 1
    assert groups("hops a-1 0xf <ok> b-2 0xe", "hops a-1 0xf <ok> b-2 0xe") == 1
    pair, triple = ("set node-1 0xf <ok> " + "node-2 0xe <ok> " * n for n in (1, 2))
    assert groups(pair, triple) == 1
    assert groups("shops: [KFC]", "shops: [KFC, Aldi]", "shops: [Spar, Aldi, Rewe]") == 1
    assert groups("[store=Roman Holiday, n=1]", "[store=Aldi, n=2]") == 1


def test_a_place_with_many_distinct_words_proves_to_be_a_variable() -> None:
    words = [f"{one}{two}{one}" for one in "bcdfghklmn" for two in "aeiou"]
    miner = TemplateMiner()
    ids = [miner.add(f"unit {word} of the fleet lost its bearing").template_id for word in words]
    assert len(set(ids)) < 12
    assert len(set(ids[12:])) == 1
    again = [miner.add(f"unit {word} of the fleet lost its bearing") for word in words]
    assert [one.template_id for one in again] == ids
    assert again[-1].text == "unit <*> of the fleet lost its bearing"


WORDS = st.sampled_from(["order", "for", "user", "failed", "while", "ok", MASK, *"=:,[](){}'\""])
VALUES = st.one_of(
    st.integers(-5, 10**9).map(str),
    st.uuids().map(str),
    st.sampled_from(["ann", "bob", "/a/b", "x=y"]),
)
MESSAGES = st.lists(st.one_of(WORDS, VALUES), max_size=12).map(" ".join) | st.text(
    # A log event's message has no lone surrogates: its reader replaces them.
    st.characters(exclude_characters="\x1b", exclude_categories=["Cs"]),
    max_size=80,
)


@given(st.lists(MESSAGES, max_size=40), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_ids_once_given_never_change(messages: list[str], chance: random.Random) -> None:
    miner = TemplateMiner()
    ids = {message: miner.add(message).template_id for message in messages}
    chance.shuffle(messages)
    assert {message: miner.add(message).template_id for message in messages} == ids
    restored = TemplateMiner()
    restored.restore(miner.patterns())
    assert {message: restored.add(message).template_id for message in messages} == ids


@given(st.lists(MESSAGES, max_size=30))
@settings(max_examples=200)
def test_text_and_parameters_are_the_message(messages: list[str]) -> None:
    miner = TemplateMiner()
    for message in (*messages, *messages):
        template = miner.add(message)
        if template.text != "<empty>":
            first = next(part for part in message.splitlines() if part.strip())
            plain = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", first).split())
            assert rebuilt(template) == plain


@given(
    st.lists(st.sampled_from(["order", "for", "user", "failed", "timeout", "while"]), min_size=1),
    st.lists(st.integers(0, 10**12), min_size=2, max_size=2),
    st.lists(st.uuids(), min_size=2, max_size=2),
)
def test_only_variables_apart_means_one_template(words, numbers, ids) -> None:
    one, other = (f"{' '.join(words)} {n} of {i}" for n, i in zip(numbers, ids, strict=True))
    assert TemplateMiner().add(one).template_id == TemplateMiner().add(other).template_id


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_has_a_short_nonempty_template(message: str) -> None:
    template = TemplateMiner().add(message)
    assert 0 < len(template.text) <= MAX_TEMPLATE_CHARS
    assert template == TemplateMiner().add(message)
    template.text.encode()


@pytest.mark.parametrize(
    "part", ["/", "a.", "(", "[{(", "\x00", "0:", "=\x00", "a=b,", "{a=", "'\"", "é "]
)
def test_a_message_of_a_megabyte_is_named_like_any_other(part: str) -> None:
    template = TemplateMiner().add(part * (1_000_000 // len(part)))
    assert 0 < len(template.text) <= MAX_TEMPLATE_CHARS


@given(st.lists(st.sampled_from(list("/-'\"@.:0fab ={}()[],<>*\x00")), max_size=3_000))
@settings(max_examples=50, deadline=None)
def test_hostile_text_is_masked_in_bounded_work(parts: list[str]) -> None:
    # A pattern that backtracks without end would not come back before the test times out.
    assert TemplateMiner().add("".join(parts)).text


def test_memory_is_bounded_and_what_exceeds_it_has_one_template() -> None:
    miner = TemplateMiner()
    letters = "abcdefghij"

    def words(number: int) -> str:
        return " ".join(
            "".join(letters[int(d)] for d in f"{number:06d}")[::step] for step in (1, -1, 2)
        )

    first = miner.add(f"same {words(0)} x").template_id
    for number in range(3 * PATTERNS_OF_A_LEAF):
        last = miner.add(f"same {words(7919 * number)} x")
    assert last.text == MASK
    assert rebuilt(last) == last.parameters[0]
    assert miner.add(f"same {words(0)} x").template_id == first
    assert len(miner.patterns()) <= LEAVES * PATTERNS_OF_A_LEAF
