"""Reads how the pipeline stands: from Kafka, and from the heartbeats of the streaming jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from alerting.pipeline import JobReading, Reading
from firstcause.kafka.consumer_settings import consumer_settings
from firstcause.settings import Settings
from firstcause.streams.progress import Progress, progress_in
from log_analyzer.workers.letter_count import LetterCount

TIMEOUT_SECONDS: Final = 10.0
_ANALYZER: Final = "analyzer"

_log = structlog.get_logger()


class PipelineReader:
    """Owned by one thread. It joins no consumer group and commits nothing."""

    def __init__(
        self,
        settings: Settings,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._settings = settings
        self._clock_ms = clock_ms
        # The analyzer's group: where it stands is asked of Kafka, without taking part in it.
        self._consumer = Consumer(
            {
                **consumer_settings(
                    settings, group=settings.analyzer_group, client_id="firstcause_pipeline"
                ),
                "log_level": 2,
            }
        )
        self._letters = LetterCount(self._consumer, settings.kafka_dead_letter_topic)
        self._log_ends: Mapping[int, int] | None = None
        self._last_log_ms: int | None = None

    def read(self) -> Reading:
        """How it stands now; blocks for some seconds. Without Kafka only the jobs are known."""
        jobs = jobs_of(self._settings.checkpoints_dir)
        last_log_ms, letters, lag = None, None, None
        try:
            letters, lag = self._read_kafka()
            last_log_ms = self._last_log_ms
        except KafkaException as error:
            _log.warning("pipeline_unknown", reason=str(error))
        # The analyzer is there, even while nobody knows how far it is behind.
        own = JobReading(_ANALYZER, None, None, lag)
        return Reading(self._clock_ms(), last_log_ms, letters, [own, *jobs])

    def _read_kafka(self) -> tuple[int, int | None]:
        """How many dead letters there were, and how far the analyzer is behind."""
        ends = self._ends(self._settings.kafka_logs_topic)
        if self._log_ends is None:
            self._last_log_ms = self._newest_ms(self._settings.kafka_logs_topic, ends)
        elif ends != self._log_ends:
            self._last_log_ms = self._clock_ms()
        self._log_ends = ends
        letters = self._letters.at(self._ends(self._settings.kafka_dead_letter_topic))
        return letters, self._own_lag(ends)

    def _ends(self, topic: str) -> dict[int, int]:
        known = self._consumer.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
        if known.error is not None:
            raise KafkaException(known.error)
        return {
            number: self._consumer.get_watermark_offsets(
                TopicPartition(topic, number), timeout=TIMEOUT_SECONDS
            )[1]
            for number in known.partitions
        }

    def _newest_ms(self, topic: str, ends: Mapping[int, int]) -> int | None:
        """When the last log came that Kafka has, within a minute; None without any.

        It is found by halving: Kafka tells which offset has a time or a later one.
        """
        if not any(ends.values()):
            return None
        low, high = 0, self._clock_ms()
        while high - low > 60_000:  # noqa: PLR2004 - a minute
            middle = (low + high) // 2
            asked = [TopicPartition(topic, number, middle) for number in ends]
            found = self._consumer.offsets_for_times(asked, timeout=TIMEOUT_SECONDS)
            is_later = any(0 <= one.offset < ends[one.partition] for one in found)
            low, high = (middle, high) if is_later else (low, middle)
        # Kafka has removed all that there was: nothing is known of when it came.
        return low or self._clock_ms()

    def _own_lag(self, ends: Mapping[int, int]) -> int | None:
        topic = self._settings.kafka_logs_topic
        asked = [TopicPartition(topic, number) for number in ends]
        committed = self._consumer.committed(asked, timeout=TIMEOUT_SECONDS)
        known = {one.partition: one.offset for one in committed if one.offset >= 0}
        if len(known) < len(ends):
            return None
        return sum(max(0, end - known[number]) for number, end in ends.items())


def jobs_of(folder: Path) -> list[JobReading]:
    """The streaming jobs with a heartbeat in a folder; what is no heartbeat is left out."""
    return [_job(one) for one in progress_in(folder)]


def _job(told: Progress) -> JobReading:
    if told.is_stopped:
        return JobReading(told.job, None, None, None, is_stopped=True)
    return JobReading(
        job=told.job,
        heartbeat_ms=int(told.updated_at * 1_000),
        progress_ms=int(told.batch_finished_at * 1_000) if told.trigger_active else None,
        lag=told.lag_messages,
    )
