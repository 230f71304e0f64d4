"""The indexer's loop with librdkafka's own mock brokers: what is committed is findable."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock
from uuid import UUID

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from firstcause.settings import Settings
from log_templates.miner import TemplateMiner
from search.embedded.engine import EmbeddedEngine
from search.embedded.writer import HourWriters, IndexWriteError
from search.engine import IndexAwayError
from search.indexer.batch import Batch
from search.indexer.consumer import IndexConsumer
from search.indexer.store import IndexStore
from search.patterns.counter import CountKey, PatternChanges, PatternCounter
from search.query.tree import Everything

WAIT_SECONDS = 60.0
TIME_MS = 1_796_000_000_000


class Rows(dict[CountKey, int]):
    """Counts as a store of upserts keeps them."""

    def write(self, changes: PatternChanges) -> None:
        self.update(changes.counts)


class Refusing(IndexStore):
    """Refuses its first batches, as a full disk does."""

    refusals = 2

    def put(self, batch: Batch) -> None:
        if self.refusals:
            self.refusals -= 1
            raise IndexWriteError("no space left")
        super().put(batch)


class Dying(IndexStore):
    """Dies when all is in the index, before the last offsets are committed."""

    left = 140

    def put(self, batch: Batch) -> None:
        super().put(batch)
        self.left -= len(batch.events)
        if self.left <= 0:
            raise Death


class Death(Exception):
    """What no loop survives."""


class Cluster:
    """A topic of mock brokers, an index and counts."""

    def __init__(self, root: Path) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock"})
        broker = next(iter(self._producer.list_topics(timeout=30).brokers.values()))
        self.settings = Settings(
            kafka_bootstrap_servers=f"{broker.host}:{broker.port}",
            firstcause_home=root,
            search_commit_seconds=0.1,
            search_batch_events=50,
        )
        self.rows = Rows()
        self.miner = TemplateMiner()
        self.sent = 0

    def send(self, count: int) -> None:
        for number in range(self.sent, self.sent + count):
            fields = {
                "log_id": str(UUID(int=number)),
                "timestamp": "2026-11-30T07:00:00Z",
                "service_name": f"s{number % 2}",
                "level": "INFO",
                "message": "order paid",
            }
            topic = self.settings.kafka_logs_topic
            self._producer.produce(topic, orjson.dumps(fields), partition=number % 2)
        self._producer.produce(self.settings.kafka_logs_topic, b"no log event", partition=0)
        assert self._producer.flush(30) == 0
        self.sent += count

    @contextmanager
    def indexing(self, kind: type[IndexStore] = IndexStore) -> Iterator[None]:
        """An indexer in a thread, until the block ends."""
        self.settings.search_dir.mkdir(exist_ok=True)
        writers = HourWriters(self.settings.search_dir)
        store = kind(self.settings, writers, PatternCounter(self.miner), self.rows)  # type: ignore[arg-type]
        consumer = IndexConsumer(self.settings, store)
        stopping = threading.Event()

        def live() -> None:
            with suppress(Death):
                consumer.run(stopping)

        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(WAIT_SECONDS)
            writers.close()
            assert not thread.is_alive()

    def committed(self) -> int:
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.kafka_bootstrap_servers,
                "group.id": self.settings.search_group,
            }
        )
        try:
            places = [TopicPartition(self.settings.kafka_logs_topic, number) for number in (0, 1)]
            return sum(max(0, place.offset) for place in consumer.committed(places, 30))
        finally:
            consumer.close()

    def found(self) -> Counter[str]:
        engine = EmbeddedEngine(self.settings.search_dir)
        try:
            page = engine.search(Everything(), 0, 2 * TIME_MS, 10_000)
        except IndexAwayError:
            return Counter()
        return Counter(key.log_id for key in page.keys)

    def await_found(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.found()) < self.sent:
            assert time.monotonic() < deadline, f"{len(self.found())} of {self.sent} are found"
            time.sleep(0.05)


class Turns(threading.Event):
    """Told to stop after these steps, one before each turn of the loop."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        super().__init__()
        self._steps = list(steps)

    def is_set(self) -> bool:
        if not self._steps:
            return True
        self._steps.pop(0)()
        return False


def test_what_was_refused_and_then_lost_blocks_the_next_partitions_no_longer() -> None:
    clock = [0.0]
    message = Mock(**{"error.return_value": None, "partition.return_value": 0})
    message.configure_mock(
        **{"offset.return_value": 7, "value.return_value": b"", "timestamp.return_value": (1, 0)}
    )
    consumer = Mock(**{"assignment.return_value": [], "consume.return_value": []})
    store = Mock(**{"put.side_effect": IndexWriteError("the disk is full")})
    indexer = IndexConsumer(Settings(), store, consumer, lambda: clock[0])

    def arrives() -> None:
        consumer.consume.return_value = [message]

    def is_refused() -> None:
        consumer.consume.return_value = []
        clock[0] += 60

    def is_lost() -> None:
        assert store.put.call_count == 1
        lost = consumer.subscribe.call_args.kwargs["on_lost"]
        lost(consumer, [TopicPartition("logs", 0)])
        clock[0] += 60

    def goes_on() -> None:
        consumer.reset_mock()
        consumer.consume.return_value = []

    indexer.run(Turns(arrives, is_refused, is_lost, goes_on))
    consumer.pause.assert_not_called()
    [(wanted, _)] = [call.args for call in consumer.consume.call_args_list]
    assert wanted > 1


def each_once(cluster: Cluster) -> bool:
    return cluster.found() == Counter(str(UUID(int=number)) for number in range(cluster.sent))


def test_in_any_of_its_lives_each_log_is_found_and_counted_once(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.send(80)
    with cluster.indexing(Refusing):
        cluster.await_found()
    assert cluster.committed() == 81
    # Dead between the index and the offsets.
    cluster.send(60)
    with cluster.indexing(Dying):
        cluster.await_found()
    assert 81 <= cluster.committed() < 142
    cluster.send(30)
    with cluster.indexing():
        cluster.await_found()
    assert cluster.committed() == 173
    assert each_once(cluster)
    assert sum(cluster.rows.values()) == 170
    # Removed by somebody, it is made again, whatever was committed.
    shutil.rmtree(cluster.settings.search_dir)
    with cluster.indexing():
        cluster.await_found()
    assert each_once(cluster)
    assert sum(cluster.rows.values()) == 170
