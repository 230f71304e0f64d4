"""What the store of the board asks of Cassandra."""

from __future__ import annotations

import uuid
from dataclasses import replace
from unittest.mock import Mock

import pytest
from cassandra.query import UNSET_VALUE

from log_analyzer.incidents.grouping.placement import Board, BoardRow
from log_analyzer.incidents.stores import board as board_store

INCIDENT, OTHER, ORIGIN = (uuid.UUID(int=number) for number in range(3))
ROW = BoardRow(uuid.uuid4(), INCIDENT, INCIDENT, 1, uuid.uuid4(), "payment", "boom", 1_000)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (ORIGIN, ORIGIN, ORIGIN),
        (None, ORIGIN, ORIGIN),
        # Only what is there is cleared: a NULL is a tombstone.
        (None, None, UNSET_VALUE),
        (ORIGIN, None, None),
    ],
)
def test_a_split_clears_what_an_episode_surfaced_from(monkeypatch, known, now, expected) -> None:
    monkeypatch.setattr(board_store, "prepare_all", lambda _, cql: {name: name for name in cql})
    batch = Mock()
    monkeypatch.setattr(board_store, "BatchStatement", lambda: batch)
    board = Board(7, {ROW.episode_id: replace(ROW, surfaces_from=known)})
    moved = replace(ROW, incident_id=OTHER, placed_in=OTHER, surfaces_from=now)
    board_store.BoardStore(Mock()).apply(board, [moved])
    [values] = [call.args[1] for call in batch.add.call_args_list if call.args[0] == "put"]
    assert values[10] is expected
    # A new row has nothing to clear.
    batch.reset_mock()
    board_store.BoardStore(Mock()).apply(Board(7), [replace(moved, surfaces_from=None)])
    assert batch.add.call_args.args[1][10] is UNSET_VALUE
