"""Where an episode returns to when its group comes back, as merges stand on the board."""

from __future__ import annotations

import uuid
from unittest.mock import Mock

import pytest

from log_analyzer.episodes.change import EpisodeChange
from log_analyzer.episodes.episode import Episode
from log_analyzer.incidents.lifecycle import IncidentLifecycle
from log_analyzer.incidents.stores.incident_rows import IncidentRow

GROUP, OTHER_GROUP, EARLIER, LATER, MERGED, OLDER = (uuid.UUID(int=n) for n in range(6))
QUIET_MS, REOPEN_MS = 1_000, 10_000


def episode(key: uuid.UUID, opened_ms: int, incident: uuid.UUID | None = None) -> Episode:
    return Episode(key, GROUP, "payment", "Payment <*> failed", opened_ms, incident)


def returned_to(
    rows: dict[uuid.UUID, IncidentRow], on_board: uuid.UUID | None, later_ms: int
) -> uuid.UUID | None:
    """What an episode at `later_ms` returns to, after one at 0 that was read as of `MERGED`."""
    store, placer = Mock(), Mock()
    store.incident.side_effect = rows.__getitem__
    placer.incident_of.side_effect = {EARLIER: on_board}.get
    placer.place.return_value = set()
    lifecycle = IncidentLifecycle(
        store, placer, Mock(), QUIET_MS, REOPEN_MS, 0, lambda _: None, lambda: later_ms
    )
    change = EpisodeChange(episode(LATER, later_ms), later_ms, later_ms)
    change.must_open, change.previous = True, episode(EARLIER, 0, MERGED)
    lifecycle.place([change])
    [newcomers] = placer.place.call_args.args
    returns_to: uuid.UUID | None = newcomers[0].returns_to
    return returns_to


ALONE = IncidentRow(GROUP, "resolved", None)
GONE = IncidentRow(GROUP, "resolved", OLDER)
OF_ANOTHER_GROUP = IncidentRow(OTHER_GROUP, "resolved", None)


@pytest.mark.parametrize(
    ("row", "older", "on_board", "expected"),
    [
        (ALONE, ALONE, None, MERGED),
        (ALONE, ALONE, MERGED, MERGED),
        # It was merged away: by its row, or by the board before the rows follow.
        (GONE, ALONE, None, None),
        (ALONE, ALONE, OLDER, OLDER),
        (GONE, ALONE, OLDER, OLDER),
        # A group that merely surfaced there does not bring an incident back.
        (GONE, OF_ANOTHER_GROUP, OLDER, None),
        (OF_ANOTHER_GROUP, ALONE, None, None),
    ],
)
def test_a_group_returns_to_what_its_incident_is_now(row, older, on_board, expected) -> None:
    rows = {MERGED: row, OLDER: older}
    assert returned_to(rows, on_board, QUIET_MS + REOPEN_MS) == expected
    assert returned_to(rows, on_board, QUIET_MS + REOPEN_MS + 1) is None
