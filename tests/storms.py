"""Error storms of the generator's scenarios: nothing but ERROR lines, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from firstcause.settings import Settings
from generators.output.kafka_producer import connect_producer, produce
from generators.output.message_batch import MessageBatch
from generators.stream.event_stream import EventStream, GeneratorParameters

ERRORS = 10_000
# Traffic of a shop in which every scenario makes so many errors within its own time.
EVENTS_PER_SECOND = 4_000.0
LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Storm:
    """Errors of one scenario in order of event time, ready to send."""

    scenario: str
    errors: list[MessageBatch]

    def __len__(self) -> int:
        return sum(map(len, self.errors))

    def send(self, settings: Settings) -> None:
        """Sends all as fast as Kafka takes it; every message acknowledged at the end."""
        report = produce(connect_producer(settings), settings.kafka_logs_topic, self.errors)
        assert report.delivered == len(self)


def a_storm(scenario: str, *, start: datetime, seed: int, errors: int = ERRORS) -> Storm:
    """The first errors of a fault that begins at `start`; exactly so many."""
    stream = EventStream(
        GeneratorParameters(
            rate_per_second=EVENTS_PER_SECOND,
            duration_seconds=LONGEST_SECONDS,
            scenario=scenario,
            seed=seed,
            start=start,
            fault_start_seconds=0,
            fault_duration_seconds=LONGEST_SECONDS,
        )
    )
    found: list[MessageBatch] = []
    left = errors
    for batch in stream.batches():
        storm = batch.where(batch.errors)
        storm = storm.part(0, min(left, len(storm)))
        left -= len(storm)
        if len(storm):
            found.append(storm)
        if not left:
            return Storm(scenario, found)
    raise ValueError(f"{scenario} makes only {errors - left} errors in {LONGEST_SECONDS} s")
