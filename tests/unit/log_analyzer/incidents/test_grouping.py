"""Which episodes one cause explains: the same incidents in whatever order they become known."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.episodes.episode import incident_id
from log_analyzer.episodes.trace_links import TracePattern
from log_analyzer.incidents.grouping.common_beginning import NEAR_ONSET_MS
from log_analyzer.incidents.grouping.name_ties import NAMED_ONSET_MS
from log_analyzer.incidents.grouping.parting import LEAST_TRACES, parted, split_out
from log_analyzer.incidents.grouping.placement import Board, BoardRow, Newcomer, place
from log_analyzer.incidents.grouping.same_words import TOGETHER_MS
from log_analyzer.incidents.grouping.ties import AT_ONCE_MS, Links
from log_analyzer.incidents.grouping.trace_votes import TRACE_ONSET_MS

CALLS = frozenset({("api-gateway", "order"), ("order", "payment"), ("api-gateway", "search")})
START_MS = 1_700_000_000_000


def newcomer(name: str, service: str, at_ms: int = 0, **fields: object) -> Newcomer:
    key = uuid.uuid5(uuid.NAMESPACE_OID, name)
    group = uuid.uuid5(uuid.NAMESPACE_URL, name)
    template = str(fields.pop("template", f"{name} failed"))
    names = frozenset(fields.pop("names", ()))
    return Newcomer(key, group, service, template, START_MS + at_ms, names=names, **fields)


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


def pattern(*episodes: Newcomer, deepest: Newcomer | None = None) -> TracePattern:
    keys = frozenset(one.episode_id for one in episodes)
    first = deepest or min(episodes, key=lambda one: (one.opened_ms, one.episode_id))
    lowest = frozenset({first.episode_id}) if deepest else keys
    return TracePattern(keys, lowest, first.episode_id, is_tree=deepest is not None)


def shared(*groups: tuple[Newcomer, ...], calls: frozenset = frozenset(), count: int = 1) -> Links:
    """Links by traces: of each group the first is the deepest."""
    return Links({pattern(*group, deepest=group[0]): count for group in groups}, calls)


def is_one(first: Newcomer, second: Newcomer, links: Links) -> bool:
    board = settled(settled(Board(), [first], links), [second], links)
    together = settled(Board(), [second, first], links)
    assert partition(board) == partition(together)
    return len(partition(board)) == 1


def test_shared_traces_make_one_incident_that_the_earliest_names() -> None:
    payment, order = newcomer("payment", "payment", 5), newcomer("order", "order", 9)
    board = settled(Board(), [order, payment], shared((payment, order)))
    assert len(partition(board)) == 1
    assert board.incident_of(order.episode_id) == incident_id(payment.episode_id)
    assert [row.founds for row in board.rows.values()] == [True, False]
    assert board.rows[order.episode_id].surfaces_from == payment.episode_id


def test_neighbours_in_calls_and_in_time_are_one_where_no_trace_tells() -> None:
    order, payment = newcomer("a", "order"), newcomer("b", "payment", NEAR_ONSET_MS)
    assert is_one(order, payment, Links({}, CALLS))
    assert not is_one(order, payment, Links())
    assert not is_one(order, newcomer("c", "search", 10), Links({}, CALLS))
    assert not is_one(order, newcomer("d", "payment", NEAR_ONSET_MS + 1), Links({}, CALLS))
    # Both have traces, and share none.
    traced = {pattern(order): 5, pattern(payment): 5}
    assert not is_one(order, payment, Links(traced, CALLS))


def test_two_templates_of_one_service_are_no_link_unless_they_begin_at_once() -> None:
    one = newcomer("a", "order")
    assert is_one(one, newcomer("b", "order", AT_ONCE_MS), Links())
    assert not is_one(one, newcomer("c", "order", AT_ONCE_MS + 1), Links())


def test_two_templates_of_one_service_that_surface_in_the_same_place_are_one() -> None:
    one, other = newcomer("a", "order"), newcomer("b", "order", NEAR_ONSET_MS)
    gateway = newcomer("c", "api-gateway", 10)
    links = shared((one, gateway), (other, gateway))
    assert len(partition(settled(Board(), [one, other, gateway], links))) == 1
    late = newcomer("d", "order", NEAR_ONSET_MS + 1)
    links = shared((one, gateway), (late, gateway))
    assert len(partition(settled(Board(), [one, late, gateway], links))) == 2


@given(st.permutations(range(3)), st.integers(1, 50), st.integers(1, 50))
def test_a_gateway_that_two_faults_reach_is_no_link(order, early, later) -> None:
    payment, search = newcomer("a", "payment"), newcomer("b", "search", 20_000)
    gateway = newcomer("c", "api-gateway", 5)
    traces = {
        pattern(payment, gateway, deepest=payment): early,
        pattern(search, gateway, deepest=search): later,
    }
    everybody, board = [payment, search, gateway], Board()
    for number in order:
        board = settled(board, [everybody[number]], Links(traces, CALLS))
    board = settled(board, [], Links(traces, CALLS))
    assert board.incident_of(payment.episode_id) != board.incident_of(search.episode_id)
    assert len(partition(board)) == 2


def test_what_a_gateway_surfaced_from_outlives_what_is_remembered_of_traces() -> None:
    payment, search = newcomer("a", "payment"), newcomer("b", "search", 20_000)
    gateway = newcomer("c", "api-gateway", 5)
    board = settled(Board(), [payment, gateway], shared((payment, gateway), count=9))
    # Another instance, or this one started anew, has heard of the later traces alone.
    board = settled(board, [search], shared((search, gateway), count=500))
    assert len(partition(board)) == 2


def test_one_odd_trace_before_the_fault_keeps_nobody_from_it() -> None:
    hiccup, fault = newcomer("a", "search"), newcomer("b", "payment", 30_000)
    gateway = newcomer("c", "api-gateway", 5)
    board = settled(Board(), [hiccup, gateway], shared((hiccup, gateway)))
    traces = {
        pattern(hiccup, gateway, deepest=hiccup): 1,
        pattern(fault, gateway, deepest=fault): 40,
    }
    board = settled(board, [fault], Links(traces, CALLS))
    assert board.incident_of(fault.episode_id) == board.incident_of(gateway.episode_id)


def test_a_gateway_that_fails_for_long_does_not_tie_a_new_cause_to_the_old_one() -> None:
    gateway = newcomer("gateway", "api-gateway")
    late = TRACE_ONSET_MS + 1
    cause = newcomer("search", "search", late)
    assert not is_one(gateway, cause, shared((cause, gateway), calls=CALLS))
    # The other way round it is where the old failure surfaces.
    cause, gateway = newcomer("search", "search"), newcomer("gateway", "api-gateway", late)
    assert is_one(gateway, cause, shared((cause, gateway), calls=CALLS))


def test_errors_that_name_the_same_callee_or_resource_are_one_whoever_says_it() -> None:
    cart = newcomer("a", "cart", names=["payment"])
    order = newcomer("b", "order", NAMED_ONSET_MS, names=["payment"])
    known = Links({}, frozenset({("order", "payment")}))
    assert is_one(cart, order, known)
    assert is_one(cart, newcomer("c", "payment", 9_000), known)
    # Its own caller is nobody that an error complains of.
    assert not is_one(newcomer("d", "order"), newcomer("e", "payment", 7_000, names=["order"]),
                      Links({pattern(newcomer("d", "order")): 1,
                             pattern(newcomer("e", "payment")): 1}, known.calls))  # fmt: skip
    here = newcomer("f", "cart", names=["shared-db"])
    assert is_one(here, newcomer("g", "mail", NAMED_ONSET_MS, names=["shared-db"]), Links())
    assert not is_one(here, newcomer("h", "mail", NAMED_ONSET_MS + 1, names=["shared-db"]), Links())
    assert not is_one(here, newcomer("i", "mail", names=["orders-db"]), Links())


def test_an_error_of_the_named_service_that_nobody_minds_is_not_what_is_meant() -> None:
    cart = newcomer("a", "cart", names=["payment"])
    gateway = newcomer("b", "api-gateway")
    own = newcomer("c", "payment", 7_000)
    links = Links({pattern(cart, gateway, deepest=cart): 3, pattern(own): 2}, CALLS)
    board = settled(Board(), [cart, gateway, own], links)
    assert board.incident_of(own.episode_id) != board.incident_of(cart.episode_id)


def test_the_same_words_of_several_services_at_the_same_time_are_one() -> None:
    said = {"template": "certificate has expired <*>"}
    assert is_one(newcomer("a", "x", **said), newcomer("b", "y", TOGETHER_MS, **said), Links())
    assert not is_one(
        newcomer("a", "x", **said), newcomer("b", "y", TOGETHER_MS + 1, **said), Links()
    )
    brief = {"template": "request failed <*>"}
    assert not is_one(newcomer("a", "x", **brief), newcomer("b", "y", 5, **brief), Links())


def test_incidents_that_prove_to_share_traces_merge_into_the_one_opened_first() -> None:
    order, payment = newcomer("order", "order", 70_000), newcomer("payment", "payment")
    board = settled(settled(Board(), [order], Links()), [payment], Links())
    assert len(partition(board)) == 2
    board = settled(board, [], shared((payment, order)))
    [row] = [row for row in board.rows.values() if row.service_name == "payment"]
    assert row.incident_id == incident_id(order.episode_id)
    assert row.placed_in == incident_id(payment.episode_id)
    assert place([], board, shared((payment, order))) == []


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
    board = settled(settled(Board(), [older], Links()), [younger], Links())
    merged = settled(board, [], shared((younger, older)))
    returning = newcomer("again", "payment", 10**7, returns_to=incident_id(younger.episode_id))
    found = settled(merged, [returning], Links())
    assert found.incident_of(returning.episode_id) == incident_id(older.episode_id)


@pytest.mark.parametrize("service", ["order", "payment"])
def test_a_service_that_is_split_out_stays_out_and_the_opener_keeps_the_incident(service) -> None:
    payment, order = newcomer("payment", "payment"), newcomer("order", "order", 9)
    links = shared((payment, order), count=20)
    board = settled(Board(), [payment, order], links)
    incident = incident_id(payment.episode_id)
    rows = split_out(board, incident, service)
    board = Board(board.revision + 1, {**board.rows, **{row.episode_id: row for row in rows}})
    assert board.incident_of(payment.episode_id) == incident
    parted = board.rows[order.episode_id]
    assert parted.incident_id == parted.placed_in != incident
    assert parted.founds
    assert parted.split_from == incident
    assert place([], board, links) == []
    # All of it, or nothing of it: there is nothing to part.
    assert split_out(board, incident, "payment") == split_out(board, incident, "mail") == []


def applied(board: Board, rows: list[BoardRow]) -> Board:
    return Board(board.revision + 1, {**board.rows, **{row.episode_id: row for row in rows}})


def test_what_many_traces_show_to_be_two_is_split_once_and_stays_two() -> None:
    """The gateway's first trace held the errors of both; all others hold those of one."""
    payment, search = newcomer("payment", "payment"), newcomer("search", "search", 9_000)
    gateway = newcomer("gateway", "api-gateway", 9_500)
    early = shared((payment, search, gateway))
    board = settled(Board(), [payment, search, gateway], early)
    incident = incident_id(payment.episode_id)
    assert len(partition(board)) == 1
    late = Links(
        early.patterns
        | {pattern(payment, gateway, deepest=payment): 30, pattern(search, deepest=search): 30}
    )
    assert parted(board, late, known_in_part={incident}) == []
    rows = parted(board, late)
    board = applied(board, rows)
    assert partition(board) == {
        frozenset({payment.episode_id, gateway.episode_id}),
        frozenset({search.episode_id}),
    }
    assert board.incident_of(payment.episode_id) == incident
    left = board.rows[search.episode_id]
    assert (left.split_from, left.founds, left.held_apart) == (incident, True, False)
    assert place([], board, late) == parted(board, late) == []


def test_what_was_split_stays_two_when_the_first_is_merged_into_an_older_incident() -> None:
    older = newcomer("older", "mail", -9_000)
    payment, search = newcomer("payment", "payment"), newcomer("search", "search", 9_000)
    early = shared((payment, search))
    board = settled(Board(), [older], Links())
    board = settled(board, [payment, search], early)
    late = Links(early.patterns | {pattern(payment): 30, pattern(search): 30})
    board = applied(board, parted(board, late))
    left = board.incident_of(search.episode_id)
    merging = Links(late.patterns | {pattern(older, payment, deepest=older): 300})
    board = settled(board, [], merging)
    assert board.incident_of(payment.episode_id) == incident_id(older.episode_id)
    # A tie of later: to the one that they are now.
    again = Links(merging.patterns | {pattern(payment, search, deepest=payment): 900})
    board = settled(board, [], again)
    assert board.incident_of(search.episode_id) == left
    assert board.incident_of(payment.episode_id) == incident_id(older.episode_id)


def test_few_traces_split_nothing() -> None:
    payment, search = newcomer("payment", "payment"), newcomer("search", "search", 9_000)
    early = shared((payment, search))
    board = settled(Board(), [payment, search], early)
    few = Links(early.patterns | {pattern(payment): 30, pattern(search): LEAST_TRACES - 2})
    assert parted(board, few) == []


def test_a_part_without_traces_stays_where_the_incident_began() -> None:
    payment, search = newcomer("payment", "payment"), newcomer("search", "search", 9_000)
    job = newcomer("job", "payment", 1_000)
    early = shared((payment, search))
    board = settled(Board(), [payment, job, search], early)
    late = Links(early.patterns | {pattern(payment): 30, pattern(search): 30})
    board = applied(board, parted(board, late))
    assert board.incident_of(job.episode_id) == board.incident_of(payment.episode_id)
    assert board.incident_of(search.episode_id) != board.incident_of(payment.episode_id)


SERVICES = ("api-gateway", "order", "payment")


@st.composite
def storms(draw: st.DrawFn) -> tuple[list[Newcomer], dict, frozenset, set]:
    """Causes far apart in time; each surfaces through traces in several groups."""
    everybody, traces, expected = [], {}, set()
    for cause in range(draw(st.integers(1, 4))):
        start_ms = cause * 10 * TRACE_ONSET_MS
        groups = [
            newcomer(
                f"{cause}-{n}",
                draw(st.sampled_from(SERVICES)) if n else "payment",
                start_ms + offset_ms,
            )
            for n, offset_ms in enumerate(
                draw(st.lists(st.integers(0, NEAR_ONSET_MS), min_size=1, max_size=6))
            )
        ]
        for upper in groups[1:]:
            traces[pattern(groups[0], upper, deepest=groups[0])] = 1
        everybody += groups
        expected.add(frozenset(one.episode_id for one in groups))
    return everybody, traces, draw(st.sampled_from((CALLS, frozenset()))), expected


@given(storms(), st.randoms(), st.data())
def test_the_order_of_arrival_never_changes_which_errors_are_together(storm, chance, data) -> None:
    everybody, traces, calls, expected = storm
    chance.shuffle(everybody)
    board, told = Board(), {}
    while everybody:
        size = data.draw(st.integers(1, len(everybody)))
        batch, everybody = everybody[:size], everybody[size:]
        # Traces become known in any order too, some of them only after the episodes.
        told |= dict.fromkeys(chance.sample(list(traces), chance.randint(0, len(traces))), 1)
        board = settled(board, batch, Links(told, calls))
    board = settled(board, [], Links(traces, calls))
    assert partition(board) == expected
    assert place([], board, Links(traces, calls)) == []


@given(st.permutations(range(6)))
def test_unrelated_causes_at_the_same_time_stay_apart(order) -> None:
    alone = [newcomer(str(n), f"service-{n}", n) for n in range(6)]
    board = Board()
    for n in order:
        board = settled(board, [alone[n]], Links({}, CALLS))
    assert len(partition(board)) == 6


def flood(kind: str, count: int) -> tuple[list[Newcomer], Links]:
    """Services that fail within a minute for one database, tied in one way."""
    everybody = [
        newcomer(
            f"flood-{n}",
            f"service-{n}",
            n * 60_000 // count,
            names=[] if kind == "words" else ["shared-db"],
            template="cannot reach shared-db number <*>" if kind == "words" else f"no answer {n}",
        )
        for n in range(count)
    ]
    if kind == "one trace":
        return everybody, Links({pattern(*everybody): 1})
    if kind == "many traces":
        return everybody, Links({pattern(one): 3 for one in everybody})
    return everybody, Links()


@pytest.mark.parametrize("kind", ["one trace", "many traces", "names", "words"])
def test_a_thousand_services_that_fail_for_one_database_are_one_incident(kind) -> None:
    everybody, links = flood(kind, 1_000)
    board = Board()
    for start in range(0, len(everybody), 300):
        board = settled(board, everybody[start : start + 300], links)
    assert len(partition(board)) == 1


@pytest.mark.parametrize("kind", ["one trace", "many traces", "words"])
def test_placing_five_thousand_episodes_takes_half_a_second_at_most(kind) -> None:
    everybody, links = flood(kind, 5_000)
    spent = []
    for _ in range(3):  # what else the machine does adds to some of the turns
        began = time.process_time()
        rows = place(everybody, Board(), links)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.5
    assert len(rows) == 5_000


def own_failures(*templates: str) -> tuple[list[Newcomer], Links]:
    """Episodes of one service, within a minute but not at once, whose traces blame the service."""
    everybody = [
        newcomer(f"own-{n}", "payment", n * (AT_ONCE_MS + 1), template=template)
        for n, template in enumerate(templates)
    ]
    return everybody, Links({pattern(one)._replace(blamed="payment"): 5 for one in everybody})


@pytest.mark.parametrize(
    ("template", "other", "together"),
    [
        ("cannot charge card visa", "cannot charge card amex", True),
        ("visa card cannot be charged", "amex card cannot be charged", True),
        ("cannot charge visa card", "cannot charge amex card", True),
        ("cannot charge visa card", "cannot charge card visa", False),
        ("cannot charge visa card", "cannot refund amex card", False),
        ("cannot charge visa card", "cannot charge card", False),
        ("charge charge visa", "visa charge charge", False),
    ],
)
def test_what_a_service_says_of_itself_is_one_if_one_word_differs(
    template: str, other: str, together: bool
) -> None:
    everybody, links = own_failures(template, other)
    assert len(partition(settled(Board(), everybody, links))) == (1 if together else 2)


def test_what_a_long_template_costs_grows_with_its_words_not_with_their_square() -> None:
    words = " ".join(f"word-{number}" for number in range(4_000))
    everybody, links = own_failures(*(f"{words} end-{n}" for n in range(5)))
    spent = []
    for _ in range(3):
        began = time.process_time()
        board = settled(Board(), everybody, links)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.3
    assert len(partition(board)) == 1


def test_a_caller_whose_callees_callee_fails_is_no_origin_while_the_callee_is_late() -> None:
    gateway = newcomer("gateway", "api-gateway", names=["order"])
    payment = newcomer("payment", "payment", 5)
    links = Links({pattern(gateway, payment): 1}, CALLS)
    board = settled(Board(), [gateway, payment], links)
    assert board.rows[payment.episode_id].surfaces_from is None
    assert board.rows[gateway.episode_id].surfaces_from == payment.episode_id
