"""Window metrics in plain Python, from the events that were sent: what the stream must have."""

from __future__ import annotations

import math
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics

LEVELS = ("DEBUG", "INFO", "INFO", "INFO", "WARN", "ERROR", "FATAL")
STATUSES = (None, 200, 200, 204, 301, 404, 500, 503, 777)
EXACT = (
    *("events", "levels", "status_classes", "latency_min_ms", "latency_max_ms"),
    *("unmeasured", "users", "traces"),
)
# What a source may send where a latency is due.
ODD_LATENCIES = (-3.0, 0.0, 1e12, "NaN", "Infinity")


@dataclass(frozen=True)
class Sent:
    """An event, and where it stands in the order of sending."""

    event: dict[str, Any]
    at_ms: int
    place: float

    @property
    def value(self) -> bytes:
        return orjson.dumps(self.event)


def a_history(
    count: int, seed: int, start_ms: int, minutes: int, watermark_seconds: int
) -> tuple[list[Sent], list[Sent]]:
    """Events of some minutes, some twice: those in time in a shuffled order, then late ones.

    A tenth comes late, half of it behind the watermark; 2 % are there twice.
    """
    rng = random.Random(seed)
    services = [f"service-{number}" for number in range(6)]
    in_time, late = [], []
    for _ in range(count):
        at_ms = start_ms + rng.randrange(minutes * MINUTE_MS)
        event = {
            "log_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "timestamp": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(
                timespec="milliseconds"
            ),
            "service_name": rng.choice(services),
            "level": rng.choice(LEVELS),
            "message": "made up",
            "user_id": f"user-{rng.randrange(500)}",
            "trace_id": f"{rng.randrange(1, 2_000):032x}",
        }
        status = rng.choice(STATUSES)
        if status is not None:
            event["status_code"] = status
        kind = rng.random()
        if kind < 0.7:
            event["latency_ms"] = round(rng.lognormvariate(3.0, 1.5), rng.randrange(7))
        elif kind < 0.8:
            event["latency_ms"] = rng.choice(ODD_LATENCIES)
        is_last = at_ms > start_ms + (minutes - 5) * MINUTE_MS
        times = 2 if rng.random() < 0.02 else 1
        for _ in range(times):
            if rng.random() < 0.05 and not is_last:
                late.append(Sent(event, at_ms, rng.random()))
            else:
                # Less than the watermark, however batches are cut.
                delay = 0.9 if rng.random() < 0.05 else 0.3
                place = at_ms + rng.random() * delay * watermark_seconds * 1000
                in_time.append(Sent(event, at_ms, place))
    return (
        sorted(in_time, key=lambda one: one.place),
        sorted(late, key=lambda one: one.place),
    )


def minutes_of(sent: Iterable[Sent]) -> set[tuple[str, int]]:
    """Services and minutes of events."""
    return {(one.event["service_name"], one.at_ms // MINUTE_MS * MINUTE_MS) for one in sent}


def windows_of(sent: Iterable[Sent]) -> Iterator[tuple[WindowMetrics, list[float]]]:
    """Each window that has an event, without its buckets, and its measured latencies, ascending."""
    once = {one.event["log_id"]: one for one in sent}.values()
    members: dict[tuple[str, WindowKind, int], list[dict[str, Any]]] = {}
    for one in once:
        for kind in WindowKind:
            last = one.at_ms // kind.step_ms * kind.step_ms
            start = last
            while start > one.at_ms - kind.length_ms:
                for service in (one.event["service_name"], ALL_SERVICES):
                    members.setdefault((service, kind, start), []).append(one.event)
                start -= kind.step_ms
    for (service, kind, start), events in members.items():
        given = [event["latency_ms"] for event in events if "latency_ms" in event]
        numbers = [value for value in given if isinstance(value, float)]
        latencies = sorted(abs(value) for value in numbers if 0 <= value <= 1e9)
        classes = Counter(
            f"{event['status_code'] // 100}xx"
            for event in events
            if 100 <= event.get("status_code", 0) < 600
        )
        yield (
            WindowMetrics(
                service,
                kind,
                start,
                start + kind.length_ms,
                events=len(events),
                levels=dict(Counter(event["level"] for event in events)),
                status_classes=dict(classes),
                latency_sum_ms=math.fsum(latencies),
                latency_min_ms=latencies[0] if latencies else None,
                latency_max_ms=latencies[-1] if latencies else None,
                unmeasured=len(numbers) - len(latencies),
                users=len({event["user_id"] for event in events}),
                traces=len({event["trace_id"] for event in events}),
            ),
            latencies,
        )


def differences(
    expected: Iterable[tuple[WindowMetrics, list[float]]], found: Sequence[WindowMetrics]
) -> list[str]:
    """What of the windows found is not as expected, in words; nothing when all is."""
    told = []
    by_key = {(one.service_name, one.kind, one.start_ms): one for one in found}
    count = 0
    for window, latencies in expected:
        count += 1
        own = by_key.get((window.service_name, window.kind, window.start_ms))
        where = f"{window.service_name!r} {window.kind} {window.start_ms}"
        if own is None:
            told.append(f"{where}: missing")
            continue
        told += [
            f"{where}: {name} {getattr(own, name)} != {getattr(window, name)}"
            for name in EXACT
            if getattr(own, name) != getattr(window, name)
        ]
        if own.latency_count != len(latencies):
            told.append(f"{where}: {own.latency_count} latencies of {len(latencies)}")
        # Half a nanosecond each.
        if abs(own.latency_sum_ms - window.latency_sum_ms) > 1e-6 * max(1, len(latencies)):
            told.append(f"{where}: sum {own.latency_sum_ms} != {window.latency_sum_ms}")
        for percent in (50, 95, 99):
            value = own.percentile_ms(percent)
            if not latencies:
                if value is not None:
                    told.append(f"{where}: p{percent} {value} of nothing")
                continue
            true = latencies[math.floor(percent / 100 * (len(latencies) - 1))]
            if value is None or abs(value - true) > 0.01 * true + 1e-6:
                told.append(f"{where}: p{percent} {value} is no {true}")
    if count != len(found):
        told.append(f"{len(found)} windows, and there are {count}")
    return told
