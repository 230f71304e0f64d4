"""Driver and analyzer are killed again and again in the middle of a stream: nothing is lost.

Each kill waits for a seeded point of progress and then for a stage inside of a batch, so that
crashes fall before, between and after the writes whose order matters.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from cassandra.cluster import Session
from confluent_kafka import Consumer, TopicPartition

from firstcause.events.log_event import UnreadableLogEvent, read_log_event
from firstcause.settings import Settings
from firstcause.streams.progress import Progress
from spark.streaming.checkpoint import committed_offsets
from tests.e2e.accounting import (
    Account,
    AnalyzerProcess,
    SlackProcess,
    a_stream,
    end_offsets,
    errors_counted,
    group_offsets,
    send,
    slack_process,
)
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

# Another round by hand: `KILL_SEED=7 pytest tests/e2e/test_kills.py`.
SEED = int(os.environ.get("KILL_SEED", "20261"))
RATE, SECONDS = 2_400.0, 45.0
PROGRESS_SECONDS = 400.0


class DriverKills:
    """SIGKILLs the driver: whole, only its JVM, only its Python process."""

    def __init__(self, supervisor: Supervisor, settings: Settings, session: Session) -> None:
        self._driver = supervisor.driver
        self._supervisor = supervisor
        self._settings = settings
        self._session = session

    def kill(self, *, at: int, stage: Callable[[], None], java: bool | None) -> None:
        await_at_least(self._driver.committed, at)
        # After the kill before: the new driver has to be there, and at work.
        eventually(self._is_at_work, bool, PROGRESS_SECONDS)
        stage()
        restarts = len(self._supervisor.restarts)
        # A look at the processes may miss one that the system is just changing.
        victims = eventually(lambda: self._driver.processes(java=java), bool)
        for process in victims:
            # One may end at the death of the other.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        eventually(
            lambda: len(self._supervisor.restarts), lambda now: now > restarts, PROGRESS_SECONDS
        )

    def _is_at_work(self) -> bool:
        progress = Progress.read(self._driver.files.progress)
        pids = {process.pid for process in self._driver.processes(java=False)}
        return progress is not None and progress.trigger_active and progress.pid in pids

    def batch_planned(self) -> None:
        """Spark has written down what the next batch is, and nothing of it is done."""

        def newest(folder: str) -> int:
            path = self._driver.checkpoint / folder
            return max(int(one.name) for one in path.iterdir() if one.name.isdigit())

        eventually(lambda: newest("offsets") - newest("commits"), lambda ahead: ahead > 0)

    def rows_written(self) -> None:
        """An event is in Cassandra whose batch is not finished."""

        def written() -> bool:
            committed = committed_offsets(self._driver.checkpoint)
            found = any(
                self._is_stored(partition, offset)
                for (_, partition), offset in sorted(committed.items())
            )
            return found and committed == committed_offsets(self._driver.checkpoint)

        eventually(written, bool, PROGRESS_SECONDS)

    def dead_letters_written(self) -> None:
        """The dead-letter topic has grown since the last finished batch."""
        topic = self._settings.kafka_dead_letter_topic
        known: dict[int, int] = {}

        def grown() -> bool:
            committed = self._driver.committed()
            letters = sum(end_offsets(self._settings, topic).values())
            return letters > known.setdefault(committed, letters)

        eventually(grown, bool, PROGRESS_SECONDS)

    def _is_stored(self, partition: int, offset: int) -> bool:
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap_servers,
                "group.id": "look",
                "enable.auto.commit": False,
            }
        )
        try:
            consumer.assign([TopicPartition(self._settings.kafka_logs_topic, partition, offset)])
            [message] = consumer.consume(1, timeout=1.0) or [None]
            event = read_log_event(message.value(), message.timestamp()[1]) if message else None
        except UnreadableLogEvent:
            return False
        finally:
            consumer.close()
        if event is None:
            return False
        minute_ms = event.timestamp_ms - event.timestamp_ms % 60_000
        rows = self._session.execute(
            "SELECT log_id FROM logs WHERE service_name = %s AND minute = %s "
            "AND shard IN (0, 1, 2, 3) AND timestamp = %s",
            (event.service_name, minute_ms, event.timestamp_ms),
        )
        return event.log_id in {str(row.log_id) for row in rows}


def await_at_least(progress: Callable[[], int], wanted: int) -> None:
    eventually(progress, lambda now: now >= wanted, PROGRESS_SECONDS)


@pytest.fixture
def slack() -> Iterator[SlackProcess]:
    with slack_process() as process:
        yield process


def test_six_kills_in_a_stream_lose_nothing_and_double_nothing(
    settings: Settings,
    product_env: dict[str, str],
    session: Session,
    slack: SlackProcess,
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    sent = a_stream(rate=RATE, seconds=SECONDS, scenario="db_pool_exhausted", fault_at=5, seed=SEED)
    assert sent.total >= 100_000
    account = Account(settings, session, slack, sent)
    env = {**product_env, **slack.env, "SPARK_MAX_EVENTS_PER_BATCH": "20000"}
    driver = StoreDriver(settings, env)

    def kill_analyzer(analyzer: AnalyzerProcess) -> None:
        shares = [chance.uniform(0.3, 0.5), chance.uniform(0.6, 0.8)]
        # The first notice goes out at the fault's start: between its post and its record.
        await_at_least(lambda: slack.messages().total(), 1)
        analyzer.kill()
        analyzer.start()
        await_at_least(lambda: errors_counted(session), int(shares[0] * sent.errors))
        analyzer.kill()
        analyzer.start()
        await_at_least(lambda: sum(group_offsets(settings).values()), int(shares[1] * sent.total))
        analyzer.kill()
        analyzer.start()

    with (
        ThreadPoolExecutor(2) as background,
        Supervisor(driver) as supervisor,
        AnalyzerProcess(env, tmp_path / "analyzer.log") as analyzer,
    ):
        sending = background.submit(send, settings, sent)
        analyzer_kills = background.submit(kill_analyzer, analyzer)
        kills = DriverKills(supervisor, settings, session)
        points = [int(chance.uniform(*span) * sent.total) for span in SHARES]
        kills.kill(at=points[0], stage=kills.dead_letters_written, java=None)
        kills.kill(at=points[1], stage=kills.rows_written, java=True)
        kills.kill(at=points[2], stage=kills.batch_planned, java=False)
        sending.result()
        analyzer_kills.result()
        eventually(
            lambda: account.is_worked_off(driver.committed),
            lambda done: done or supervisor.failure,
            PROGRESS_SECONDS,
        )
        assert supervisor.failure is None
        account.check()
    assert len(supervisor.restarts) == 3


SHARES = [(0.1, 0.25), (0.35, 0.5), (0.6, 0.8)]
