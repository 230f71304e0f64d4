"""What a reason says in short, on the first screen of a message: no figures that need a legend."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from root_cause.evidence.piece import Deviation, Failure, Piece, Slowness
from root_cause.explanation.reasons import reasons
from root_cause.ranking.ranker import Suspect
from root_cause.traces.durations import Stretch, TimeKey
from root_cause.traces.event_key import SEPARATOR

SINCE_MS = int(datetime(2026, 3, 1, 13, 0, 15, tzinfo=UTC).timestamp() * 1000)


def event(service: str, text: str) -> str:
    return SEPARATOR.join((service, "INFO", text))


def slow(key: TimeKey) -> Slowness:
    return Slowness(key, 43.0, 11.0, 1_400.0, 0.0, 0.89, 145, 9, ("l",), ("t",))


def failure(service: str, before: int = 0, own_code: bool = False) -> Failure:
    return Failure(service, "ERROR", "no", (), 7, 3, before, own_code, SINCE_MS, ("l",))


@pytest.mark.parametrize(
    ("finding", "short"),
    [
        (
            slow(TimeKey(Stretch.GAP, event("cart", "a <*>"), event("stock", "b"), "")),
            "The way from cart to stock takes 1.4 s, usually up to 11 ms",
        ),
        (
            slow(TimeKey(Stretch.NET, "cart", "stock", "GET")),
            "The way from cart to stock takes 1.4 s, usually up to 11 ms",
        ),
        (
            slow(TimeKey(Stretch.SELF, "stock", "", "GET")),
            "stock's own work takes 1.4 s, usually up to 11 ms",
        ),
        (
            Deviation(
                event("cart", "a"), event("stock", "b"), event("stock", "c"),
                135, 4.0, 7.0, 135, 11.0, ("l",),
            ),
            "Since 13:00:15 `b` in stock is missing",
        ),
        (
            failure("stock", own_code=True),
            "stock logs a new error since 13:00:15, with a stack trace of its own code",
        ),
        (failure("stock", before=3), "stock logs this error since 13:00:15"),
        (failure("cart"), "The errors of cart since 13:00:15 lead to it"),
    ],
)  # fmt: skip
def test_a_reason_in_short_has_no_shares(finding: object, short: str) -> None:
    piece = Piece(1.0, {"stock": 1.0}, finding)  # type: ignore[arg-type]
    [reason] = reasons(Suspect("stock", 1, 1.0, (piece,), SINCE_MS))
    assert reason.short == short
    assert reason.log_ids == ("l",)
