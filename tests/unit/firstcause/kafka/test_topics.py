from __future__ import annotations

import pytest

from firstcause.kafka.topic_plan import TopicPlan, planned_topics
from firstcause.kafka.topics import differences
from firstcause.settings import Settings


def plans(brokers: int = 1, **changes: object) -> dict[str, TopicPlan]:
    settings = Settings(_env_file=None).model_copy(update=changes)  # type: ignore[call-arg]
    return {plan.name: plan for plan in planned_topics(settings, brokers)}


def test_each_topic_of_the_settings_is_planned_once() -> None:
    names = {
        "kafka_logs_topic": "a",
        "kafka_dead_letter_topic": "b",
        "kafka_spans_topic": "e",
        "kafka_alerts_topic": "c",
        "kafka_escalations_topic": "d",
    }
    planned = plans(kafka_logs_partitions=7, **names)
    assert set(planned) == {*names.values(), "b_replayed"}
    assert {name: plan.partitions for name, plan in planned.items() if plan.partitions != 7} == {
        "b_replayed": 1
    }


def test_dead_letters_are_bounded_and_have_room_for_their_headers() -> None:
    planned = plans(
        kafka_logs_topic="logs",
        kafka_dead_letter_topic="dead",
        kafka_max_message_bytes=1000,
        kafka_logs_partitions=4,
        kafka_dead_letter_max_bytes=64_000_000,
        kafka_dead_letter_days=2,
    )
    assert planned["dead"].config["max.message.bytes"] == "2000"
    bounds = planned["dead"].bounds
    assert bounds["retention.ms"] == str(2 * 24 * 3_600_000)
    kept, segment = int(bounds["retention.bytes"]), int(bounds["segment.bytes"])
    # What is kept, the segment before it that is not deleted yet, the one that is written, and as
    # much again between two looks.
    assert 4 * (kept + 4 * segment) <= 64_000_000
    assert planned["dead_replayed"].config["cleanup.policy"] == "compact,delete"
    assert planned["logs"].config["max.message.bytes"] == "1000"
    assert planned["logs"].config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(("brokers", "replicas"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_a_cluster_gets_three_replicas_where_the_settings_name_none(
    brokers: int, replicas: int
) -> None:
    planned = plans(brokers)
    assert {plan.replicas for plan in planned.values()} == {replicas}
    in_sync = {plan.config.get("min.insync.replicas") for plan in planned.values()}
    assert in_sync == {str(replicas - 1) if replicas > 1 else None}


def test_a_topic_that_is_there_is_held_against_the_plan() -> None:
    plan = plans(3, kafka_logs_topic="logs", kafka_max_message_bytes=2000)["logs"]
    as_planned = {**plan.config, "retention.ms": "5"}
    assert differences(plan, as_planned, 3) == []
    assert differences(plan, {**as_planned, "max.message.bytes": "9000"}, 4) == []
    [few] = differences(plan, as_planned, 1)
    assert "1 replicas instead of 3" in few
    [stamp] = differences(plan, {**as_planned, "message.timestamp.type": "CreateTime"}, 3)
    assert "message.timestamp.type is CreateTime instead of LogAppendTime" in stamp
    assert "kafka-configs --alter --topic logs" in stamp
    [unsafe] = differences(plan, {**as_planned, "min.insync.replicas": "1"}, 3)
    assert "min.insync.replicas is 1 instead of 2" in unsafe


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, None), (2, "1"), (3, "2")])
def test_a_write_survives_the_loss_of_a_broker(replicas: int, in_sync: str | None) -> None:
    for plan in plans(kafka_replication_factor=replicas).values():
        assert plan.replicas == replicas
        assert plan.config.get("min.insync.replicas") == in_sync
