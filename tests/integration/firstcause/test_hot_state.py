"""The hot state over a real Redis: with a password, by TLS, away, hanging, and with lost data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from firstcause.hot_state.connection import open_redis
from firstcause.hot_state.reader import HotStateReader
from firstcause.hot_state.records import STATE_KEY, window_key
from firstcause.hot_state.writer import HotStateWriter
from firstcause.storage.window_metrics import StreamProgress
from log_analyzer.workers.hot_state import PAUSE_SECONDS, HotStateCopier
from tests.redis_server import MISSING, PASSWORD, QUOTED, RedisServer, find_redis, running_redis
from tests.unit.api.world import a_client

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_redis() is None, reason=MISSING),
]

# Of a Redis that answers, on a machine however busy; and of one that hangs.
PATIENT_SECONDS = 30.0
HANGING_SECONDS = 1.0
COPIES_MAX = 20
SERVICES = ("cart", "order", "odd:1m:60000 name")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(find_redis(), tmp_path / "redis") as server:
        yield server


class World:
    """The API over stores in memory, and a copier of them to Redis; both know one clock."""

    def __init__(
        self,
        redis: RedisServer,
        home: Path,
        url: str | None = None,
        timeout: float = PATIENT_SECONDS,
    ) -> None:
        self.seconds = 0.0
        self.redis = redis
        self.client: TestClient = a_client(home)
        self.stores = self.client.stores
        self.start_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS - 10 * MINUTE_MS
        address = SecretStr(url or redis.url)
        self.stores.hot = HotStateReader(open_redis(address, timeout), lambda: self.seconds)
        now = datetime.now(UTC)
        self.stores.rows += [
            {"service_name": name, "timestamp": now - timedelta(seconds=1)} for name in SERVICES
        ]
        self.copier = HotStateCopier(
            windows=self.stores.windows,
            services=lambda: {row["service_name"]: row["timestamp"] for row in self.stores.rows},
            open_alerts=lambda _: {},
            writer=HotStateWriter(open_redis(address, timeout), "one:1"),
            monotonic=lambda: self.seconds,
        )
        for number in range(10):
            self.measure(number, 10 + number)

    def measure(self, number: int, events: int) -> None:
        """The stream writes minute `number` anew."""
        windows, start_ms = self.stores.windows, self.start_ms + number * MINUTE_MS
        windows.stored = [one for one in windows.stored if one.start_ms != start_ms]
        windows.stored += [
            WindowMetrics(
                name, WindowKind.MINUTE, start_ms, start_ms + MINUTE_MS, events=events,
                levels={"ERROR": 1, "INFO": events - 1}, buckets={5: events}, latency_sum_ms=1.5,
            )
            for name in ("", *SERVICES)
        ]  # fmt: skip
        windows.written = StreamProgress(self.start_ms, time.time_ns() // 1_000_000)

    def copy(self) -> None:
        self.seconds += PAUSE_SECONDS
        self.copier.run_once()

    def ask(self) -> tuple[str, dict]:
        """Where `/kpi` came from, and its figures."""
        self.seconds += 10
        told = self.client.get("/kpi").json()
        assert told["age_seconds"] >= 0
        figures = {name: told[name] for name in ("window", "total", "services", "open_alerts")}
        return told["source"], figures

    def from_redis(self) -> dict:
        """The figures of Redis; copied again where the copy has become too old meanwhile."""
        for _ in range(COPIES_MAX):
            source, figures = self.ask()
            if source == "redis":
                return figures
            self.copy()
        raise AssertionError("no answer came from Redis")

    def expected(self) -> dict:
        """What Cassandra says."""
        hot, self.stores.hot = self.stores.hot, None
        source, figures = self.ask()
        self.stores.hot = hot
        assert source == "cassandra"
        return figures


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_figures_are_those_of_cassandra(redis: RedisServer, tmp_path: Path, scheme: str) -> None:
    world = World(redis, tmp_path, redis.url if scheme == "redis" else redis.tls_url)
    assert world.ask() == ("cassandra", world.expected())
    world.copy()
    assert world.from_redis() == world.expected()
    world.measure(9, 500)
    world.copy()
    assert world.from_redis() == world.expected()
    assert world.expected()["total"]["events"] == sum(range(10, 19)) + 500
    world.copy()
    services = world.client.get("/services").json()
    assert services["age_seconds"] >= 0
    assert [one["service_name"] for one in services["services"]] == sorted(SERVICES)
    # Beyond what is copied, Cassandra is asked.
    assert world.client.get("/kpi", params={"from": "3h"}).json()["source"] == "cassandra"
    assert world.client.get("/kpi", params={"service": "x"}).json()["source"] == "cassandra"
    with redis.client() as client:
        assert client.ttl(STATE_KEY) <= 15
        key = window_key("cart", WindowKind.MINUTE, world.start_ms)
        assert 0 < client.ttl(key) <= 80 * 60


def test_away_for_a_moment_under_writes(redis: RedisServer, tmp_path: Path) -> None:
    world = World(redis, tmp_path)
    world.copy()
    redis.kill()
    with capture_logs() as told:
        for number in range(5):
            world.measure(number, 100 + number)
            world.copy()
            assert world.ask() == ("cassandra", world.expected())
    # One line of the copier and one of the reader, however long it lasts.
    assert [one["event"] for one in told] == ["hot_state_away"] * 2
    redis.start()
    world.copy()
    assert world.from_redis() == world.expected()


def test_one_that_hangs_is_not_asked_again_at_once(redis: RedisServer, tmp_path: Path) -> None:
    world = World(redis, tmp_path, timeout=HANGING_SECONDS)
    world.copy()
    redis.hang()
    world.copy()
    expected = world.expected()
    assert world.ask() == ("cassandra", expected)
    redis.kill()
    redis.start()
    World(redis, tmp_path).copy()
    # It is there, and for some seconds nobody looks.
    assert world.client.get("/kpi").json()["source"] == "cassandra"
    assert world.from_redis() == expected


def test_a_restored_snapshot_is_filled_again(redis: RedisServer, tmp_path: Path) -> None:
    world = World(redis, tmp_path)
    world.copy()
    redis.save()
    for number in range(5):
        world.measure(number, 900)
    world.copy()
    redis.kill()
    redis.start()
    # The stream stands still, so that only the loss tells that all is to be copied.
    world.copy()
    assert world.from_redis() == world.expected()


def test_a_lost_key_is_no_window_without_events(redis: RedisServer, tmp_path: Path) -> None:
    world = World(redis, tmp_path)
    world.copy()
    with redis.client() as client:
        client.delete(window_key("cart", WindowKind.MINUTE, world.start_ms + MINUTE_MS))
        assert world.ask() == ("cassandra", world.expected())
        client.set(window_key("cart", WindowKind.MINUTE, world.start_ms + MINUTE_MS), "rubbish")
        assert world.ask() == ("cassandra", world.expected())


def test_without_a_copier_there_is_no_hot_state(redis: RedisServer, tmp_path: Path) -> None:
    world = World(redis, tmp_path)
    world.copy()
    with redis.client() as client:
        client.expire(STATE_KEY, 0)
    assert world.ask() == ("cassandra", world.expected())


@pytest.mark.parametrize("user", ["", "nobody:wrong@"])
def test_a_wrong_password_is_one_clear_line(redis: RedisServer, tmp_path: Path, user: str) -> None:
    url = redis.url.replace(f":{QUOTED}@", user)
    world = World(redis, tmp_path, url)
    with capture_logs() as told:
        world.copy()
        world.copy()
        assert world.ask() == ("cassandra", world.expected())
    assert [one["event"] for one in told] == ["hot_state_away"] * 2
    for one in told:
        assert one["reason"].startswith("Redis refuses the user or password of REDIS_URL: ")
        assert PASSWORD not in str(one)
        assert "wrong@" not in str(one)
