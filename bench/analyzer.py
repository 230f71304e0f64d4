"""How fast the analyzer reads a topic with 5 % errors, beside a bare consume loop."""

from __future__ import annotations

import argparse
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from cassandra.cluster import Session
from confluent_kafka import Consumer

from bench.generator import Figure
from bench.running_installation import running_installation
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from generators.output.kafka_producer import connect_producer, produce
from generators.output.message_batch import MessageBatch
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.incidents.call_graph import CallGraphStore
from log_analyzer.incidents.escalations import EscalationStore
from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.intake.consumer import LogConsumer
from log_analyzer.intake.consumer_setup import consumer_config
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_analyzer.notify.outbox import MessageOutbox
from log_templates.miner import TemplateMiner
from tests.installation import Installation

ERROR_SHARE = 0.05
EVENTS_PER_SECOND = 5_000.0
SCENARIO = "expired_credentials"
FETCH_MESSAGES = 5_000
DONE_SECONDS = 600.0


def measure_analyzer(installation: Installation, events: int, rounds: int) -> Figure:
    """Messages a second from the first message to the last commit, median; the two take turns.

    The bare loop is `consume(5000)` of confluent-kafka with the analyzer's own client settings, and
    nothing else. The analyzer mines, counts, places and stores every error and commits.
    """
    settings = installation.fresh_names()
    ensure_topics(settings)
    sent = fill(settings, events)
    speeds: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        speeds["bare"].append(_run_bare(_in_new_group(settings), sent))
        fresh = _in_new_group(settings).model_copy(
            update={"cassandra_keyspace": installation.fresh_names().cassandra_keyspace}
        )
        migrate(fresh)
        speeds["ours"].append(_run_ours(fresh, sent))
    ours, bare = (statistics.median(speeds[name]) for name in ("ours", "bare"))
    return Figure("analyzer, 5 % errors", ours, "bare consume loop", bare)


def fill(settings: Settings, events: int) -> int:
    """Sends about so many events of a fault, thinned out to 5 % errors; returns how many."""
    parameters = GeneratorParameters(
        EVENTS_PER_SECOND,
        events / EVENTS_PER_SECOND,
        scenario=SCENARIO,
        seed=1,
        start=datetime.now(UTC),
        fault_start_seconds=0,
        fault_duration_seconds=events / EVENTS_PER_SECOND,
    )
    batches = list(EventStream(parameters).batches())
    total = sum(map(len, batches))
    errors = sum(int(batch.errors.sum()) for batch in batches)
    # What is more than errors at their share, and others at theirs, is left out.
    share = errors / total
    kept_errors = min(1.0, ERROR_SHARE * (1 - share) / (share * (1 - ERROR_SHARE)))
    kept_others = min(1.0, share * (1 - ERROR_SHARE) / (ERROR_SHARE * (1 - share)))
    thinned = _thinned(batches, kept_errors, kept_others)
    return produce(connect_producer(settings), settings.kafka_logs_topic, thinned).delivered


def _thinned(
    batches: list[MessageBatch], kept_errors: float, kept_others: float
) -> Iterator[MessageBatch]:
    chance = np.random.default_rng(1)
    for batch in batches:
        kept = np.where(batch.errors, kept_errors, kept_others)
        yield batch.where(chance.random(len(batch)) < kept)


def _in_new_group(settings: Settings) -> Settings:
    return settings.model_copy(update={"analyzer_group": f"bench_{uuid.uuid4().hex[:8]}"})


def _run_bare(settings: Settings, sent: int) -> float:
    consumer = Consumer(consumer_config(settings))
    consumer.subscribe([settings.kafka_logs_topic])
    seen, began = 0, 0.0
    try:
        while seen < sent:
            messages = consumer.consume(FETCH_MESSAGES, 0.1)
            if messages and not seen:
                began = time.perf_counter()
            seen += len(messages)
        return seen / (time.perf_counter() - began)
    finally:
        consumer.close()


class _TimedConsumer(Consumer):
    """Stops the loop after so many messages; notes the first message and the last commit."""

    def __init__(self, settings: Settings, sent: int) -> None:
        super().__init__(consumer_config(settings))
        self._left = sent
        self._deadline = time.perf_counter() + DONE_SECONDS
        self.done = threading.Event()
        self.began = self.ended = 0.0

    def consume(self, *given: Any, **named: Any) -> Any:
        messages = super().consume(*given, **named)
        if messages and not self.began:
            self.began = time.perf_counter()
        self._left -= len(messages)
        if self._left <= 0 or time.perf_counter() > self._deadline:
            self.done.set()
        return messages

    def commit(self, *given: Any, **named: Any) -> Any:
        committed = super().commit(*given, **named)
        self.ended = time.perf_counter()
        return committed

    @property
    def is_complete(self) -> bool:
        return self._left <= 0


def _run_ours(settings: Settings, sent: int) -> float:
    consumer = _TimedConsumer(settings, sent)
    with cassandra.session(settings) as session:
        LogConsumer(
            settings=settings,
            tracker=_tracker(settings, session),
            dead_letters=DeadLetterWriter(settings),
            miner=TemplateMiner(),
            consumer=consumer,
        ).run(consumer.done)
        counted = _counted(session)
    if not consumer.is_complete:
        raise TimeoutError(f"the analyzer has not read {sent:,} messages in {DONE_SECONDS:.0f} s")
    print(f"{counted:,} errors of {sent:,} messages counted")
    return sent / (consumer.ended - consumer.began)


def _tracker(settings: Settings, session: Session) -> IncidentTracker:
    return IncidentTracker(
        store=EpisodeStore(session),
        board=BoardStore(session),
        escalations=EscalationStore(session),
        outbox=MessageOutbox(session),
        load_graph=CallGraphStore(session).load,
        quiet_ms=int(settings.analyzer_quiet_seconds * 1_000),
        reopen_ms=int(settings.analyzer_reopen_seconds * 1_000),
        gather_ms=int(settings.analyzer_gather_seconds * 1_000),
    )


def _counted(session: Session) -> int:
    rows = session.execute("SELECT remembered, overflow FROM episode_tallies")
    return sum((row.remembered or 0) + (row.overflow or 0) for row in rows)


def main() -> None:
    """Prints the figure; see --help."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with running_installation("kafka,cassandra") as made:
        figure = measure_analyzer(made, given.events, given.rounds)
    print(
        f"{figure.name}: {figure.value:,.0f}/s; {figure.reference}: "
        f"{figure.reference_value:,.0f}/s; ratio {figure.ratio:.2f}"
    )


if __name__ == "__main__":
    main()
