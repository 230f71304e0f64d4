"""Peers that log nothing are suspects as soon as others complain of them."""

from __future__ import annotations

import pytest

from firstcause.events.log_event import LogEvent
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.unheard_peers import with_unheard
from root_cause.normal.learned_counts import Normal
from root_cause.ranking.ranker import rank
from tests.unit.root_cause.evidence.test_failures import (
    first_of,
    line,
    normal_of_heartbeats,
    quiet_window,
)

HEARD = ("api", "scheduler", "worker", "store")


def complaints(message: str, services: tuple[str, ...]) -> list[LogEvent]:
    return [
        line(name, 120_000 + 4_000 * turn + 300 * number, f"{message} ({turn})")
        for turn in range(8)
        for number, name in enumerate(services)
    ]


def names_of(message: str, services: tuple[str, ...] = ("api",)) -> PeerNames:
    return with_unheard(complaints(message, services), HEARD)


@pytest.mark.parametrize("normal", [None, normal_of_heartbeats()], ids=["first day", "normal"])
def test_a_peer_that_logs_nothing_is_first_if_all_complain_of_it(normal: Normal | None) -> None:
    events = complaints("dial tcp: lookup ledger on 10.0.0.2:53: no such host", ("api", "worker"))
    assert first_of(rank([*quiet_window(), *events], [], normal)) == ["ledger"]


def test_a_database_of_one_service_is_a_part_of_it() -> None:
    message = "connect to jobs-db:5432 timed out"
    one = rank([*quiet_window(), *complaints(message, ("worker",))], [], normal_of_heartbeats())
    assert first_of(one) == ["worker"]
    assert "jobs-db" not in [suspect.service_name for suspect in one.suspects]
    two = complaints(message, ("worker", "scheduler"))
    assert first_of(rank([*quiet_window(), *two], [], normal_of_heartbeats())) == ["jobs-db"]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("GET http://ledger:8080/entries: connection refused", "ledger"),
        ("http://ledger.shop.svc.cluster.local/entries answered with status 503", "ledger"),
        ("jdbc:mysql://user@ledger:3306/entries: connection reset", "ledger"),
        ("Connection to ledger/10.0.0.7:8080 refused", "ledger"),
        ("java.net.UnknownHostException: ledger", "ledger"),
        ("call of ledger-service timed out", "ledger-service"),
    ],
)
def test_addresses_inside_of_the_system_name_a_peer(message: str, named: str) -> None:
    assert names_of(message).named(f"no word of {named} since") == {named}


@pytest.mark.parametrize(
    "message",
    [
        "timed out in handler.go:661, status:5040",
        "https://api.pay.example.com/v1: connection refused",
        "https://partner.example/v1: connection refused",
        "http://127.0.0.1:8080/health: connection refused",
        "http://worker:8080/jobs: connection refused",
        "http://ledger:8080/entries took 3 ms",
    ],
)
def test_other_words_and_known_services_are_no_new_name(message: str) -> None:
    assert names_of(message).named("handler status pay partner ledger 127") == set()
