"""The log templates of the services of a seeded system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from generators.cases.draw import Draw
from generators.cases.system import vocabulary
from generators.log_template import LogTemplate, parse_log_template
from generators.topology import Runtime

_FAILURE_CLASS: Final[dict[Runtime, str]] = {
    "java": "org.springframework.web.client.HttpServerErrorException",
    "python": "requests.exceptions.HTTPError",
    "go": "upstream.StatusError",
}
_TIMEOUT_CLASS: Final[dict[Runtime, str]] = {
    "java": "java.net.SocketTimeoutException",
    "python": "requests.exceptions.ReadTimeout",
    "go": "context.DeadlineExceeded",
}
# Some teams name the service they called, some do not.
_CALL_FAILED: Final = (
    "ERROR Call of {callee} failed with status {status}",
    "ERROR {operation} failed: {callee} answered {status}",
    "ERROR Request to downstream failed: {status}",
    "ERROR Unexpected status {status} while handling {operation}",
)
_CALL_TIMED_OUT: Final = (
    "ERROR {callee} did not answer within {timeout_ms} ms",
    "ERROR {operation}: read timed out after {timeout_ms} ms",
    "ERROR Timeout while calling {callee}",
)
_RETRYING: Final = (
    "WARN Retrying {callee} after {status}",
    "WARN Attempt failed ({status}), trying again",
)
_DEGRADED: Final = (
    "WARN Going on without {callee}: {status}",
    "WARN Using the last known answer, {callee} said {status}",
)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a service logs: the least level it prints, and which optional fields it fills."""

    least_level: Literal["DEBUG", "INFO"]
    tells_latency: bool
    tells_line: bool


def habit(draw: Draw, *, tells_line: bool) -> Habit:
    """One service's habit; a whole system tells source lines, or none of it does."""
    return Habit("DEBUG" if draw.happens(0.2) else "INFO", draw.happens(0.5), tells_line)


def occasions(draw: Draw, runtime: Runtime) -> dict[str, Any]:
    """The templates of a service's usual occasions, by the names of `Service`."""
    said: dict[str, Any] = {
        "received": (draw.choice(vocabulary.RECEIVED_LINES),),
        "completed": (draw.choice(vocabulary.COMPLETED_LINES),),
        "failed": (draw.choice(vocabulary.FAILED_LINES),),
        "call_failed": (_error(draw.choice(_CALL_FAILED), _FAILURE_CLASS[runtime], draw),),
        "call_timed_out": (_error(draw.choice(_CALL_TIMED_OUT), _TIMEOUT_CLASS[runtime], draw),),
        "retrying": (draw.choice(_RETRYING),),
        "degraded": (draw.choice(_DEGRADED),),
        "background": tuple(draw.sample(vocabulary.BACKGROUND_LINES, 2)),
    }
    return said


def step_line(draw: Draw, kind: str, noun: str, operation: str) -> str:
    """A line of code about a noun; `kind` is read, write or check."""
    lines = {
        "read": vocabulary.READ_LINES,
        "write": vocabulary.WRITE_LINES,
        "check": vocabulary.CHECK_LINES,
    }[kind]
    return draw.choice(lines).format(n=noun, N=noun.capitalize(), op=operation)


def _error(text: str, exception: str, draw: Draw) -> LogTemplate:
    return parse_log_template(text, exception if draw.happens(0.7) else None)
