"""A composed normal holds what its name says, also where two processes learn at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from firstcause.errors import FirstcauseError
from firstcause.normal.compose_and_store import compose_in_force
from firstcause.normal.composed_normal_store import ComposedNormalStore, NormalVersion
from firstcause.normal.learned_hour_store import LearnedHourStore
from firstcause.normal.revision import digest
from root_cause.normal.codec import decode, encode
from root_cause.normal.composition import LearnedHour
from root_cause.normal.learned_counts import Normal, merge
from root_cause.normal.learner import learn
from root_cause.quiet_hours.due_hours import HOUR_MS
from tests.unit.root_cause.small_traces import START_MS, Line, traffic

HOURS_MS = [START_MS // HOUR_MS * HOUR_MS + number * HOUR_MS for number in range(3)]


def normal_of(message: str) -> Normal:
    lines = [Line(5, "shop", message), Line(5, "cart", "reads")]
    return learn(traffic(lambda number, dice: lines, 40), [])


@dataclass
class Record:
    learned: LearnedHour | None


class Slices:
    """Stands in for the stored slices; another process may be at work between two reads."""

    def __init__(self) -> None:
        self.stored: dict[int, tuple[LearnedHour, dict[str, bytes]]] = {}
        self.before_profiles: Callable[[], None] = lambda: None
        self.after_profiles: Callable[[], None] = lambda: None

    def put(self, at_ms: int, normal: Normal) -> None:
        rows = encode(normal)
        self.stored[at_ms] = LearnedHour(at_ms, digest(rows.values())), rows

    def records(self) -> list[Record]:
        return [Record(hour) for hour, _ in self.stored.values()]

    def services(self, hour: LearnedHour) -> list[str]:
        return sorted(self._rows(hour))

    def profiles(self, hours: Sequence[LearnedHour], name: str) -> list[bytes | None]:
        self.before_profiles()
        found = [self._rows(hour).get(name) for hour in hours]
        self.after_profiles()
        return found

    def _rows(self, hour: LearnedHour) -> dict[str, bytes]:
        known, rows = self.stored[hour.hour_ms]
        return rows if known.revision == hour.revision else {}


class Normals:
    """Stands in for the stored normals."""

    def __init__(self) -> None:
        self.zone: tzinfo = UTC
        self.rows: dict[str, dict[str, bytes]] = {}
        self.named: list[NormalVersion] = []

    def versions(self) -> list[NormalVersion]:
        return self.named[::-1]

    def put_rows(self, version: str, rows: dict[tuple[str, str], bytes]) -> None:
        own = self.rows.setdefault(version, {})
        own.update({name: row for (_, name), row in rows.items()})

    def drop_unnamed(self, version: str, slots: Sequence[str]) -> None:
        self.rows.pop(version, None)

    def put_in_force(
        self, version: str, slots: Sequence[str], hours: Sequence[LearnedHour]
    ) -> NormalVersion:
        self.named.append(NormalVersion(version, 0, tuple(slots), 0, 0, len(hours)))
        return self.named[-1]


@pytest.fixture
def slices() -> Slices:
    made = Slices()
    for at_ms in HOURS_MS:
        made.put(at_ms, normal_of("sells"))
    return made


def composed(slices: Slices, normals: Normals) -> NormalVersion | None:
    return compose_in_force(
        cast(LearnedHourStore, cast(Any, slices)), cast(ComposedNormalStore, cast(Any, normals))
    )


@pytest.mark.parametrize("when", ["before_profiles", "after_profiles"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_an_hour_that_is_replaced_while_it_is_composed_counts_as_it_is_at_last(
    slices: Slices, when: str, turn: int
) -> None:
    turns = iter(range(1, 100))

    def replace() -> None:
        if next(turns) == turn:
            slices.put(HOURS_MS[1], normal_of("sold"))

    setattr(slices, when, replace)
    normals = Normals()
    version = composed(slices, normals)
    assert version is not None
    expected = merge([normal_of("sells"), normal_of("sold"), normal_of("sells")])
    assert normals.rows.keys() == {version.version}
    assert decode(normals.rows[version.version]) == expected
    assert composed(slices, normals) == version


def test_hours_of_another_time_zone_are_another_version(slices: Slices) -> None:
    normals = Normals()
    before = composed(slices, normals)
    normals.zone = ZoneInfo("UTC")
    assert composed(slices, normals) == before
    normals.zone = ZoneInfo("Europe/Berlin")
    after = composed(slices, normals)
    assert before is not None
    assert after is not None
    assert after.version != before.version
    assert composed(slices, normals) == after


def test_nothing_half_is_put_in_force_where_slices_never_stay(slices: Slices) -> None:
    words = iter(f"sells {chr(97 + number)}" for number in range(20))
    slices.after_profiles = lambda: slices.put(HOURS_MS[0], normal_of(next(words)))
    normals = Normals()
    with pytest.raises(FirstcauseError, match="run this again"):
        composed(slices, normals)
    assert normals.named == []
    assert normals.rows == {}
