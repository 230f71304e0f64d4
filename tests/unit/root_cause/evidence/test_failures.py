"""What services complain of as evidence: whom it blames, and what is no news."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firstcause.events.log_event import LogEvent
from root_cause.evidence.complaints import complaints_of
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import surprise
from root_cause.explanation.reasons import reasons
from root_cause.normal.learner import learn
from root_cause.ranking.ranker import Ranking, rank
from tests.unit.root_cause.small_traces import START_MS, Line, traffic

LATER_MS = START_MS + 3_600_000
CRASH = (
    "Exception during message handling: TypeError: reserve() takes 3 arguments (2 given)\n"
    "Traceback (most recent call last):\n"
    '  File "/app/server.py", line 160, in handle\n    reserve(order)\n'
    "TypeError: reserve() takes 3 arguments (2 given)"
)
PARTNERS = ("cart", "stock", "price", "tax", "mail", "offers")
NAMES = PeerNames(["ts-order-service", "ts-order-other-service", "ts-seat-service", "cart-db"])


def heartbeats(_: int, dice: random.Random) -> list[Line]:
    """Services that log without any request."""
    return [
        Line(dice.randint(1, 50), name, "still here", span=name)
        for name in ("api", "scheduler", "worker", "store")
    ]


def untraced(events: list[LogEvent]) -> list[LogEvent]:
    return [replace(event, trace_id=None, span_id=None) for event in events]


def line(service: str, at_ms: int, message: str, level: str = "ERROR") -> LogEvent:
    dice = random.Random(f"{service} {at_ms} {message}")
    return LogEvent(
        log_id=f"{dice.getrandbits(128):032x}",
        timestamp_ms=LATER_MS + at_ms,
        service_name=service,
        level=level,
        message=message,
    )


def normal_of_heartbeats():
    return learn(untraced(traffic(heartbeats, 2_400)), [])


def quiet_window() -> list[LogEvent]:
    return untraced(traffic(heartbeats, 200, first=5_000, at_ms=LATER_MS))


def first_of(ranking: Ranking) -> list[str]:
    return [one.service_name for one in ranking.suspects if one.rank == 1]


def test_one_error_with_a_stack_trace_names_its_service() -> None:
    crash = line("scheduler", 100_000, CRASH)
    ranking = rank([*quiet_window(), crash], [], normal_of_heartbeats())
    assert ranking.culprit == "scheduler"
    told = reasons(ranking.suspects[0])
    assert told[0].log_ids == (crash.log_id,)
    assert "with a stack trace of its code; it is new" in told[0].sentence


def test_a_failure_that_is_told_in_three_lines_counts_once() -> None:
    crash = line("scheduler", 100_000, CRASH)
    echoes = [
        line("scheduler", 100_010, "could not reserve"),
        line("scheduler", 100_020, "order is given up"),
        line("scheduler", 100_030, "queue may be slow", "WARN"),
    ]
    usual = normal_of_heartbeats()
    once = rank([*quiet_window(), crash], [], usual).suspects[0].score
    told = rank([*quiet_window(), crash, *echoes], [], usual).suspects[0]
    assert told.score == pytest.approx(once, rel=0.01)
    assert [piece.finding.log_ids for piece in told.pieces] == [(crash.log_id,)]


@pytest.mark.parametrize(
    "other",
    [
        line("scheduler", 130_000, "could not reserve"),
        replace(line("scheduler", 100_010, "could not reserve"), trace_id="7" * 32),
        line("scheduler", 100_010, "worker does not answer"),
    ],
    ids=["later", "of another request", "about a peer"],
)
def test_another_failure_of_the_same_service_counts_besides(other: LogEvent) -> None:
    window = [*quiet_window(), line("scheduler", 100_000, "order is given up")]
    usual = normal_of_heartbeats()
    complaints = [
        {log_id for one in rank(events, [], usual).suspects for piece in one.pieces
         for log_id in piece.finding.log_ids}
        for events in (window, [*window, other])
    ]  # fmt: skip
    assert complaints[1] - complaints[0] == {other.log_id}


def test_without_a_normal_the_same_service_is_first() -> None:
    assert first_of(rank([*quiet_window(), line("scheduler", 100_000, CRASH)], [], None)) == [
        "scheduler"
    ]


def test_who_passes_an_error_on_is_not_the_culprit() -> None:
    events = [
        line("worker", 100_000, CRASH),
        line("api", 100_050, "Request failed: server has erred (HTTP 500)"),
        line("api", 101_000, "Cannot finish the order: internal server error"),
        line("store", 104_000, "Volume must be available, but is in error"),
    ]
    assert rank([*quiet_window(), *events], [], normal_of_heartbeats()).culprit == "worker"


def test_a_chain_of_names_leads_to_the_silent_one() -> None:
    events = [
        event
        for at_ms in range(100_000, 160_000, 4_000)
        for event in (
            line("scheduler", at_ms, "store did not answer within 500 ms"),
            line("api", at_ms + 10, "call of scheduler failed with status 500"),
        )
    ]
    for normal in (normal_of_heartbeats(), None):
        ranking = rank([*quiet_window(), *events], [], normal)
        assert first_of(ranking) == ["store"]


def test_who_reaches_none_of_its_partners_is_at_fault_itself() -> None:
    """Names that one service alone cannot resolve are that service's trouble."""

    def requests(_: int, dice: random.Random) -> list[Line]:
        shop = [
            line
            for name in PARTNERS
            for line in (Line(3, "shop", f"asks for {name}"), Line(3, name, f"{name} answers"))
        ]
        return [Line(0, "web", "begins"), *shop, Line(3, "web", "ends")]

    def failing(number: int, dice: random.Random) -> list[Line]:
        lines = requests(number, dice)
        peer = PARTNERS[number % len(PARTNERS)]
        at = next(n for n, one in enumerate(lines) if one.service_name == peer)
        broken = Line(3, "shop", f"dial tcp: lookup {peer}: no such host", "ERROR")
        return [*lines[:at], broken, Line(3, "web", "shop answered 500", "ERROR")]

    events = traffic(requests, 30, first=5_000, at_ms=LATER_MS) + traffic(
        failing, 90, first=6_000, at_ms=LATER_MS + 30_000
    )
    assert first_of(rank(events, [], learn(traffic(requests, 120), []))) == ["shop"]


def test_the_same_complaint_of_another_peer_is_no_news() -> None:
    def grumbling(number: int, dice: random.Random) -> list[Line]:
        peer = ("worker", "store")[number % 2]
        return [
            *heartbeats(number, dice),
            *([Line(1, "api", f"no instances for {peer}", "ERROR")] if number % 4 == 0 else []),
        ]

    usual = learn(untraced(traffic(grumbling, 600)), [])
    others = [
        line("scheduler", at_ms, "no instances for worker")
        for at_ms in range(60_000, 200_000, 8_000)
    ]
    assert rank([*quiet_window(), *others], [], usual).inconclusive


def test_what_is_there_from_the_window_s_start_and_ends_is_no_evidence() -> None:
    before = [line("api", at_ms, "quota exceeded") for at_ms in range(0, 30_000, 500)]
    ranking = rank([*quiet_window(), *before], [], normal_of_heartbeats())
    assert ranking.suspects == ()


def test_what_goes_on_since_the_window_s_start_is_no_evidence() -> None:
    ambient = [line("api", at_ms, "quota exceeded") for at_ms in range(0, 200_000, 4_000)]
    fault = [line("store", at_ms, "disk full") for at_ms in range(100_000, 200_000, 20_000)]
    usual = normal_of_heartbeats()
    assert rank([*quiet_window(), *ambient], [], usual).inconclusive
    assert first_of(rank([*quiet_window(), *ambient, *fault], [], usual)) == ["store"]


def test_what_becomes_more_frequent_than_at_the_window_s_start_is_evidence() -> None:
    few = [line("api", at_ms, "quota exceeded") for at_ms in range(0, 100_000, 20_000)]
    many = [line("api", at_ms, "quota exceeded") for at_ms in range(100_000, 200_000, 1_000)]
    ranking = rank([*quiet_window(), *few, *many], [], normal_of_heartbeats())
    assert first_of(ranking) == ["api"]


def test_without_a_normal_what_starts_outweighs_what_was_there_before() -> None:
    ambient = [line("api", at_ms, "quota exceeded") for at_ms in range(0, 200_000, 4_000)]
    fault = [line("store", at_ms, "disk full") for at_ms in range(100_000, 200_000, 5_000)]
    assert first_of(rank([*quiet_window(), *ambient, *fault], [], None)) == ["store"]


def test_without_a_normal_a_fault_that_is_older_than_the_window_is_suspected_not_named() -> None:
    errors = [line("api", at_ms, "quota exceeded") for at_ms in range(0, 200_000, 4_000)]
    crash = [line("store", at_ms, CRASH) for at_ms in range(500, 200_000, 2_000)]
    ranking = rank([*quiet_window(), *errors, *crash], [], None)
    assert first_of(ranking) == ["store"]
    assert ranking.inconclusive


def test_a_failure_of_a_peer_without_its_name_hardly_blames_who_tells_it() -> None:
    """No request can be followed here, so nobody knows whom the worker calls."""
    told = [line("worker", at_ms, "read timed out") for at_ms in range(100_000, 200_000, 5_000)]
    named = [
        line("scheduler", at_ms, "store did not answer within 500 ms")
        for at_ms in range(102_000, 200_000, 20_000)
    ]
    for normal in (normal_of_heartbeats(), None):
        assert first_of(rank([*quiet_window(), *told, *named], [], normal)) == ["store"]


def test_who_fails_over_its_own_database_is_blamed_itself() -> None:
    times = range(100_000, 200_000, 5_000)
    of_peer = [line("worker", at_ms, "read timed out") for at_ms in times]
    of_data = [line("scheduler", at_ms, "statement timed out") for at_ms in times]
    ranking = rank([*quiet_window(), *of_peer, *of_data], [], normal_of_heartbeats())
    assert first_of(ranking) == ["scheduler"]


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ("could not reserve seats: deadline exceeded", {"ts-seat-service"}),
        ("get_seat: read timed out", {"ts-seat-service"}),
        ("findSeat failed with 503", {"ts-seat-service"}),
        ("the seating timed out", set()),
    ],
)
def test_an_operation_hints_at_the_service_that_it_is_about(text: str, hinted: set[str]) -> None:
    assert NAMES.hinted(text) == hinted


def test_one_line_before_the_known_start_takes_no_fault_away() -> None:
    errors = [line("api", at_ms, "quota exceeded") for at_ms in range(0, 200_000, 10_000)]
    start_ms = LATER_MS + 5_000
    window = [one for one in quiet_window() if one.timestamp_ms >= start_ms]
    ranking = rank([*window, *errors], [], normal_of_heartbeats(), start_ms)
    assert first_of(ranking) == ["api"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("no instances for ts-order-service", {"ts-order-service"}),
        ("I/O error on POST http://ts-seat-service:18898/api", {"ts-seat-service"}),
        ("OrderClient#find failed", {"ts-order-service"}),
        ("order_service timed out", {"ts-order-service"}),
        ("GET http://seat:8080/x refused", {"ts-seat-service"}),
        ("OrderOtherService is down", {"ts-order-other-service"}),
        ("dial tcp: lookup CART-DB on 10.0.0.1: no such host", {"cart-db"}),
        ("order 7 has no seat", set()),
        ("reordered by ts-order-services", set()),
        ("the service is down", set()),
    ],
)
def test_services_are_named_by_name_address_and_client(text: str, named: set[str]) -> None:
    assert NAMES.named(text) == named


def test_a_stack_trace_names_nobody_and_notes_of_a_peer_count() -> None:
    events = [
        line("api", 1, f"{CRASH} in ts-seat-service"),
        line("api", 2, "connection to ts-seat-service refused, trying again", "INFO"),
        line("api", 3, "all is well", "INFO"),
        line("api", 4, "connection refused", "DEBUG"),
    ]
    crash, note = complaints_of(events, NAMES)
    assert crash.is_own
    assert not crash.named
    assert (note.weight, set(note.named)) == (0.5, {"ts-seat-service"})


def test_a_surprise_grows_with_cases_and_is_none_where_nothing_changed() -> None:
    assert surprise(5, 50, 10, 100) == surprise(0, 9, 0, 9) == surprise(1, 0, 1, 5) == 0
    assert surprise(6, 6, 0, 20) > surprise(3, 6, 0, 20) > surprise(3, 6, 4, 20) > 0


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("Handling list_certificate for user-7", False),
        ("certificate has expired", True),
        ("x509: signed by unknown authority", True),
        ("the peer sent an invalid certificate", True),
    ],
)
def test_a_certificate_is_a_complaint_only_if_something_is_wrong_with_it(
    text: str, speaks: bool
) -> None:
    assert bool(complaints_of([line("api", 0, text, "INFO")], NAMES)) is speaks
