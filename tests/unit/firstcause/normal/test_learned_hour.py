"""Which record of an hour takes the place of another, and which hours need no learning any more."""

from __future__ import annotations

import pytest

from firstcause.normal.learned_hour_store import SliceRecord
from firstcause.normal.revision import digest
from root_cause.normal.learned_counts import VERSION
from root_cause.quiet_hours.due_hours import HOUR_MS
from root_cause.quiet_hours.quiet_stretches import TimeRange
from root_cause.quiet_hours.soundness import TOO_LITTLE

HOUR = TimeRange(0, HOUR_MS)
REVISION = digest([b"one"])


def learned(revision: str = REVISION) -> SliceRecord:
    return SliceRecord(0, (HOUR,), 180, 60, "logs", None, revision, 1_000, {})


def refused(why: str) -> SliceRecord:
    return SliceRecord(0, (HOUR,), 0, 0, "logs", why, None, 2_000, {})


@pytest.mark.parametrize("why", [f"{TOO_LITTLE}: no logs are stored", f"{TOO_LITTLE}: 3 traces"])
def test_that_there_is_too_little_now_does_not_undo_what_was_learned(why: str) -> None:
    assert not refused(why).replaces(learned())
    assert refused(why).replaces(None)
    assert refused(why).replaces(refused("not quiet: incident"))


def test_what_is_found_to_be_broken_is_forgotten_and_what_is_new_is_kept() -> None:
    assert refused("looks broken: cart").replaces(learned())
    assert learned().replaces(refused("looks broken: cart"))
    assert learned(digest([b"two"])).replaces(learned())
    assert not learned().replaces(learned())


def test_an_hour_is_done_unless_there_was_too_little_or_its_counts_mean_something_else() -> None:
    assert learned().is_final
    assert refused("looks broken: cart").is_final
    assert not refused(f"{TOO_LITTLE}: 3 traces").is_final
    of_before = learned(f"{VERSION - 1}-0123456789abcdef")
    assert not of_before.is_final
    assert of_before.learned is None
    assert learned().replaces(of_before)
