"""The list of topics with their configuration. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from firstcause.settings import Settings

# On a cluster that has so many brokers, where the settings name no number.
REPLICAS_WANTED: Final = 3
DAY_MS: Final = 24 * 3600 * 1000
SEGMENT_MAX_BYTES: Final = 1024**3


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it is made.

    Attributes:
        name: its name.
        partitions: how many it gets; a topic that is there keeps its own.
        replicas: likewise.
        config: settings of its own.
        bounds: those settings that follow ours also on a topic that is there.
    """

    name: str
    partitions: int
    replicas: int
    config: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, str] = field(default_factory=dict)


def replayed_topic(settings: Settings) -> str:
    """The topic that remembers which dead letters were sent back."""
    return f"{settings.kafka_dead_letter_topic}_replayed"


def planned_topics(settings: Settings, brokers: int = 1) -> tuple[TopicPlan, ...]:
    """The topics of the settings: logs, spans, dead letters and their replay, alerts, escalations.

    The topics of logs and spans stamp messages on arrival (LogAppendTime): "a day ahead" is
    counted from that stamp, so no sender's clock can move it. A dead letter is the original
    message plus headers, so its topic takes twice the size. With several replicas a write is
    acknowledged when all but one have it: a broker may be lost, its messages not.

    Args:
        settings: names, partitions, sizes.
        brokers: how many there are; decides the replicas where the settings name none.
    """
    replicas, durability = _replicas(settings, brokers)
    partitions = settings.kafka_logs_partitions
    stamped = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(settings.kafka_max_message_bytes),
    }
    twice = {"max.message.bytes": str(2 * settings.kafka_max_message_bytes)}
    # A note outlives its letter, and need not outlive it for long.
    keep_ms = (settings.kafka_dead_letter_days + 1) * DAY_MS
    notes = {"cleanup.policy": "compact,delete", "retention.ms": str(keep_ms)}
    return (
        TopicPlan(settings.kafka_logs_topic, partitions, replicas, durability | stamped),
        TopicPlan(settings.kafka_spans_topic, partitions, replicas, durability | stamped),
        TopicPlan(
            settings.kafka_dead_letter_topic,
            partitions,
            replicas,
            durability | twice,
            dead_letter_bounds(settings),
        ),
        TopicPlan(replayed_topic(settings), 1, replicas, durability | notes),
        TopicPlan(settings.kafka_alerts_topic, partitions, replicas, durability),
        TopicPlan(settings.kafka_escalations_topic, partitions, replicas, durability),
    )


def source_topic(settings: Settings, name: str, brokers: int = 1) -> TopicPlan:
    """A topic of another format, which the bridge reads."""
    replicas, durability = _replicas(settings, brokers)
    size = {"max.message.bytes": str(settings.kafka_max_message_bytes)}
    return TopicPlan(name, settings.kafka_logs_partitions, replicas, durability | size)


def _replicas(settings: Settings, brokers: int) -> tuple[int, dict[str, str]]:
    replicas = settings.kafka_replication_factor or min(REPLICAS_WANTED, brokers)
    in_sync = {"min.insync.replicas": str(max(1, replicas - 1))} if replicas > 1 else {}
    return replicas, in_sync


def dead_letter_bounds(settings: Settings) -> dict[str, str]:
    """What keeps the dead letters within their bounds of size and age.

    Kafka deletes whole segments, and looks for them from time to time. So half of the bound is
    kept, and the other half is room for segments that are not full and for what comes between two
    looks.
    """
    of_partition = settings.kafka_dead_letter_max_bytes // settings.kafka_logs_partitions
    return {
        "retention.bytes": str(of_partition // 2),
        "segment.bytes": str(min(of_partition // 8, SEGMENT_MAX_BYTES)),
        "retention.ms": str(settings.kafka_dead_letter_days * DAY_MS),
        # Else a deleted segment stays on the disk for a minute.
        "file.delete.delay.ms": "1000",
    }
