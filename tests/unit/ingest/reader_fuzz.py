"""Mutated records through every reader: what each has to stand, however odd the bytes.

    python -m tests.unit.ingest.reader_fuzz --inputs 100000

prints for each format how many inputs it read, and the slowest. It fails at the first input that a
reader raises on, and prints it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from firstcause.events.log_event import read_log_event
from ingest.assembly.assembler import AssembledEvent, PartitionAssembler
from ingest.formats import BINARY_FORMATS, FORMATS, LINE_FORMATS
from ingest.reading import Position, log_id_of, read_record
from tests.unit.ingest.fuzz_samples import OBJECTS, PROTOBUF, TEXTS

RECEIVED_MS: Final = 1_795_343_000_000
# Each reader by its name, and `auto`, which guesses.
NAMES: Final = (
    "auto", *(known.name for known in FORMATS), *sorted(LINE_FORMATS), *sorted(BINARY_FORMATS),
)  # fmt: skip
RUN: Final = 8
DEEP: Final = 1_100
_LEAVES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 50, 17, 2**63, -(2**63), 10**400, 1e308, -0.0, 1.5, float("nan"),
    float("inf"), "", " ", "-", "--5", "0", "1e999", "NaN", "\x00", "\ud800", "\u2028",
    "\u0661\u0662", "a" * 300, "0" * 32, "f" * 32, "\x1b[31mERROR\x1b[0m", "null", "{}", "[]",
    '{"level":"error"}',
    '"\\"x\\""', [], {}, [[]], [None], [{}], {"": ""}, {"a": {"b": []}}, [1, 2, 300], [104, 105],
    "9999-99-99T99:99:99Z", "0001-01-01 00:00:00+23:59", 55_563, 1e300, {"$date": {"$date": 1}},
    {"seconds": "9" * 15, "nanos": 10**30}, {"epochSecond": -1}, "<13>1 - - - - - -", "F1015",
    "Traceback (most recent call last):", "\tat a.b.C(D.java:1)", "x=1 y=\"2",
    "[" * DEEP, "{" * DEEP,
)  # fmt: skip
_NAMES_OF_FIELDS: Final = sorted(
    {key for sample in OBJECTS for key in sample}
    | {"level", "msg", "time", "log", "kubernetes", "exception", "stack", "error", "@x", "trace",
       "name", "v", "severity", "log.level", "labels", "context", "fields", "attrs", "_p", "thrown"}
)  # fmt: skip


class Mutator:
    """Makes odd records of good ones; equal seeds make equal ones."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def record(self, name: str) -> bytes:
        """One record for the reader of this name."""
        rng = self._rng
        if name in BINARY_FORMATS:
            return self._bytes(rng.choice(PROTOBUF))
        if name in LINE_FORMATS or (name == "auto" and rng.random() < 0.3):
            return self._text(rng.choice(TEXTS)).encode("utf-8", "surrogatepass")
        value: Any = _copy(rng.choice(OBJECTS))
        for _ in range(rng.randrange(1, 5)):
            value = self._object(value)
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
        if rng.random() < 0.05:
            text = json.dumps({"log": text, "stream": "stderr"})
        if rng.random() < 0.05:
            text += text
        packed = text.encode("utf-8", "surrogatepass")
        if rng.random() < 0.2:
            packed = self._bytes(packed)
        return gzip.compress(packed, 1) if rng.random() < 0.02 else packed

    def _object(self, value: Any) -> Any:
        rng = self._rng
        places = list(_places(value))
        if not places or rng.random() < 0.02:
            return _copy(rng.choice(_LEAVES))
        parent, key = rng.choice(places)
        match rng.randrange(6):
            case 0:
                del parent[key]
            case 1 | 2:
                parent[key] = _copy(rng.choice(_LEAVES))
            case 3:
                other, other_key = rng.choice(places)
                parent[key] = _copy(other[other_key])
            case 4:
                parent[key] = self._wrapped(parent[key])
            case _:
                if isinstance(parent, dict):
                    parent[rng.choice(_NAMES_OF_FIELDS)] = _copy(parent[key])
                elif isinstance(parent[key], str):
                    parent[key] = self._text(parent[key])
        return value

    def _wrapped(self, value: Any) -> Any:
        rng = self._rng
        match rng.randrange(5):
            case 0:
                return [value]
            case 1:
                return {rng.choice(_NAMES_OF_FIELDS): value}
            case 2:
                return json.dumps(value)
            case 3:
                name = rng.choice(_NAMES_OF_FIELDS)
                for _ in range(rng.choice((3, 30, 200))):
                    value = {name: value} if rng.random() < 0.8 else [value]
                return value
            case _:
                return self._text(value) if isinstance(value, str) else [value, _copy(value)]

    def _text(self, text: str) -> str:
        rng = self._rng
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(text) + 1)
            match rng.randrange(6):
                case 0:
                    text = text[:at]
                case 1:
                    text = text[:at] + rng.choice(TEXTS) + text[at:]
                case 2:
                    text = (
                        text[:at]
                        + chr(rng.choice((0, 10, 27, 34, 91, 92, 0x2028, 0x1F600)))
                        + text[at:]
                    )
                case 3:
                    end = at + rng.randrange(1, 20)
                    text = text[:at] + text[end:]
                case 4:
                    end = at + rng.randrange(1, 20)
                    text = text[:at] + text[at:end] * rng.choice((2, 40)) + text[end:]
                case _:
                    leaf = rng.choice(_LEAVES)
                    text = text[:at] + (leaf if isinstance(leaf, str) else str(leaf)) + text[at:]
        return text[:20_000]

    def _bytes(self, value: bytes) -> bytes:
        rng = self._rng
        changed = bytearray(value)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(changed) + 1)
            match rng.randrange(4):
                case 0:
                    changed[at:] = b""
                case 1:
                    changed[at:at] = rng.randbytes(rng.randrange(1, 9))
                case 2:
                    changed[at : at + 1] = bytes([rng.randrange(256)])
                case _:
                    end = at + rng.randrange(1, 30)
                    changed[at:at] = changed[at:end] * rng.choice((1, 1, 50))
        return bytes(changed[:60_000])


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every place in parsed JSON as its parent and its key, down to some depth."""
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for key in keys:
        yield value, key
        if depth < 8:
            yield from _places(value[key], depth + 1)


def _copy(value: Any) -> Any:
    """Of its own: two places that share one object would make it hold itself after a change."""
    return json.loads(json.dumps(value))


def check_run(records: list[bytes], name: str) -> int:
    """Reads records one after the other as a partition's, and checks what became of them.

    Returns:
        How many log events came out.

    Raises:
        Whatever a reader raises; AssertionError when an event is none, or an event is lost.
    """
    assembler, drafts = PartitionAssembler(), 0
    for offset, record in enumerate(records):
        reading = read_record(record, name, RECEIVED_MS)
        assert reading.reason is None or not reading.drafts
        drafts += len(reading.drafts)
        for span in reading.spans:
            orjson.dumps(span)
        assembler.add(reading, Position("fuzz", 0, offset), RECEIVED_MS, 0)
    events = 0
    for entry in assembler.flush():
        assert isinstance(entry, AssembledEvent)
        events += 1
        log_id = log_id_of(entry.draft, entry.position, entry.index)
        assert str(uuid.UUID(log_id)) == log_id
        event = entry.draft.finished(log_id, entry.received_ms, None)
        # What the store job reads: any fault would be a dead letter.
        read_log_event(orjson.dumps(event), RECEIVED_MS)
    assert events <= drafts
    assert bool(events) == bool(drafts)
    return events


def fuzz(name: str, inputs: int, seed: int, report: Callable[[float, bytes], None]) -> int:
    """Reads `inputs` mutated records with one reader; `report` gets seconds and record of each run.

    Returns:
        How many log events came out.
    """
    mutator, events = Mutator(seed), 0
    for _ in range(0, inputs, RUN):
        records = [mutator.record(name) for _ in range(RUN)]
        started = time.process_time()
        try:
            events += check_run(records, name)
        except Exception as failure:
            failure.add_note(f"format {name}, records {records!r}"[:20_000])
            raise
        report(time.process_time() - started, max(records, key=len))
    return events


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--inputs", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--format", choices=NAMES)
    given = options.parse_args()
    for name in [given.format] if given.format else NAMES:
        slowest: list[tuple[float, bytes]] = []

        def report(
            seconds: float, record: bytes, slowest: list[tuple[float, bytes]] = slowest
        ) -> None:
            if not slowest or seconds > slowest[0][0]:
                slowest[:] = [(seconds, record)]

        events = fuzz(name, given.inputs, given.seed, report)
        print(
            f"{name}: {given.inputs:,} inputs, {events:,} events, slowest run of {RUN} "
            f"{slowest[0][0] * 1_000:.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
