"""Creates missing topics, and checks existing ones against the plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import stamina
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from firstcause.errors import FirstcauseError
from firstcause.kafka.topic_plan import TopicPlan, planned_topics, source_topic
from firstcause.settings import Settings

ADMIN_TIMEOUT_SECONDS: Final = 30.0
_NO_LEADER_YET: Final = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    # The client's own words while the metadata names no leader, or no such topic.
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
)

log = structlog.get_logger(__name__)


def ensure_topics(settings: Settings, sources: Collection[str] = ()) -> list[str]:
    """Creates missing topics; warns if an existing one differs from the plan.

    `sources` are further topics, of records in other formats.

    A topic that is there keeps its settings, but for the bounds of the dead letters, which follow
    the settings. Blocks until Kafka has answered, 30 s a request at the most, and each partition
    that was made has a leader. Two callers at a time are safe, and so is a retry.

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
        known = admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS)
        brokers = len(known.brokers)
        plans = [*planned_topics(settings, brokers)]
        plans += [source_topic(settings, name, brokers) for name in sources]
        present = [plan for plan in plans if plan.name in known.topics]
        configs = _configs(admin, [plan.name for plan in present])
        for plan in present:
            config = configs[plan.name]
            for told in differences(plan, config, _replicas(known.topics[plan.name])):
                log.warning("topic_differs", topic=plan.name, told=told)
            _set_bounds(admin, plan, config)
    except KafkaException as error:
        raise _no_answer(settings) from error
    missing = [plan for plan in plans if plan not in present]
    made = _make(admin, missing)
    try:
        _await_leaders(settings, missing)
    except KafkaException as error:
        raise _no_answer(settings) from error
    return made


def differences(plan: TopicPlan, config: Mapping[str, str], replicas: int) -> list[str]:
    """What of a topic is not as planned and matters, with what to do; a sentence each. Pure.

    Args:
        plan: how it would be made.
        config: its settings as Kafka has them.
        replicas: the fewest that one of its partitions has.
    """
    told = []
    if replicas < plan.replicas:
        told.append(
            f"it has {replicas} replicas instead of {plan.replicas}, so that a lost broker loses "
            "messages: raise them with kafka-reassign-partitions"
        )
    for name, wanted in plan.config.items():
        found = config.get(name, "")
        # More room and more safety than planned are fine.
        enough = found.isdigit() and wanted.isdigit() and int(found) >= int(wanted)
        if found != wanted and not enough:
            told.append(
                f"{name} is {found or 'unset'} instead of {wanted}: kafka-configs --alter "
                f"--topic {plan.name} --add-config {name}={wanted}"
            )
    return told


def _replicas(topic: Any) -> int:
    return min((len(one.replicas) for one in topic.partitions.values()), default=0)


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=ADMIN_TIMEOUT_SECONDS)
    return {
        resource.name: {name: entry.value for name, entry in answer.result().items()}
        for resource, answer in answers.items()
    }


def _set_bounds(admin: AdminClient, plan: TopicPlan, config: Mapping[str, str]) -> None:
    changes = {name: item for name, item in plan.bounds.items() if config.get(name) != item}
    if not changes:
        return
    resource = ConfigResource(
        ResourceType.TOPIC,
        plan.name,
        incremental_configs=[
            ConfigEntry(name, item, incremental_operation=AlterConfigOpType.SET)
            for name, item in changes.items()
        ],
    )
    for answer in admin.incremental_alter_configs([resource]).values():
        answer.result()
    log.info("topic_bounded", topic=plan.name, **changes)


def _make(admin: AdminClient, missing: Sequence[TopicPlan]) -> list[str]:
    if not missing:
        return []
    requests = admin.create_topics(
        [
            NewTopic(plan.name, plan.partitions, plan.replicas, config=plan.config | plan.bounds)
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


def _has_no_leader_yet(error: Exception) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in _NO_LEADER_YET


def _await_leaders(settings: Settings, plans: Sequence[TopicPlan]) -> None:
    """Blocks until each partition answers; one that was just made does not for a moment."""
    if not plans:
        return
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "firstcause-topics",
            "enable.auto.commit": False,
            "log_level": 2,
        }
    )
    try:
        for attempt in stamina.retry_context(
            on=_has_no_leader_yet, attempts=None, timeout=ADMIN_TIMEOUT_SECONDS
        ):
            with attempt:
                for plan in plans:
                    for number in range(plan.partitions):
                        place = TopicPartition(plan.name, number)
                        consumer.get_watermark_offsets(place, ADMIN_TIMEOUT_SECONDS)
    finally:
        consumer.close()


def _no_answer(settings: Settings) -> FirstcauseError:
    return FirstcauseError(
        f"Kafka does not answer at {settings.kafka_bootstrap_servers}: run `firstcause up`, or "
        "look at `firstcause status`."
    )
