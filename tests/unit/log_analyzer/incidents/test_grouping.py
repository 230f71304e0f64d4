"""Which episodes one cause explains: the same incidents in whatever order they become known."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.episode import incident_id
from log_analyzer.incidents import trace_links
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.grouping import (
    NEAR_ONSET_MS,
    TRACE_ONSET_MS,
    Board,
    Links,
    Newcomer,
    pair,
    place,
)
from log_analyzer.incidents.trace_links import ErrorCalls, TraceLinks, packed, trace_key, unpacked

GRAPH = CallGraph([("api-gateway", "order"), ("order", "payment"), ("api-gateway", "search")])
NOTHING = CallGraph()
START_MS = 1_700_000_000_000


def newcomer(name: str, service: str, at_ms: int = 0, **fields: object) -> Newcomer:
    key = uuid.uuid5(uuid.NAMESPACE_OID, name)
    group = uuid.uuid5(uuid.NAMESPACE_URL, name)
    return Newcomer(key, group, service, f"{name} failed", START_MS + at_ms, **fields)


def settled(board: Board, newcomers: list[Newcomer], links: Links) -> Board:
    """The board after one transaction, as the store would apply it."""
    rows = place(newcomers, board, links)
    if not rows:
        return board
    return Board(board.revision + 1, {**board.rows, **{row.episode_id: row for row in rows}})


def partition(board: Board) -> set[frozenset[uuid.UUID]]:
    incidents: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for row in board.rows.values():
        incidents[row.incident_id].add(row.episode_id)
    return {frozenset(episodes) for episodes in incidents.values()}


def shared(*pairs: tuple[Newcomer, Newcomer], graph: CallGraph = NOTHING) -> Links:
    return Links({pair(one.episode_id, other.episode_id) for one, other in pairs}, graph)


def is_one(first: Newcomer, second: Newcomer, links: Links) -> bool:
    board = settled(settled(Board(), [first], links), [second], links)
    return len(partition(board)) == 1


def test_shared_traces_make_one_incident_that_the_earliest_names() -> None:
    payment, order = newcomer("payment", "payment", 5), newcomer("order", "order", 9)
    board = settled(Board(), [order, payment], shared((payment, order)))
    assert len(partition(board)) == 1
    assert board.incident_of(order.episode_id) == incident_id(payment.episode_id)
    assert [row.founds for row in board.rows.values()] == [True, False]


def test_neighbours_in_the_call_graph_and_in_time_are_one_and_others_are_not() -> None:
    order, payment = newcomer("a", "order"), newcomer("b", "payment", NEAR_ONSET_MS)
    assert is_one(order, payment, Links((), GRAPH))
    assert not is_one(order, payment, Links((), NOTHING))
    assert not is_one(order, newcomer("c", "search", 10), Links((), GRAPH))
    assert not is_one(order, newcomer("d", "payment", NEAR_ONSET_MS + 1), Links((), GRAPH))
    assert is_one(order, newcomer("e", "order", 10), Links((), NOTHING))


def test_a_gateway_that_fails_for_long_does_not_tie_a_new_cause_to_the_old_one() -> None:
    gateway = newcomer("gateway", "api-gateway")
    late = TRACE_ONSET_MS + 1
    cause = newcomer("search", "search", late)
    assert not is_one(gateway, cause, shared((gateway, cause), graph=GRAPH))
    # The other way round it is where the old failure surfaces.
    cause, gateway = newcomer("search", "search"), newcomer("gateway", "api-gateway", late)
    assert is_one(gateway, cause, shared((gateway, cause), graph=GRAPH))


def test_incidents_that_prove_to_share_traces_merge_into_the_one_opened_first() -> None:
    order, payment = newcomer("order", "order", 70_000), newcomer("payment", "payment")
    board = settled(settled(Board(), [order], shared()), [payment], shared())
    assert len(partition(board)) == 2
    board = settled(board, [], shared((order, payment)))
    [row] = [row for row in board.rows.values() if row.service_name == "payment"]
    assert row.incident_id == incident_id(order.episode_id)
    assert row.placed_in == incident_id(payment.episode_id)
    assert place([], board, shared((order, payment))) == []


def test_a_newcomer_that_ties_two_incidents_makes_them_one() -> None:
    first, second = newcomer("a", "search"), newcomer("b", "payment", 1_000)
    both = newcomer("c", "api-gateway", 2_000)
    links = shared((first, both), (second, both))
    board = settled(settled(Board(), [first], links), [second], links)
    board = settled(board, [both], links)
    assert {row.incident_id for row in board.rows.values()} == {incident_id(first.episode_id)}


def test_what_returns_joins_its_incident_on_the_board_or_not() -> None:
    old = newcomer("old", "payment")
    incident = incident_id(old.episode_id)
    again = newcomer("again", "payment", 10**7, returns_to=incident)
    surfaces = newcomer("surfaces", "order", 10**7 + 5)
    links = shared((again, surfaces))
    for board in (Board(), settled(Board(), [old], links)):
        # Its symptom was there first, and had opened an incident of its own.
        found = settled(settled(board, [surfaces], links), [again], links)
        assert {row.incident_id for row in found.rows.values()} == {incident}
        assert not found.rows[again.episode_id].founds


def test_what_returns_joins_what_its_incident_was_merged_into_meanwhile() -> None:
    older, younger = newcomer("older", "order"), newcomer("younger", "payment", NEAR_ONSET_MS + 1)
    board = settled(settled(Board(), [older], Links((), GRAPH)), [younger], Links((), GRAPH))
    merged = settled(board, [], shared((older, younger)))
    returning = newcomer("again", "payment", 10**7, returns_to=incident_id(younger.episode_id))
    found = settled(merged, [returning], Links((), GRAPH))
    assert found.incident_of(returning.episode_id) == incident_id(older.episode_id)


SERVICES = ("api-gateway", "order", "payment")


@st.composite
def storms(draw: st.DrawFn) -> tuple[list[Newcomer], Links, set[frozenset[uuid.UUID]]]:
    """Causes far apart in time; the groups of each are tied by traces, or by calls and time."""
    everybody, ties, expected = [], set(), set()
    for cause in range(draw(st.integers(1, 4))):
        start_ms = cause * 10 * TRACE_ONSET_MS
        groups = [
            newcomer(f"{cause}-{n}", draw(st.sampled_from(SERVICES)), start_ms + offset_ms)
            for n, offset_ms in enumerate(
                draw(st.lists(st.integers(0, NEAR_ONSET_MS), min_size=1, max_size=6))
            )
        ]
        # A chain of shared traces, so that no group is left alone.
        ties |= {pair(a.episode_id, b.episode_id) for a, b in itertools.pairwise(groups)}
        everybody += groups
        expected.add(frozenset(one.episode_id for one in groups))
    return everybody, Links(ties, draw(st.sampled_from((GRAPH, NOTHING)))), expected


@given(storms(), st.randoms(), st.data())
def test_the_order_of_arrival_never_changes_which_errors_are_together(storm, chance, data) -> None:
    everybody, links, expected = storm
    chance.shuffle(everybody)
    board, told = Board(), set()
    ties = list(links.shared_traces)
    while everybody:
        size = data.draw(st.integers(1, len(everybody)))
        batch, everybody = everybody[:size], everybody[size:]
        # Traces become known in any order too, some of them only after the episodes.
        told |= set(chance.sample(ties, chance.randint(0, len(ties))))
        board = settled(board, batch, Links(told, links.graph))
    board = settled(board, [], links)
    assert partition(board) == expected
    assert place([], board, links) == []


@given(st.permutations(range(6)))
def test_unrelated_causes_at_the_same_time_stay_apart(order) -> None:
    alone = [newcomer(str(n), f"service-{n}", n) for n in range(6)]
    board = Board()
    for n in order:
        board = settled(board, [alone[n]], Links((), GRAPH))
    assert len(partition(board)) == 6


def test_traces_tie_episodes_whoever_tells_of_them() -> None:
    one, other, third = (uuid.UUID(int=n) for n in range(3))
    links = TraceLinks()
    key = trace_key("ab12")
    assert not links.add(one, [key])
    assert not links.add(third, [trace_key("ab13")])
    assert links.add(other, unpacked(packed([key, key])))
    assert not links.add(other, [key])
    assert set(links.pairs) == {pair(one, other)}
    assert trace_key("00112233445566778899") == bytes.fromhex("0011223344556677")


def test_calls_are_read_off_the_parents_of_errors_in_any_order() -> None:
    upper = LogEvent(str(uuid.uuid4()), 0, "order", "ERROR", "x", span_id="a")
    lower = LogEvent(str(uuid.uuid4()), 0, "payment", "ERROR", "x", span_id="b", parent_span_id="a")
    for events in ((upper, lower), (lower, upper)):
        calls = ErrorCalls()
        for event in events:
            calls.add(event)
        assert calls.calls == {("order", "payment")}


def test_of_very_many_calls_the_latest_are_kept(monkeypatch) -> None:
    monkeypatch.setattr(trace_links, "CALLS_KEPT", 2)
    calls = ErrorCalls()
    for number, callee in enumerate(("a", "b", "a", "c")):
        for service, span, parent in (
            ("web", 2 * number, None),
            (callee, 2 * number + 1, 2 * number),
        ):
            calls.add(
                LogEvent(
                    log_id=str(uuid.uuid4()),
                    timestamp_ms=START_MS,
                    service_name=service,
                    level="ERROR",
                    message="m",
                    span_id=f"{span:016x}",
                    parent_span_id=None if parent is None else f"{parent:016x}",
                )
            )
    assert calls.calls == {("web", "a"), ("web", "c")}
