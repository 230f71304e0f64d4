"""Whom a change of turns speaks of."""

from __future__ import annotations

import pytest

from root_cause.evidence.attribution import Turn, accused_of, call_roles, levels_of, likely
from root_cause.evidence.peer_names import PeerNames
from root_cause.ranking.service_named_in_error import services_named_in_errors
from root_cause.traces.event_key import END, SEPARATOR, event_key
from tests.unit.log_analyzer.context.incident_parts import a_log


def key(service: str, what: str, level: str = "INFO") -> str:
    return SEPARATOR.join((service, level, "", what))


def blamed(
    here: str,
    expected: str,
    instead: str,
    *,
    caller: str = "web",
    expects_entry: bool = False,
    still_came: bool = False,
    in_time: bool = False,
    opens: bool = False,
    own: bool = True,
    named: str | None = None,
    also: tuple[tuple[str, str, float], ...] = (),
) -> str:
    """The likeliest; `also` are other calls, and how much they are changed."""
    turn = Turn(caller, here, expected, instead, expects_entry, still_came, in_time, opens, own)
    levels = levels_of((level, call_roles(one, other)) for one, other, level in also)
    found = likely(accused_of(turn, named), levels)
    return max(found, key=lambda name: found[name])


ASKS, DONE = key("shop", "asks"), key("shop", "done")
READS, HAS = key("cart", "reads"), key("cart", "has")


def test_a_service_that_breaks_off_is_at_fault() -> None:
    assert blamed(READS, HAS, key("cart", "broken", "ERROR")) == "cart"
    assert blamed(READS, HAS, key("shop", "no answer", "ERROR")) == "cart"


@pytest.mark.parametrize(("in_time", "culprit"), [(True, "shop"), (False, "cart")])
def test_who_did_not_wait_is_at_fault_unless_the_other_was_slow(
    in_time: bool, culprit: str
) -> None:
    gave_up = key("shop", "gave up", "ERROR")
    assert blamed(READS, HAS, gave_up, still_came=True, in_time=in_time) == culprit


def test_an_error_that_names_a_service_is_believed() -> None:
    away = key("shop", "cart is away", "ERROR")
    assert blamed(ASKS, READS, away, expects_entry=True, named="cart") == "cart"


@pytest.mark.parametrize(
    "message",
    [
        "connection to payment-v2 refused",
        "payment-v2: 7 of 9 calls failed.",
        'no good answer from "payment-v2".',
        "prepayment-v2 stuck: payment-v2 did not answer",
        "GET http://payment-v2/x failed",
        "dial tcp payment-v2:8080: connection refused",
    ],
)
def test_a_service_is_named_wherever_its_name_is_a_word(message: str) -> None:
    event = a_log("order", 0, "ERROR", message)
    assert services_named_in_errors(
        [event], PeerNames({"order", "payment", "payment-v2", "v2"})
    ) == {event_key(event): "payment-v2"}


def test_an_error_that_names_itself_alone_or_several_names_nobody() -> None:
    services = PeerNames({"order", "payment", "stock"})
    for message in (
        "order failed",
        "neither payment nor stock",
        "prepayment due",
        "stock-db away",
    ):
        assert services_named_in_errors([a_log("order", 0, "ERROR", message)], services) == {}
    assert services_named_in_errors([a_log("order", 0, "INFO", "payment is slow")], services) == {}
    assert services_named_in_errors([a_log("order", 0, "ERROR", "x")], PeerNames(())) == {}


def test_an_error_that_names_nobody_means_itself_unless_all_its_others_answer() -> None:
    failed = key("shop", "cannot go on", "ERROR")
    assert blamed(ASKS, READS, failed, expects_entry=True) == "shop"
    fine = tuple(("shop", name, 0.0) for name in ("stock", "a", "b", "c"))
    assert blamed(ASKS, READS, failed, expects_entry=True, also=fine) == "cart"


def test_a_call_that_is_not_answered_is_the_callees_unless_the_caller_reaches_nobody() -> None:
    assert blamed(ASKS, READS, DONE, expects_entry=True) == "cart"
    nobody = (("shop", "stock", 1.0), ("shop", "a", 1.0), ("web", "cart", 0.0))
    assert blamed(ASKS, READS, DONE, expects_entry=True, also=nobody) == "shop"


def test_what_was_called_in_place_of_a_missing_line_is_not_at_fault() -> None:
    assert blamed(ASKS, READS, key("stock", "begins"), expects_entry=True, opens=True) == "cart"


def test_who_stumbles_alone_over_an_answer_is_at_fault_else_who_gave_it() -> None:
    stumbles = key("shop", "value is null", "ERROR")
    assert blamed(HAS, DONE, stumbles) == "shop"
    all_stumble = (("web", "cart", 1.0), ("stock", "cart", 1.0), ("a", "cart", 1.0))
    found = likely(
        accused_of(Turn("shop", HAS, DONE, stumbles, False, False, False, False, False)),
        levels_of((level, call_roles(one, other)) for one, other, level in all_stumble),
    )
    assert found["cart"] > 0.8 * found["shop"]


def test_a_request_that_ends_early_leaves_both_suspect() -> None:
    turn = Turn("web", ASKS, READS, END, True, False, False, False, False)
    found = likely(accused_of(turn), {})
    assert found["shop"] == found["cart"]


def test_who_calls_again_before_the_first_call_is_through_is_suspect_too() -> None:
    turn = Turn("shop", READS, HAS, READS, False, True, True, True, False)
    assert likely(accused_of(turn), {}) == {"shop": 0.5, "cart": 0.5}
