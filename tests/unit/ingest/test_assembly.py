"""Pieces of lines and lines of stack traces become one event each."""

from __future__ import annotations

import json

import pytest

from ingest.assembly.assembler import MAX_EVENT_LINES, MAX_WAIT_MS, PartitionAssembler
from ingest.reading import Position, read_record

RECEIVED_MS = 1_795_343_000_000
JAVA = [
    "ERROR 2026-11-22 09:20:00,029 [main] a.b.App - run failed",
    "a.b.ServerException: cannot start",
    "\tat a.b.Server.start(Server.java:215)",
    "\t... 14 common frames omitted",
    "Caused by: java.net.BindException: in use",
    "\tat java.base/sun.nio.ch.Net.bind0(Native Method)",
]
KOTLIN = [
    "ERROR 2026-11-22 09:20:00,029 [main] a.b.App - cannot pay",
    "com.acme.pay.PaymentDeclined: over the limit",
    "\tat com.acme.pay.Pay.run(Pay.kt:12)",
]
PYTHON = [
    "Traceback (most recent call last):",
    '  File "/app/dns.py", line 88, in resolve',
    "    return wrapped(*args)",
    "KeyError: 'host'",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "/app/a.py", line 1, in f',
    "    raise Timeout",
    "upstream.Timeout: no answer",
]
GO = [
    "panic: runtime error: index out of range",
    "",
    "goroutine 1 [running]:",
    "main.pay(0x1, {0xc000, 0x2})",
    "\t/app/main.go:12 +0x1d",
    "exit status 2",
]
NODE = [
    "ERROR TypeError: x is not a function",
    "    at f (/app/a.js:1:2)",
    "    at async g (b.js:3)",
]
DOTNET = [
    "ERROR System.InvalidOperationException: no",
    "   at App.Pay() in /src/App.cs:line 3",
    "--- End of inner exception stack trace ---",
    "   at App.Main()",
]
RUBY = [
    "ERROR NoMethodError: undefined method",
    "\tfrom app.rb:3:in `pay'",
    "\tfrom app.rb:9:in `<main>'",
]


def assembled(records: list[str], now_ms: int = 0) -> list[tuple[str, str | None]]:
    assembler = PartitionAssembler()
    found = []
    for offset, record in enumerate(records):
        reading = read_record(record.encode(), "auto", RECEIVED_MS)
        assembler.add(reading, Position("t", 0, offset), RECEIVED_MS, now_ms)
        found += assembler.ready(now_ms)
    found += assembler.flush()
    return [(event.draft.body, event.draft.fields.get("exception")) for event in found]


def docker(line: str, stream: str = "stderr", container: str | None = None) -> str:
    record = {"log": line, "stream": stream, "time": "2026-11-22T09:20:00Z"}
    if container:
        record["container_name"] = container
    return json.dumps(record)


@pytest.mark.parametrize("trace", [JAVA, KOTLIN, PYTHON, GO, NODE, DOTNET, RUBY])
def test_a_stack_trace_line_by_line_is_one_event(trace: list[str]):
    records = [docker(f"{line}\n") for line in [*trace, *trace, "INFO done"]]
    found = assembled(records)
    assert len(found) == 3
    for _, exception in found[:2]:
        assert exception is not None
        assert exception.count("\n") == len("\n".join(trace).strip().split("\n")) - 1
    assert found[2] == ("done", None)


def test_traces_of_two_containers_do_not_mix():
    records = [
        docker(f"{line}\n", container=container) for line in JAVA for container in ("cart", "stock")
    ]
    found = assembled(records)
    assert len(found) == 2
    assert {exception.count("Caused by") for _, exception in found if exception} == {1}


def test_pieces_of_a_line_are_put_together():
    line = json.dumps({"level": "ERROR", "message": "m" * 40_000})
    pieces = [docker(line[start : start + 16_384]) for start in range(0, len(line), 16_384)]
    pieces[-1] = docker(line[32_768:] + "\n")
    assert assembled(pieces) == [("m" * 40_000, None)]
    cut = [docker(line[at : at + 16_384], container="cart") for at in range(0, len(line), 16_384)]
    assert assembled([*cut, docker("INFO next", container="cart")])[0] == ("m" * 40_000, None)
    cri = [
        f"2026-11-22T09:20:00.1Z stdout {tag} {part}"
        for tag, part in zip("PPF", (line[:100], line[100:30_000], line[30_000:]), strict=True)
    ]
    assert assembled(cri) == [("m" * 40_000, None)]


def test_an_event_waits_for_its_stack_no_longer_than_the_bound():
    assembler = PartitionAssembler()
    reading = read_record(docker(JAVA[0] + "\n").encode(), "auto", RECEIVED_MS)
    assembler.add(reading, Position("t", 0, 4), RECEIVED_MS, 0)
    assert list(assembler.ready(0)) == []
    later = read_record(docker("INFO next\n", container="other").encode(), "auto", RECEIVED_MS)
    assembler.add(later, Position("t", 0, 5), RECEIVED_MS, 10)
    assert list(assembler.ready(10)) == []
    assert assembler.first_held_offset() == 4
    ready = list(assembler.ready(MAX_WAIT_MS))
    assert [event.position.offset for event in ready] == [4, 5]
    assert assembler.first_held_offset() is None


def test_an_endless_trace_is_cut_into_events_of_bounded_size():
    found = assembled([docker(f"{line}\n") for line in [JAVA[0], *[JAVA[2]] * 10_000]])
    assert max(exception.count("\n") for _, exception in found if exception) < MAX_EVENT_LINES


def test_a_record_with_a_level_of_its_own_is_no_continuation():
    records = [
        docker(f"{JAVA[0]}\n"),
        docker(json.dumps({"level": "info", "msg": "\tat x"}) + "\n"),
    ]
    assert len(assembled(records)) == 2
