"""The topics with their configuration, and the creation of missing ones."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings

ADMIN_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it is made: name, partitions, replicas and the settings of its own."""

    name: str
    partitions: int
    replicas: int
    config: dict[str, str] = field(default_factory=dict)


def planned_topics(settings: Settings) -> tuple[TopicPlan, ...]:
    """The topics of the settings: logs, spans, dead letters, alerts, escalations.

    The topics of logs and spans stamp messages on arrival (LogAppendTime): "a day ahead" is
    counted from that stamp, so no sender's clock can move it. A dead letter is the original
    message plus headers, so its topic takes twice the size; it stays until somebody has read it,
    so nothing there expires. With several replicas a write is acknowledged when all but one have
    it: a broker may be lost, its messages not.
    """
    size_bytes = settings.kafka_max_message_bytes
    replicas = settings.kafka_replication_factor
    durability = {"min.insync.replicas": str(max(1, replicas - 1))} if replicas > 1 else {}
    stamped = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(size_bytes),
    }
    configs = {
        settings.kafka_logs_topic: stamped,
        settings.kafka_spans_topic: stamped,
        settings.kafka_dead_letter_topic: {
            "max.message.bytes": str(2 * size_bytes),
            "retention.ms": "-1",
        },
        settings.kafka_alerts_topic: {},
        settings.kafka_escalations_topic: {},
    }
    return tuple(
        TopicPlan(name, settings.kafka_logs_partitions, replicas, {**durability, **config})
        for name, config in configs.items()
    )


def ensure_topics(settings: Settings, sources: Collection[str] = ()) -> list[str]:
    """Makes the topics that are missing; leaves those that are there as they are.

    Blocks until Kafka has answered, 30 s at the most. Two callers at a time are safe, and so
    is a retry.

    Args:
        settings: name the topics.
        sources: further topics, of records in other formats.

    Returns:
        The names of the topics that this call made.

    Raises:
        FirstcauseError: Kafka does not answer, or refuses a topic.
    """
    admin = AdminClient(
        # No answer is reported by the error below; librdkafka need not shout about it as well.
        {"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 2}
    )
    try:
        present = set(admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS).topics)
    except KafkaException as error:
        raise _no_answer(settings) from error
    plans = (*planned_topics(settings), *map(functools.partial(_source_topic, settings), sources))
    missing = [plan for plan in plans if plan.name not in present]
    if not missing:
        return []
    requests = admin.create_topics(
        [
            NewTopic(plan.name, plan.partitions, plan.replicas, config=plan.config)
            for plan in missing
        ],
        operation_timeout=ADMIN_TIMEOUT_SECONDS,
        request_timeout=ADMIN_TIMEOUT_SECONDS,
    )
    made = []
    for name, request in requests.items():
        try:
            request.result()
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            raise FirstcauseError(f"Kafka refuses the topic {name}: {reason.str()}") from error
        made.append(name)
    return made


def _source_topic(settings: Settings, name: str) -> TopicPlan:
    return TopicPlan(
        name,
        settings.kafka_logs_partitions,
        settings.kafka_replication_factor,
        {"max.message.bytes": str(settings.kafka_max_message_bytes)},
    )


def _no_answer(settings: Settings) -> FirstcauseError:
    return FirstcauseError(
        f"Kafka does not answer at {settings.kafka_bootstrap_servers}: run `firstcause up`, or "
        "look at `firstcause status`."
    )
