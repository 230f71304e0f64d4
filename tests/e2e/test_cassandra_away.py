"""Cassandra is away for a minute in the middle of a stream: all wait for it, nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cassandra.cluster import Session

from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.cassandra_node import cassandra_answers
from firstcause.local.daemons.environment import settings_environment
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import record_path
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from firstcause.streams.progress import Progress
from spark.driver.stall_watch import StallLimits, StallWatch
from tests.e2e.accounting import (
    Account,
    AnalyzerProcess,
    Sent,
    a_stream,
    errors_counted,
    send,
    slack_process,
)
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

# Another round by hand: `KILL_SEED=7 pytest tests/e2e/test_cassandra_away.py`.
SEED = int(os.environ.get("KILL_SEED", "5"))
AWAY_SECONDS = 60.0
BEFORE_SECONDS, AFTER_SECONDS = 10.0, 5.0
CATCH_UP_SECONDS = 400.0


@pytest.fixture
def late(services: Installation, tmp_path: Path) -> StoreDriver:
    """A driver of another stream, with a checkpoint of its own."""
    settings = services.fresh_names().model_copy(update={"firstcause_home": tmp_path})
    ensure_topics(settings)
    migrate(settings)
    return StoreDriver(settings, {**os.environ, **settings_environment(settings)})


@pytest.fixture
def back_at_the_end(services: Installation) -> Iterator[None]:
    """Whatever happens, the tests that follow find Cassandra."""
    yield
    services.up("cassandra")


def kill_cassandra(services: Installation) -> None:
    record = ProcessRecord.read(record_path(services.settings, "cassandra"))
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: cassandra_answers(services.settings), lambda answers: not answers)


def assert_alive_and_beating(driver: StoreDriver, record: ProcessRecord) -> None:
    """The very process lives, and a supervisor would leave it alone."""
    assert record.is_alive(), driver.log_tail()
    progress = Progress.read(driver.files.progress)
    watch = StallWatch(record.create_time, StallLimits.of(driver.settings))
    assert watch.observe(progress, time.time()) is None


@pytest.mark.usefixtures("back_at_the_end")
def test_a_minute_without_cassandra_loses_nothing_and_needs_nobody(
    services: Installation,
    settings: Settings,
    product_env: dict[str, str],
    session: Session,
    late: StoreDriver,
    tmp_path: Path,
) -> None:
    seconds = BEFORE_SECONDS + AWAY_SECONDS + AFTER_SECONDS
    sent = a_stream(rate=400, seconds=seconds, scenario="db_pool_exhausted", fault_at=2, seed=SEED)
    few = replace(sent, batches=[sent.batches[0].part(0, 200)])
    driver = StoreDriver(settings, product_env)
    with (
        ThreadPoolExecutor(1) as background,
        slack_process() as slack,
        AnalyzerProcess({**product_env, **slack.env}, tmp_path / "analyzer.log") as analyzer,
        running(driver) as record,
    ):
        account = Account(settings, session, slack, sent)
        sending = background.submit(send, settings, sent)
        eventually(driver.committed, lambda done: done > 0, CATCH_UP_SECONDS)
        eventually(lambda: errors_counted(session), lambda count: count > 0)

        kill_cassandra(services)
        away_since = time.monotonic()
        before = driver.committed()
        send(late.settings, few)
        with running(late) as late_record:
            watched = {driver.files.job: (driver, record), "late": (late, late_record)}
            # The minute itself is what is tested; both are looked at all the while.
            while time.monotonic() - away_since < AWAY_SECONDS:
                for one, of in watched.values():
                    if Progress.read(one.files.progress) is not None:
                        assert_alive_and_beating(one, of)
                time.sleep(0.5)
            assert Progress.read(late.files.progress) is not None
            assert driver.committed() == before < sent.total

            services.up("cassandra")
            eventually(late.committed, lambda done: done == few.total, CATCH_UP_SECONDS)
            assert late_record.is_alive()
        check_stored(late.settings, few)

        sending.result()
        eventually(lambda: account.is_worked_off(driver.committed), bool, CATCH_UP_SECONDS)
        account.check()
        assert record.is_alive()
        assert analyzer.process is not None
        assert analyzer.process.poll() is None


def check_stored(settings: Settings, sent: Sent) -> None:
    with cassandra.session(settings) as session:
        rows = session.execute("SELECT count(*) FROM logs").one()[0]
    assert rows == sent.total - sum(value in sent.malformed for value in sent.batches[0].values)
