"""An incident that returns for months: queries a look are bounded, and its counts are whole."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

from log_analyzer.incident_history.episode_reader import KEPT_SECONDS, READ_ALWAYS, EpisodeReader

HOUR = 3_600_000
NOW_MS = 1_700_000_000_000


class Stored:
    """Episodes an hour apart, the last of them now, in memory; counts what is asked for."""

    def __init__(self, number: int) -> None:
        self.keys = [uuid.UUID(int=n + 1) for n in range(number)]
        self.counts = dict.fromkeys(self.keys, 3)
        self.asked = 0

    def rows(self, name: str, keys) -> list[list]:
        self.asked += len(keys)
        return [[getattr(self, name)(key)] for key in keys]

    def at(self, key: uuid.UUID) -> datetime:
        hours_ago = len(self.keys) - key.int
        return datetime.fromtimestamp((NOW_MS - hours_ago * HOUR) / 1_000, UTC)

    def episode(self, key: uuid.UUID) -> SimpleNamespace:
        return SimpleNamespace(episode_id=key, opened_at=self.at(key))

    def tallies(self, key: uuid.UUID) -> SimpleNamespace:
        at = self.at(key)
        return SimpleNamespace(
            remembered=self.counts[key], overflow=0, first_seen=at, last_seen=at, last_arrival=at
        )

    def evidence(self, key: uuid.UUID) -> SimpleNamespace:
        return SimpleNamespace(timestamp=self.at(key))


def test_a_look_at_thousands_of_episodes_asks_for_the_newest_alone() -> None:
    stored, now = Stored(2_000), [0.0]
    reader = EpisodeReader(stored.rows, lambda: now[0], lambda: NOW_MS)
    assert len(reader.read(stored.keys)) == 2_000
    for _ in range(5):
        stored.asked = 0
        found = reader.read(stored.keys)
        assert stored.asked <= 3 * (READ_ALWAYS + 2)
        assert [one.row.episode_id for one in found] == stored.keys
        assert sum(one.count for one in found) == 6_000
    now[0] += KEPT_SECONDS
    stored.asked = 0
    reader.read(stored.keys)
    assert stored.asked <= 3 * (2 * READ_ALWAYS + 2)


def test_the_newest_are_read_anew_and_a_late_error_of_an_old_one_shows_after_a_time() -> None:
    stored, now = Stored(100), [0.0]
    reader = EpisodeReader(stored.rows, lambda: now[0], lambda: NOW_MS)
    reader.read(stored.keys)
    stored.counts[stored.keys[-1]] = 50
    assert reader.read(stored.keys)[-1].count == 50
    stored.counts[stored.keys[0]] = 4
    for _ in range(5):
        now[0] += KEPT_SECONDS
        found = reader.read(stored.keys)
    assert found[0].count == 4


def test_few_episodes_are_read_whole_each_time() -> None:
    stored = Stored(READ_ALWAYS)
    reader = EpisodeReader(stored.rows, lambda: 0.0, lambda: NOW_MS)
    for _ in range(2):
        stored.asked = 0
        assert len(reader.read(stored.keys)) == READ_ALWAYS
        assert stored.asked == 3 * READ_ALWAYS
