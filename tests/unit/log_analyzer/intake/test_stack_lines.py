"""Lines of a stack trace that come an event each make no error of their own."""

from __future__ import annotations

from typing import Any, cast

import pytest

from firstcause.events.log_event import LogEvent
from log_analyzer.intake.stack_lines import StackLines
from log_analyzer.intake.uncommitted_batch import ReadError

JAVA = (
    "Application run failed",
    "com.acme.WebServerException: cannot start the server",
    "\tat com.acme.web.Server.start(Server.java:215)",
    "\tat com.acme.web.Server$$Lambda$4/0x00.run(Unknown Source) ~[app.jar:1.0]",
    "Caused by: java.net.BindException: Address already in use",
    "\t... 14 common frames omitted",
)
PYTHON = (
    "Traceback (most recent call last):",
    '  File "/app/dns.py", line 88, in resolve',
    "    return wrapped(*args, **kwargs)",
    "upstream.Timeout: no answer of 192.0.2.53 within 2 s",
)
NODE = (
    "TypeError: x is not a function",
    "    at handle (/app/index.js:3:5)",
    "    at async Promise.all (index 0)",
    "    at node:internal/process/task_queues:95:5",
)
GO = (
    "panic: runtime error: index out of range [3]",
    "goroutine 1 [running]:",
    "main.load(0xc000012345, 0x1)",
    "\t/app/main.go:12 +0x1d",
)
DOTNET = (
    "System.InvalidOperationException: no element",
    "   at Acme.Cart.Add(Item item) in /src/Cart.cs:line 12",
    "   --- End of inner exception stack trace ---",
)


def errors(*messages: str, instance: str | None = "a", at_ms: int = 0) -> list[ReadError]:
    made = []
    for place, message in enumerate(messages):
        event = LogEvent(
            log_id=f"00000000-0000-4000-8000-{at_ms + place:012x}",
            timestamp_ms=at_ms + place,
            service_name="billing",
            level="ERROR",
            message=message,
            instance=instance,
        )
        made.append(ReadError(event, cast(Any, None), 0))
    return made


def told(some: list[ReadError]) -> list[str]:
    return [one.event.message for one in some]


@pytest.mark.parametrize(
    ("lines", "kept"),
    [(JAVA, JAVA[:1]), (PYTHON, PYTHON[3:]), (NODE, NODE[:1]), (GO, GO[:1]), (DOTNET, DOTNET[:1])],
)
def test_one_line_of_a_trace_stays_an_error(lines, kept) -> None:
    assert told(StackLines().left_out(errors(*lines))) == list(kept)


def test_traces_of_two_instances_among_each_other_are_told_apart() -> None:
    first, second = errors(*JAVA), errors(*JAVA, instance="b")
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    assert told(StackLines().left_out(mixed)) == [JAVA[0], JAVA[0]]


@pytest.mark.parametrize("cut", range(1, len(PYTHON)))
def test_a_trace_may_lie_across_two_batches(cut) -> None:
    lines, some = StackLines(), errors(*PYTHON)
    kept = lines.left_out(some[:cut]) + lines.left_out(some[cut:])
    assert told(kept) == [PYTHON[3]]


def test_a_batch_that_is_tried_again_keeps_the_same() -> None:
    lines = StackLines()
    assert told(lines.left_out(errors(*JAVA))) == told(lines.left_out(errors(*JAVA)))


@pytest.mark.parametrize(
    "messages",
    [
        ("db is down", "java.net.SocketTimeoutException: Read timed out"),
        ("  indented complaint", "  another one"),
        ("at least one replica is down",),
        ("Fileserver gone", "from host a to host b failed"),
        ("app.rb:3:in `run': no method (NoMethodError)",),
        ("Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x",),
    ],
)  # fmt: skip
def test_errors_that_are_no_lines_of_a_trace_stay(messages) -> None:
    assert told(StackLines().left_out(errors(*messages))) == list(messages)


def test_an_error_long_after_another_is_not_taken_for_its_trace() -> None:
    some = errors(JAVA[0]) + errors(*JAVA[1:], at_ms=5_000)
    assert told(StackLines().left_out(some)) == [JAVA[0], JAVA[1]]
