from __future__ import annotations

import json
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException

from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from log_analyzer import metrics
from log_analyzer.incidents.stores.writes import LostRaceError
from log_analyzer.intake.consumer import LogConsumer
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter, NotPutAsideError
from log_analyzer.intake.uncommitted_batch import SourceMessage
from log_templates.miner import TemplateMiner
from tests.unit.log_analyzer.notify.test_message import FIRST_ID

SETTINGS = Settings(_env_file=None)
VALUE = json.dumps(
    {
        "log_id": FIRST_ID,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "service_name": "payment",
        "level": "ERROR",
        "message": "poison",
    }
).encode()
SOURCE_HEADERS = [
    ("traceparent", b"00-1"),
    ("traceparent", None),
    (dead_letter.REASON, b"forged"),
]


class ScriptedProducer:
    """Takes dead letters as the script says, then all of them."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.letters: list[dict] = []
        self._left = 0

    def produce(self, topic, **record) -> None:
        outcome = self.script.pop(0) if self.script else None
        if isinstance(outcome, Exception):
            raise outcome
        self._left = 1 if outcome == "unacknowledged" else 0
        refused = KafkaError(KafkaError._MSG_TIMED_OUT) if outcome == "timed out" else None
        record.pop("on_delivery")(refused, None)
        if outcome is None:
            self.letters.append(record | {"topic": topic})

    def flush(self, _) -> int:
        return self._left


class OnePoisonMessage:
    """A Kafka consumer whose only message is an error that can't be processed."""

    def __init__(self) -> None:
        message = Mock()
        message.error.return_value = None
        message.value.return_value = VALUE
        message.key.return_value = b"payment"
        message.headers.return_value = SOURCE_HEADERS
        message.topic.return_value = SETTINGS.kafka_logs_topic
        message.partition.return_value = 3
        message.offset.return_value = 7
        message.timestamp.return_value = (1, 1_700_000_001_000)
        self._messages = [message]
        self.committed: list[tuple[int, int]] = []
        self.paused = 0

    def consume(self, *_):
        taken, self._messages = self._messages, []
        return taken

    def pause(self, _) -> None:
        self.paused += 1

    def commit(self, offsets, **_) -> None:
        self.committed += [(one.partition, one.offset) for one in offsets]

    def __getattr__(self, name: str):
        return lambda *_, **__: []


class Turns:
    """Stands in for the stop signal; each turn takes a minute."""

    def __init__(self, number: int, clock: SimpleNamespace) -> None:
        self._left, self._clock = number, clock

    def is_set(self) -> bool:
        self._left -= 1
        self._clock.now += 60.0
        return self._left < 0


def run(
    consumer: OnePoisonMessage,
    producer: ScriptedProducer,
    turns: int,
    record: object = ValueError("poison"),
    merge: object = None,
) -> None:
    clock = SimpleNamespace(now=0.0)
    tracker = Mock()
    tracker.record.side_effect = record
    tracker.merge.side_effect = merge
    analyzer = LogConsumer(
        settings=SETTINGS,
        tracker=tracker,
        dead_letters=DeadLetterWriter(SETTINGS, producer),
        miner=TemplateMiner(),
        consumer=consumer,
        monotonic=lambda: clock.now,
    )
    # Captured: tracebacks with all locals take seconds to draw.
    with structlog.testing.capture_logs():
        analyzer.run(Turns(turns, clock))


def test_merging_that_fails_for_good_is_told_and_ends_nothing() -> None:
    before = metrics.LOOP_FAILURES.labels("merge")._value.get()
    consumer = OnePoisonMessage()
    run(consumer, ScriptedProducer(), turns=4, record=None, merge=ValueError("broken row"))
    assert consumer.committed == [(3, 8)]
    assert consumer.paused == 0
    assert metrics.LOOP_FAILURES.labels("merge")._value.get() > before


REFUSALS = [
    BufferError("queue full"),
    KafkaException(KafkaError(KafkaError._FATAL)),
    "timed out",
    "unacknowledged",
]


def test_a_poison_error_waits_with_its_offset_until_kafka_takes_its_dead_letter() -> None:
    consumer, producer = OnePoisonMessage(), ScriptedProducer(*REFUSALS * 10)
    run(consumer, producer, turns=8)
    assert (consumer.committed, producer.letters) == ([], [])
    assert consumer.paused > 0

    consumer, producer = OnePoisonMessage(), ScriptedProducer(*REFUSALS)
    run(consumer, producer, turns=8)
    assert consumer.committed == [(3, 8)]
    assert len(producer.letters) == 1


def test_a_race_lost_to_other_instances_is_run_again_and_no_poison() -> None:
    consumer, producer = OnePoisonMessage(), ScriptedProducer()
    lost = [LostRaceError("the board")] * 5 + [None] * 99
    run(consumer, producer, turns=20, record=lost, merge=lost)
    assert consumer.committed == [(3, 8)]
    assert producer.letters == []
    assert consumer.paused > 0


def test_a_dead_letter_keeps_the_key_and_headers_of_its_source() -> None:
    producer = ScriptedProducer()
    run(OnePoisonMessage(), producer, turns=3)
    [letter] = producer.letters
    assert (letter["topic"], letter["key"], letter["value"]) == (
        SETTINGS.kafka_dead_letter_topic,
        b"payment",
        VALUE,
    )
    assert letter["headers"] == [
        ("traceparent", b"00-1"),
        ("traceparent", None),
        (dead_letter.REASON, dead_letter.PROCESSING_FAILED),
        (dead_letter.TOPIC, SETTINGS.kafka_logs_topic),
        (dead_letter.PARTITION, "3"),
        (dead_letter.OFFSET, "7"),
        (dead_letter.CONSUMER, SETTINGS.analyzer_group),
    ]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_refusal_is_one_error(refusal) -> None:
    source = SourceMessage("logs", 0, 0, b"x")
    with pytest.raises(NotPutAsideError):
        DeadLetterWriter(SETTINGS, ScriptedProducer(refusal)).put(
            source, dead_letter.PROCESSING_FAILED
        )


@pytest.mark.parametrize("whole", [True, False])
def test_a_position_whose_commit_is_refused_is_committed_later_though_no_message_comes(
    whole: bool,
) -> None:
    class Balancing(OnePoisonMessage):
        """The group is balancing anew: its first commit is refused, whole or by partition."""

        refusals = 1

        def commit(self, offsets, **_):
            if self.refusals:
                self.refusals -= 1
                error = KafkaError(KafkaError.ILLEGAL_GENERATION)
                if whole:
                    raise KafkaException(error)
                return [SimpleNamespace(**_place(one), error=error) for one in offsets]
            return super().commit(offsets)

    consumer = Balancing()
    run(consumer, ScriptedProducer(), turns=4, record=None)
    assert consumer.committed == [(3, 8)]


def _place(one) -> dict[str, object]:
    return {"topic": one.topic, "partition": one.partition}
