"""Sends what a micro-batch decided: escalations, and dead letters of what is no alert."""

from __future__ import annotations

from typing import Any

import structlog
from confluent_kafka import KafkaException
from pyspark.sql import DataFrame

from firstcause.kafka.acknowledged_producer import AcknowledgedProducer
from firstcause.settings import Settings
from spark.escalation.decision import ESCALATION, LATE, LETTER
from spark.store.dead_letter_writer import DeadLetterWriter
from spark.streaming.query import ServiceAway

log = structlog.get_logger(__name__)


class EscalationBatch:
    """What Spark's `foreachBatch` calls; a repetition sends the same escalations again."""

    def __init__(self, settings: Settings, dead_letters: DeadLetterWriter) -> None:
        self._topic = settings.kafka_escalations_topic
        self._dead_letters = dead_letters
        self._producer = AcknowledgedProducer(settings)

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        """Blocks until all is acknowledged; raises when it is not, and Spark repeats the batch."""
        # Once: each action would run the stateful operator again.
        decided = rows.collect()
        letters = [row for row in decided if row.kind == LETTER]
        if letters:
            frame = rows.sparkSession.createDataFrame(letters, rows.schema)
            self._dead_letters.write(frame.drop("kind", "service_name", "escalation"), batch_id)
            log.warning("alerts_unreadable", batch_id=batch_id, alerts=len(letters))
        for row in decided:
            if row.kind == LATE:
                late = int(row.escalation)
                log.warning("alerts_late", service_name=row.service_name, alerts=late)
        self._send([row for row in decided if row.kind == ESCALATION], batch_id)

    def _send(self, escalations: list[Any], batch_id: int) -> None:
        if not escalations:
            return
        try:
            self._producer.send(
                self._topic, ((row.service_name, row.escalation.encode()) for row in escalations)
            )
        except KafkaException as error:
            raise ServiceAway(f"Kafka did not take escalations: {error}") from error
        for row in escalations:
            log.info("escalated", batch_id=batch_id, escalation=row.escalation)
