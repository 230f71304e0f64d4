"""Which episodes of one service, or about one service, have one cause: by whom traces blame."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.episodes.trace_links import TracePattern
from log_analyzer.incidents.grouping.common_beginning import NEAR_ONSET_MS
from log_analyzer.incidents.grouping.name_ties import NAMED_ONSET_MS
from log_analyzer.incidents.grouping.placement import Board, Newcomer, place
from log_analyzer.incidents.grouping.ties import AT_ONCE_MS, Links
from log_analyzer.incidents.grouping.wording import without_names

START_MS = 1_700_000_000_000


def episode(name: str, service: str, at_ms: int = 0, **fields: object) -> Newcomer:
    key = uuid.uuid5(uuid.NAMESPACE_OID, name)
    template = str(fields.pop("template", f"{name} failed"))
    names = frozenset(fields.pop("names", ()))
    return Newcomer(key, key, service, template, START_MS + at_ms, names=names)


def blaming(one: Newcomer, service: str) -> TracePattern:
    keys = frozenset({one.episode_id})
    return TracePattern(keys, keys, one.episode_id, blamed=service)


def links(blames: dict[tuple[Newcomer, str], int], **fields: object) -> Links:
    services = {"edge", "order", "payment", "search", "mail"}
    patterns = {blaming(one, service): count for (one, service), count in blames.items()}
    return Links(patterns, services=services, **fields)


def incidents(everybody: Sequence[Newcomer], known: Links) -> set[frozenset[uuid.UUID]]:
    """The incidents, the same whether the episodes come together or one after the other."""
    found = []
    for batches in ([everybody], [[one] for one in everybody], [[one] for one in everybody[::-1]]):
        board = Board()
        for batch in batches:
            rows = place(batch, board, known)
            board = board.with_rows(rows) if rows else board
        sets: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
        for row in board.rows.values():
            sets[row.incident_id].add(row.episode_id)
        found.append({frozenset(one) for one in sets.values()})
    assert found[0] == found[1] == found[2]
    return found[0]


def test_what_begins_at_once_in_one_service_is_two_if_traces_blame_two() -> None:
    one, other = episode("a", "edge"), episode("b", "edge", AT_ONCE_MS)
    assert len(incidents([one, other], links({(one, "order"): 5, (other, "search"): 5}))) == 2
    assert len(incidents([one, other], links({(one, "order"): 5, (other, "order"): 5}))) == 1
    # One trace may be odd, and who blames itself blames nobody else.
    assert len(incidents([one, other], links({(one, "order"): 5, (other, "search"): 1}))) == 1
    assert len(incidents([one, other], links({(one, "order"): 5, (other, "edge"): 5}))) == 1


@pytest.mark.parametrize("calls", [{("order", "search")}, {("order", "mail"), ("mail", "search")}])
def test_of_a_service_and_one_that_it_calls_the_blame_is_one(calls: set[tuple[str, str]]) -> None:
    one, other = episode("a", "edge"), episode("b", "edge", AT_ONCE_MS)
    known = links({(one, "order"): 5, (other, "search"): 5}, calls=calls)
    assert len(incidents([one, other], known)) == 1


@given(st.permutations(range(4)))
def test_whose_blame_differs_stays_two_in_whatever_order_they_come(order) -> None:
    everybody = [episode(f"at {at}", "edge", at * AT_ONCE_MS) for at in range(4)]
    for peers in (["order", "search"] * 2, ["order", "order", "search", "search"]):
        known = links(dict.fromkeys(zip(everybody, peers, strict=True), 5))
        expected: dict[str, set[uuid.UUID]] = defaultdict(set)
        for one, peer in zip(everybody, peers, strict=True):
            expected[peer].add(one.episode_id)
        found = incidents([everybody[at] for at in order], known)
        assert found == {frozenset(one) for one in expected.values()}


@given(st.permutations(["order", "payment", "search", "mail"]), st.integers(1, 4))
def test_a_service_that_says_the_same_of_three_others_is_one_cause(peers, count) -> None:
    everybody = [
        episode(peer, "edge", at * NEAR_ONSET_MS, template=f"lookup {peer}: no host", names=[peer])
        for at, peer in enumerate(peers[:count])
    ]
    known = links(dict.fromkeys(zip(everybody, peers, strict=False), 9))
    assert len(incidents(everybody, known)) == (1 if count >= 3 else count)


def test_of_three_others_something_else_or_much_later_is_no_tie() -> None:
    def said(template: str, step_ms: int) -> list[Newcomer]:
        return [
            episode(peer, "edge", at * step_ms, template=template.format(peer, at), names=[peer])
            for at, peer in enumerate(["order", "payment", "search"])
        ]

    late = said("lookup {0}: no host", NEAR_ONSET_MS + 1)
    other = said("{0} failed with problem x{1}", AT_ONCE_MS + 1)
    for everybody in (late, other):
        known = links({(one, min(one.names)): 9 for one in everybody})
        assert len(incidents(everybody, known)) == 3


def test_a_name_is_masked_in_any_case_and_with_what_stands_at_it() -> None:
    assert without_names("no (Payment): 5 to payment.", {"payment"}) == "no (<name>): 5 to <name>."
    assert without_names("payment-db is away", {"payment"}) == "payment-db is away"
    assert without_names("... {}", {"payment"}) == "... {}"


@given(st.permutations(range(3)))
def test_one_odd_trace_ties_to_what_it_blames_and_not_to_what_the_error_names_too(order) -> None:
    search = episode("a", "order", names=["search"])
    payment = episode("b", "mail", AT_ONCE_MS + 1, names=["payment"])
    odd = episode("c", "edge", 2 * AT_ONCE_MS, names=["payment"])
    everybody = [search, payment, odd]
    sure = {(search, "search"): 9, (payment, "payment"): 9}
    found = incidents([everybody[at] for at in order], links(sure | {(odd, "search"): 1}))
    assert found == {
        frozenset({search.episode_id, odd.episode_id}),
        frozenset({payment.episode_id}),
    }
    # Without a trace that was read the words count, and where it blames what they name.
    for blames in (sure, sure | {(odd, "payment"): 1}):
        found = incidents([everybody[at] for at in order], links(blames))
        assert frozenset({payment.episode_id, odd.episode_id}) in found
        assert len(found) == 2


def test_one_odd_trace_joins_others_and_starts_no_tie() -> None:
    one = episode("a", "order", names=["payment"])
    for at_ms, count in ((NAMED_ONSET_MS, 1), (NAMED_ONSET_MS + 1, 2)):
        odd = episode("b", "edge", at_ms)
        assert (
            len(incidents([one, odd], links({(one, "payment"): 9, (odd, "payment"): 1}))) == count
        )
    both = [episode("c", "order"), episode("d", "edge", AT_ONCE_MS)]
    assert len(incidents(both, links(dict.fromkeys([(each, "payment") for each in both], 1)))) == 2


def surfacing(one: Newcomer, above: Newcomer, blamed: str) -> TracePattern:
    """A trace in which an episode is the deepest, and another one surfaces from it."""
    keys = frozenset({one.episode_id, above.episode_id})
    return TracePattern(
        keys, frozenset({one.episode_id}), one.episode_id, is_tree=True, blamed=blamed
    )


@pytest.mark.parametrize(("at_ms", "count"), [(AT_ONCE_MS, 1), (AT_ONCE_MS + 1, 2)])
def test_a_services_own_fault_and_a_later_one_of_its_callee_are_two(at_ms: int, count: int) -> None:
    own, callee = episode("a", "order"), episode("b", "order", at_ms)
    # The gateway says the same of both.
    gateway = episode("c", "edge", names=["order"])
    known = Links(
        {surfacing(own, gateway, "order"): 5, surfacing(callee, gateway, "mail"): 5},
        services={"edge", "order", "mail"},
    )
    board = Board().with_rows(place([own, callee, gateway], Board(), known))
    assert len({row.incident_id for row in board.rows.values()}) == count


def test_what_names_a_service_is_not_tied_to_where_that_one_complains_of_another() -> None:
    edge = episode("a", "edge", names=["order"])
    order = episode("b", "order", NAMED_ONSET_MS - 1, names=["mail"])
    fails = {surfacing(order, episode("c", "edge", NAMED_ONSET_MS), "mail"): 5}
    known = Links({blaming(edge, "edge"): 5, **fails}, services={"edge", "order", "mail"})
    assert len(incidents([edge, order], known)) == 2


def test_what_a_service_says_beside_requests_is_not_tied_to_where_it_complains_of_another() -> None:
    beside = episode("a", "order")
    other = episode("b", "order", AT_ONCE_MS + 1, names=["mail"])
    above = episode("c", "edge", AT_ONCE_MS + 2)
    for blamed, count in (("order", 1), ("mail", 2)):
        known = Links({surfacing(other, above, blamed): 5}, services={"edge", "order", "mail"})
        assert len(incidents([beside, other, above], known)) == count


def test_a_trace_that_complains_of_a_caller_shows_a_services_own_fault() -> None:
    own, callee = episode("a", "order"), episode("b", "order", AT_ONCE_MS + 1, names=["mail"])
    gateway = episode("c", "edge", names=["order"])
    calls = {("edge", "order"), ("order", "mail")}
    known = Links(
        {
            blaming(own, "edge"): 5,
            surfacing(own, gateway, "order"): 5,
            surfacing(callee, gateway, "mail"): 5,
        },
        calls=calls,
        services={"edge", "order", "mail"},
    )
    board = Board().with_rows(place([own, callee, gateway], Board(), known))
    assert len({row.incident_id for row in board.rows.values()}) == 2


def test_a_complaint_of_another_between_two_own_faults_does_not_part_them() -> None:
    first, last = episode("a", "order"), episode("b", "order", NEAR_ONSET_MS - 10_000)
    between = episode("c", "order", 20_000, names=["mail"])
    gateway = episode("d", "edge", names=["order"])
    known = Links(
        {
            surfacing(first, gateway, "order"): 5,
            surfacing(last, gateway, "order"): 5,
            surfacing(between, gateway, "mail"): 5,
        },
        services={"edge", "order", "mail"},
    )
    board = Board().with_rows(place([first, between, last, gateway], Board(), known))
    assert board.incident_of(first.episode_id) == board.incident_of(last.episode_id)
    assert board.incident_of(first.episode_id) != board.incident_of(between.episode_id)


def test_a_line_beside_requests_belongs_to_the_own_fault_before_a_complaint_of_another() -> None:
    own, beside = episode("a", "order"), episode("b", "order", 40_000)
    between = episode("c", "order", 20_000, names=["mail"])
    above, higher = episode("d", "edge", names=["order"]), episode("e", "web", 20_001)
    known = Links(
        {surfacing(own, above, "order"): 5, surfacing(between, higher, "mail"): 5},
        services={"edge", "web", "order", "mail"},
    )
    board = Board().with_rows(place([own, between, beside, above, higher], Board(), known))
    assert board.incident_of(own.episode_id) == board.incident_of(beside.episode_id)


def test_who_names_a_service_without_traces_is_tied_to_where_that_one_names_another() -> None:
    edge = episode("a", "edge", names=["order"])
    order = episode("b", "order", NEAR_ONSET_MS + 10_000, names=["mail"])
    above = episode("c", "edge", NAMED_ONSET_MS)
    known = Links({surfacing(order, above, "order"): 1}, services={"edge", "order", "mail"})
    assert len(incidents([edge, order, above], known)) == 1
