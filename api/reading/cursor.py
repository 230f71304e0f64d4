"""Opaque cursors: signed, and bound to the question that they go on with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from api.guard.problems import Problem
from api.guard.signing import Signer
from firstcause.storage.stored_time import ms_from_datetime

_PURPOSE: Final = "cursor"


@dataclass(frozen=True, slots=True)
class Position:
    """The last thing that was given: its time (ms) and its id.

    What follows is older, or has a greater id at the same time. `in_index` is the search engine's
    own cursor, where it gave the page.
    """

    at_ms: int
    last_id: str
    in_index: str | None = None


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a page begins, and the beginning of its time, which stays that of the first page."""

    after: Position
    start_ms: int


def next_cursor(
    signer: Signer, question: str, following: Position | None, start: datetime
) -> str | None:
    """The cursor that goes on after a position with the same question; None at the end."""
    if following is None:
        return None
    value = {
        "q": signer.mac("question", question),
        "t": following.at_ms,
        "i": following.last_id,
        "x": following.in_index,
        "s": ms_from_datetime(start),
    }
    return signer.sign(_PURPOSE, value)


def continuation_of(signer: Signer, question: str, cursor: str | None) -> Continuation | None:
    """Where to go on; None at the beginning.

    Raises:
        Problem: 400, not a cursor of ours, or that of another question.
    """
    if cursor is None:
        return None
    value = signer.read(_PURPOSE, cursor)
    if value is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "cursor: not one that was given out here.")
    if value["q"] != signer.mac("question", question):
        raise Problem(HTTPStatus.BAD_REQUEST, "cursor: of another question; ask from the start.")
    return Continuation(Position(value["t"], value["i"], value["x"]), value["s"])
