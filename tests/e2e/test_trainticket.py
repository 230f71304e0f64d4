"""A real fault case, replayed as it is: each line is stored, and sending it again adds nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from uuid import UUID

import pytest

from firstcause import cassandra
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.stream_audit import StreamAudit, Tally
from generators.kafka_producer import connect_producer, produce
from generators.replay import Replay, ReplayOptions
from tests.installation import Installation
from tests.integration.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

pytestmark = pytest.mark.e2e

CASE = PROJECT_ROOT.parent / "shared" / "data" / "trainticket" / "case-08" / "logs.jsonl.gz"


def stored_ids(settings: Settings) -> list[UUID]:
    with cassandra.session(settings) as session:
        return [row.log_id for row in session.execute("SELECT log_id FROM logs")]


def replay(settings: Settings, path: Path) -> int:
    batches = Replay([path], ReplayOptions()).batches()
    return produce(connect_producer(settings), settings.kafka_logs_topic, batches).delivered


@pytest.mark.skipif(not CASE.is_file(), reason="the TrainTicket cases are not there")
def test_each_line_is_stored_once_also_when_sent_twice(
    services: Installation, settings: Settings
) -> None:
    with gzip.open(CASE) as lines:
        sent = [UUID(json.loads(line)["log_id"]) for line in lines]
    with cassandra.session(settings) as session:
        audit = StreamAudit(settings, session)
        with running(StoreDriver(settings, services.env)):
            for turn in (1, 2):
                assert replay(settings, CASE) == len(sent)

                def tally() -> Tally | None:
                    now = audit.tally()
                    return now if now.complete else None

                done = eventually(tally, seconds=120)
                assert done.sent == turn * len(sent)
                assert done.dead_letters == 0
                # Read by the job, not only stored before: the second turn has to be over too.
                driver = StoreDriver(settings, services.env)
                eventually(lambda: driver.committed() >= turn * len(sent), seconds=120)
                assert sorted(stored_ids(settings)) == sorted(sent)
        audit.close()
