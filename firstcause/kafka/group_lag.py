"""How far a consumer group is behind, as a Prometheus metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # no __all__
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

KAFKA_SECONDS: Final = 3.0
# The client's two functions have no types.
EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]

Place = tuple[str, int]


class GroupLagCollector(Collector):
    """Asks Kafka at each scrape for the messages that a group has not committed yet, by topic.

    Right also while the consumer is blocked or has no partition. A scrape blocks for seconds at
    the most; while Kafka does not answer there is no figure.
    """

    def __init__(self, bootstrap_servers: str, group: str, topics: Iterable[str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._group = group
        self._topics = sorted(topics)
        self._admin: AdminClient | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The metric without figures; Kafka is not asked."""
        yield _family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge a topic of the group."""
        family = _family()
        try:
            lags = self._lags()
        except KafkaException:
            lags = {}  # no figure beats a wrong one
        for topic, lag in lags.items():
            family.add_metric([self._group, topic], lag)
        yield family

    def _lags(self) -> dict[str, int]:
        # librdkafka reports an unreachable broker to its log at each attempt.
        admin = self._admin or AdminClient(
            {"bootstrap.servers": self._bootstrap_servers, "log_level": 2}
        )
        self._admin = admin
        places = [
            TopicPartition(topic, partition)
            for topic in self._topics
            for partition in admin.list_topics(topic, timeout=KAFKA_SECONDS)
            .topics[topic]
            .partitions
        ]
        if not places:
            return {}
        asked = ConsumerGroupTopicPartitions(self._group, places)
        answers = admin.list_consumer_group_offsets([asked], request_timeout=KAFKA_SECONDS)
        told = answers[self._group].result().topic_partitions
        return lags_of(
            {(one.topic, one.partition): one.offset for one in told},
            _offsets(admin, places, EARLIEST),
            _offsets(admin, places, LATEST),
        )


def lags_of(
    committed: dict[Place, int], begins: dict[Place, int], ends: dict[Place, int]
) -> dict[str, int]:
    """Messages from the committed offsets to the ends, by topic. Pure.

    Without a commit (a negative offset), and where what was committed is no longer kept, a
    partition counts from its beginning.
    """
    lags: dict[str, int] = {}
    for place, end in ends.items():
        reached = max(committed.get(place, 0), begins.get(place, 0))
        lags[place[0]] = lags.get(place[0], 0) + max(0, end - reached)
    return lags


def _offsets(
    admin: AdminClient, places: Sequence[TopicPartition], spec: OffsetSpec
) -> dict[Place, int]:
    answers = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=KAFKA_SECONDS)
    return {(one.topic, one.partition): found.result().offset for one, found in answers.items()}


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "firstcause_kafka_group_lag_messages",
        "Messages in Kafka that a consumer group has not committed yet",
        labels=["group", "topic"],
    )
