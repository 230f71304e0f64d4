"""A real fault case through the running store job: each line is stored once, also sent twice."""

from __future__ import annotations

import gzip
import json
from uuid import UUID

import pytest

from firstcause import cassandra
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.stream_audit import StreamAudit, Tally
from generators.kafka_producer import connect_producer, produce
from generators.replay import Replay, ReplayOptions
from tests.integration.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CASE = PROJECT_ROOT.parent / "shared" / "data" / "trainticket" / "case-08" / "logs.jsonl.gz"
PATIENCE_SECONDS = 400.0


@pytest.mark.skipif(not CASE.is_file(), reason="the TrainTicket cases are not there")
def test_each_line_is_stored_once_also_when_sent_twice(
    settings: Settings, product_env: dict[str, str]
) -> None:
    with gzip.open(CASE) as lines:
        sent = sorted(UUID(json.loads(line)["log_id"]) for line in lines)
    driver = StoreDriver(settings, product_env)
    with cassandra.session(settings) as session:
        audit = StreamAudit(settings, session)
        with running(driver):
            for turn in (1, 2):
                batches = Replay([CASE], ReplayOptions()).batches()
                report = produce(connect_producer(settings), settings.kafka_logs_topic, batches)
                assert report.sent == len(sent)
                wanted = turn * len(sent)
                eventually(driver.committed, lambda done, at=wanted: done >= at, PATIENCE_SECONDS)
                assert (
                    sorted(row.log_id for row in session.execute("SELECT log_id FROM logs")) == sent
                )
        assert audit.tally() == Tally(2 * len(sent), len(sent), len(sent), len(sent), 0)
        audit.close()
