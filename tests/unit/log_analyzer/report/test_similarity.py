"""How alike incidents are by what they show."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from firstcause.incidents.view import IncidentContext, NormalRanking
from log_analyzer.report.similarity import (
    LEAST_SIMILARITY,
    Traits,
    shared,
    similarity,
    traits_of,
)
from tests.unit.api.world import an_incident

NAMES = st.sampled_from(["cart", "order", "payment", "stock-db"])
TRAITS = st.builds(
    Traits,
    st.frozensets(st.tuples(NAMES, st.sampled_from(["pool <*> exhausted", "timeout", "503"]))),
    st.frozensets(NAMES),
    st.frozensets(st.tuples(NAMES, NAMES)),
    st.frozensets(st.sampled_from(["PAY-1", "POOL-7"])),
)
POOL = Traits(
    frozenset({("cart", "pool <*> exhausted"), ("order", "cart answers <*>")}),
    frozenset({"cart", "order"}),
    frozenset({("cart", "order")}),
    frozenset({"POOL-7"}),
)


@given(TRAITS, TRAITS)
def test_it_is_a_share_and_the_same_both_ways(one: Traits, other: Traits) -> None:
    alike = similarity(one, other)
    assert 0 <= alike <= 1
    assert alike == similarity(other, one)
    assert (alike > 0) == bool(shared(one, other))


@given(TRAITS)
def test_an_incident_is_like_itself(one: Traits) -> None:
    expected = 1.0 if any((one.templates, one.services, one.path, one.codes)) else 0.0
    assert similarity(one, one) == expected


def test_the_same_services_with_other_errors_are_not_similar() -> None:
    other = Traits(
        frozenset({("cart", "disk full"), ("order", "cart is slow")}),
        POOL.services,
        POOL.path,
        frozenset({"DISK-1"}),
    )
    assert similarity(POOL, other) < LEAST_SIMILARITY


def test_a_path_that_is_not_known_yet_says_nothing() -> None:
    young = dataclasses.replace(POOL, path=frozenset())
    assert similarity(POOL, young) == 1.0


def test_what_both_show_is_told() -> None:
    assert shared(POOL, POOL) == (
        "same errors: cart: pool <*> exhausted; order: cart answers <*>",
        "same codes: POOL-7",
        "same path: cart → order",
        "same services: cart; order",
    )
    many = dataclasses.replace(POOL, services=frozenset("abcde"))
    assert shared(many, many)[-1] == "same services: a; b; c and 2 more"


def test_the_traits_of_an_incident() -> None:
    ranking = NormalRanking("payment", (), True, "v", 1, 1, 2, 3, path=("payment", "order", "web"))
    view = an_incident(context=IncidentContext(1, ranking=ranking))
    traits = traits_of(view)
    assert traits.services == {"order", "payment"}
    assert traits.path == {("payment", "order"), ("order", "web")}
    assert traits.codes == {"PAY-1"}
