"""The span job as a process: each span is a row, once, and unreadable messages are dead letters.

The tests follow each other on one stream.
"""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cassandra.cluster import Session
from confluent_kafka import Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.events.span import Span
from firstcause.events.span_event import read_span_message
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage.span_history import spans_of_traces
from generators.stream.event_stream import EventStream, GeneratorParameters
from tests.e2e.accounting import dead_letters, end_offsets, source_position
from tests.hostile_spans import HOSTILE_SPANS
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# Whatever the clock says: nothing here depends on it but spans of the year 2200.
NOW_MS = int(datetime.now(UTC).timestamp() * 1000)
KEY = b"some-trace"
START_SECONDS = 240.0
KEY_COLUMNS = ("service_name", "trace_id", "span_id")

HOSTILE = [value for value, _, _ in HOSTILE_SPANS.values()]
UNREADABLE = [value for value, _, reason in HOSTILE_SPANS.values() if reason is not None]


def generated(seed: int) -> list[bytes]:
    start = datetime(2026, 3, 1, 11, 59, 50, tzinfo=UTC)
    stream = EventStream(GeneratorParameters(40, 12, None, seed, start), with_spans=True)
    parts = (batch.spans_alone().values for batch in stream.batches())
    return list(itertools.chain.from_iterable(parts))


def as_requests(values: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same spans as OTLP requests of `size` spans, as an exporter sends them."""
    spans = [Span(**orjson.loads(value)) for value in values]
    for at in range(0, len(spans), size):
        by_service: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for span in spans[at : at + size]:
            by_service[span.service_name].append(
                {
                    "traceId": span.trace_id.upper(),
                    "spanId": span.span_id.upper(),
                    "parentSpanId": (span.parent_span_id or "").upper(),
                    "name": span.operation,
                    "kind": 2,
                    "startTimeUnixNano": str(span.start_ns),
                    "endTimeUnixNano": str(span.start_ns + span.duration_us * 1000),
                    "status": {},
                }
            )
        yield orjson.dumps(
            {
                "resourceSpans": [
                    {
                        "resource": {
                            "attributes": [
                                {"key": "service.name", "value": {"stringValue": service}}
                            ]
                        },
                        "scopeSpans": [{"scope": {"name": "shop"}, "spans": own}],
                    }
                    for service, own in by_service.items()
                ]
            }
        )


FLAT = generated(1)
OTLP = generated(2)


@pytest.fixture(scope="module")
def own(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Topics, rows and checkpoints of this module alone."""
    return settings.model_copy(update={"firstcause_home": tmp_path_factory.mktemp("spans")})


@pytest.fixture(scope="module")
def driver(own: Settings) -> Iterator[StoreDriver]:
    made = StoreDriver(own, {**os.environ, **settings_environment(own)}, job="store_spans")
    yield made
    made.stop()


def send(settings: Settings, values: Iterable[bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for number, value in enumerate(values):
        partition = number % settings.kafka_logs_partitions
        producer.produce(settings.kafka_spans_topic, value=value, key=KEY, partition=partition)
    assert producer.flush(60) == 0


def await_all_done(driver: StoreDriver) -> None:
    wanted = sum(end_offsets(driver.settings, driver.settings.kafka_spans_topic).values())
    eventually(driver.committed, lambda done: done == wanted, START_SECONDS)


def rows(session: Session) -> dict[tuple[object, ...], Span]:
    """Every row by what identifies a span."""
    names = Span.__dataclass_fields__
    found = list(session.execute(f"SELECT {', '.join(names)} FROM spans"))
    spans = [Span(**{name: getattr(row, name) for name in names}) for row in found]
    by_key = {identity(span): span for span in spans}
    assert len(by_key) == len(found)
    return by_key


def identity(span: Span) -> tuple[object, ...]:
    return (*(getattr(span, name) for name in KEY_COLUMNS), span.start_ns // 1_000_000)


def readable(values: Iterable[bytes | None]) -> list[Span]:
    return [span for value in values for span in read_span_message(value, NOW_MS).spans]


def test_each_span_is_a_row_and_unreadable_messages_are_dead_letters(
    own: Settings, session: Session, driver: StoreDriver
) -> None:
    send(own, [*FLAT, *as_requests(OTLP, 40), *HOSTILE])
    driver.start()
    await_all_done(driver)
    stored = rows(session)
    sent = readable([*FLAT, *OTLP])
    assert stored.keys() == {identity(span) for span in [*sent, *readable(HOSTILE)]}
    for span in sent:
        assert stored[identity(span)] == span
    letters = dead_letters(own)
    assert sorted(map(value_of, letters)) == sorted(value or b"" for value in UNREADABLE)
    reasons = {value: reason for value, _, reason in HOSTILE_SPANS.values()}
    for letter in letters:
        headers = dict(letter.headers())
        assert headers[dead_letter.REASON].decode() == reasons[letter.value()]
        assert headers[dead_letter.TOPIC].decode() == own.kafka_spans_topic
        assert headers[dead_letter.CONSUMER].decode() == "store_spans"
        assert letter.key() == KEY


def value_of(letter: Any) -> bytes:
    return letter.value() or b""


def test_the_spans_of_a_trace_are_found(
    own: Settings, session: Session, services: Installation
) -> None:
    sent = readable(FLAT)
    traces = list(dict.fromkeys(span.trace_id for span in sent))[:20]
    found = spans_of_traces(session, [*traces, "ab" * 16, traces[0]], 10.0)
    assert {span for span in sent if span.trace_id in traces} == set(found)
    assert len(found) == len(set(found))
    assert [span.trace_id for span in found] == sorted(
        (span.trace_id for span in found), key=traces.index
    )
    assert spans_of_traces(session, traces, 0.0) == []
    told = services.run("spans", "--trace", traces[0], "--json", env=settings_environment(own))
    shown = [Span(**json.loads(line)) for line in told.stdout.splitlines()]
    assert shown[0].parent_span_id is None
    assert set(shown) == {span for span in sent if span.trace_id == traces[0]}


def test_after_a_crash_and_sent_again_each_span_is_there_once(
    own: Settings, session: Session, driver: StoreDriver
) -> None:
    """As after a crash between the writes and the checkpoint."""
    before = rows(session)
    driver.stop_gracefully()
    commits = driver.checkpoint / "commits"
    newest = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
    (commits / str(newest)).unlink()
    (commits / f".{newest}.crc").unlink(missing_ok=True)
    send(own, [*FLAT, *as_requests(OTLP, 17)])
    driver.start()
    await_all_done(driver)
    driver.stop_gracefully()
    assert rows(session).keys() == before.keys()
    letters = [source_position(letter) for letter in dead_letters(own)]
    assert len(letters) == len(set(letters)) == len(UNREADABLE)
