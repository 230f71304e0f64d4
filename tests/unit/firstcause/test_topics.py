from __future__ import annotations

import pytest

from firstcause.kafka.topics import TopicPlan, planned_topics
from firstcause.settings import Settings


def plans(**changes: object) -> dict[str, TopicPlan]:
    settings = Settings(_env_file=None).model_copy(update=changes)  # type: ignore[call-arg]
    return {plan.name: plan for plan in planned_topics(settings)}


def test_each_topic_of_the_settings_is_planned_once() -> None:
    names = {
        "kafka_logs_topic": "a",
        "kafka_dead_letter_topic": "b",
        "kafka_spans_topic": "e",
        "kafka_alerts_topic": "c",
        "kafka_escalations_topic": "d",
    }
    planned = plans(kafka_logs_partitions=7, **names)
    assert set(planned) == set(names.values())
    assert {plan.partitions for plan in planned.values()} == {7}


def test_dead_letters_never_expire_and_have_room_for_their_headers() -> None:
    planned = plans(
        kafka_logs_topic="logs", kafka_dead_letter_topic="dead", kafka_max_message_bytes=1000
    )
    assert planned["dead"].config["retention.ms"] == "-1"
    assert planned["dead"].config["max.message.bytes"] == "2000"
    assert planned["logs"].config["max.message.bytes"] == "1000"
    assert planned["logs"].config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, None), (2, "1"), (3, "2")])
def test_a_write_survives_the_loss_of_a_broker(replicas: int, in_sync: str | None) -> None:
    for plan in plans(kafka_replication_factor=replicas).values():
        assert plan.replicas == replicas
        assert plan.config.get("min.insync.replicas") == in_sync
