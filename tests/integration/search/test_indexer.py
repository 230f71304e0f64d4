"""The indexer with Kafka and Cassandra: killed at any moment, every log is found exactly once."""

from __future__ import annotations

import random
import time
from collections import Counter
from subprocess import CompletedProcess
from uuid import UUID

import httpx
import orjson
import pytest
from cassandra.cluster import Session

from firstcause.events.log_event import LogEvent
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from search.patterns.store import PatternStore
from tests.command_line import firstcause
from tests.installation import free_ports
from tests.integration.search.indexer_process import (
    as_message,
    await_caught_up,
    behind,
    found_ids,
    indexer,
    send,
)
from tests.integration.spark.stored_logs import store

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000
NOW_MS = int(time.time() * 1000) // HOUR_MS * HOUR_MS
EVENTS = 12_000
KILLS = 3
WORDS = ("order paid", "cart emptied", "stock counted", "mail queued")


def events() -> list[LogEvent]:
    chance = random.Random(7)
    made = []
    for number in range(EVENTS):
        back = chance.choice((0, 0, 0, 1, 30, 24 * 400)) * HOUR_MS + chance.randrange(HOUR_MS)
        service = f"s{number % 3}"
        words = WORDS[number % len(WORDS)]
        made.append(
            LogEvent(
                str(UUID(int=chance.getrandbits(128))),
                NOW_MS - back,
                service,
                "INFO" if number % 5 else "ERROR",
                f"{words} for user {chance.randrange(10**6)} in {number} ms",
            )
        )
    return made


@pytest.fixture(scope="module")
def search_settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings.model_copy(
        update={
            "firstcause_home": tmp_path_factory.mktemp("home"),
            "search_metrics_port": free_ports(1)[0],
            "search_commit_seconds": 0.2,
            "search_batch_events": 500,
        }
    )


@pytest.fixture(scope="module")
def indexed(search_settings: Settings, product_env: dict[str, str]) -> list[LogEvent]:
    """All events, sent with repetitions and unreadable ones, indexed by one that was killed."""
    made = events()
    messages = [as_message(event) for event in made]
    unreadable = [("s0", b"no log event"), ("s1", b"")]
    send(search_settings, [*messages, *unreadable, *messages[:100]])
    total = behind(search_settings)
    assert total == EVENTS + 102
    for kill in range(KILLS):
        with indexer(search_settings, product_env) as process:
            # Killed when it has come on by so much, wherever it is then.
            await_caught_up(search_settings, total * (KILLS - kill) // (KILLS + 1))
            process.kill()
    with indexer(search_settings, product_env) as process:
        await_caught_up(search_settings)
        health = httpx.get(f"http://127.0.0.1:{search_settings.search_metrics_port}/")
        assert health.status_code == httpx.codes.OK
        metrics = httpx.get(f"http://127.0.0.1:{search_settings.search_metrics_port}/metrics").text
        assert "firstcause_search_lag_messages" in metrics
        process.terminate()
        assert process.wait(30) == 0
    return made


def test_after_any_kill_every_log_is_found_exactly_once(
    search_settings: Settings, indexed: list[LogEvent]
) -> None:
    assert found_ids(search_settings) == Counter(event.log_id for event in indexed)


def test_patterns_count_every_message_once(session: Session, indexed: list[LogEvent]) -> None:
    patterns_stored = PatternStore(session)
    first = min(event.timestamp_ms for event in indexed) // HOUR_MS * HOUR_MS
    assert patterns_stored.services() == ["s0", "s1", "s2"]
    # A log that was sent twice was met twice.
    sent = [*indexed, *indexed[:100]]
    expected = Counter(event.service_name for event in sent)
    for service in patterns_stored.services():
        counts = patterns_stored.counts([service], first, NOW_MS + HOUR_MS)
        assert sum(counts.values()) == expected[service]
        # Four messages, each with its words.
        assert len(counts) == len(WORDS)
    patterns = patterns_stored.patterns(["s0"])
    assert {pattern.text.split(" for ")[0] for pattern in patterns.values()} == set(WORDS)
    mine = [event.timestamp_ms for event in indexed if event.service_name == "s0"]
    assert min(one.first_seen_ms for one in patterns.values()) == min(mine)
    assert max(one.last_seen_ms for one in patterns.values()) == max(mine)


def run(settings: Settings, env: dict[str, str], *arguments: str) -> CompletedProcess[str]:
    return firstcause({**env, **settings_environment(settings)}, *arguments)


def test_the_command_shows_rows_and_says_what_is_not_stored_yet(
    search_settings: Settings,
    product_env: dict[str, str],
    session: Session,
    indexed: list[LogEvent],
) -> None:
    wanted = sorted(
        (one for one in indexed if one.service_name == "s1" and one.level == "ERROR"),
        key=lambda one: -one.timestamp_ms,
    )[:20]
    store(session, wanted[::2])
    query = ("search", "service:s1 level:error", "--from", "all", "--limit", "20")
    found = run(search_settings, product_env, *query, "--json")
    assert found.returncode == 0, found.stderr
    rows = [orjson.loads(line) for line in found.stdout.splitlines()]
    assert [row["log_id"] for row in rows] == [one.log_id for one in wanted[::2]]
    assert "10 more were found, but are not in Cassandra" in found.stderr
    assert "There are more" in found.stderr
    shown = run(search_settings, product_env, *query)
    assert rows[0]["message"] in shown.stdout


def test_a_mistake_is_a_line_and_exit_code_2(
    search_settings: Settings, product_env: dict[str, str]
) -> None:
    found = run(search_settings, product_env, "search", "servce:cart")
    assert found.returncode == 2
    assert "do you mean service?" in found.stderr
    assert "Traceback" not in found.stderr


def test_patterns_and_their_difference_in_the_terminal(
    search_settings: Settings, product_env: dict[str, str], indexed: list[LogEvent]
) -> None:
    listed = run(search_settings, product_env, "patterns", "--from", "3d", "--json")
    assert listed.returncode == 0, listed.stderr
    rows = [orjson.loads(line) for line in listed.stdout.splitlines()]
    assert len(rows) == 3 * len(WORDS)
    assert all(row["count"] > 0 and row["text"] and row["first_seen"] for row in rows)
    changed = run(search_settings, product_env, "patterns", "diff", "--from", "20h", "--json")
    assert changed.returncode == 0, changed.stderr
    assert all("change" in orjson.loads(line) for line in changed.stdout.splitlines())
