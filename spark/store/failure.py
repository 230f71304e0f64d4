"""Decides whether a failure is caused by the data, or by a service or this process.

The classes of the exceptions decide. A message may quote the record, so only the fixed beginnings
of the messages of a few ambiguous classes are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException

# A cause may lead back to where it began.
CHAIN_MAX: Final = 32

# Simple names of classes: a service is away or overloaded, or this process is at its end.
_NOT_OF_DATA: Final = re.compile(
    r"NoHostAvailable|AllNodesFailed|NoNodeAvailable|Timeout|TimedOut|Unavailable|Overloaded"
    r"|BootstrappingException|ClosedConnection|ClosedChannel|ConnectionInit|HeartbeatException"
    r"|BusyPool|BusyConnection|NotEnoughReplicas|NotLeaderOrFollower|BrokerNotAvailable"
    r"|NetworkException|NetworkError|DisconnectException|SocketException|ConnectException"
    r"|ConnectionException|ConnectionError|RequestExecutionException|OutOfMemoryError|MemoryError"
    r"|InterruptedException|^ServiceAway$|^ErrorMessage$"
)

# These classes stand for many faults, and the words at their beginning are Spark's, the
# connector's and the driver's own. The connector drops the class of a write that failed.
_BY_OPENING: Final[dict[str, re.Pattern[str]]] = {
    "java.io.IOException": re.compile(
        r"No space left on device\Z"
        r"|Failed to write statements to \S+\s+The\s+latest exception was\s+"
        r"(?:Query timed out after|Cassandra timeout during|Not enough replicas available"
        r"|All \d+ node\(s\) tried|No node was available|Lost connection to remote peer"
        r"|Channel (?:was|has been) )"
    ),
    "org.apache.spark.SparkException": re.compile(r"Job \d+ cancelled"),
    "java.lang.IllegalStateException": re.compile(
        r"Cannot call methods on a stopped SparkContext|SparkContext has been shutdown"
    ),
}

_JOB_ABORTED: Final = "Job aborted due to stage failure"
# What a stack trace begins with, and where it names a cause; of either the class alone.
_CLASS_IN_TRACE: Final = re.compile(
    r"(?:\A|^Caused by: |\A[^()\n]*\(TID \d+\) \([^()\n]*\): )((?:[a-z_]\w*\.)+[\w$]+)(?=:|$)",
    re.MULTILINE,
)


def is_of_data(error: BaseException) -> bool:
    """False when the error, or one that caused it, is of a service or of this process.

    Asks the JVM for the classes of Java's exceptions. Where it does not answer, no record is at
    fault.
    """
    try:
        return not any(map(_is_of_service, _chain(error)))
    except (Py4JError, OSError):
        return False


def _is_of_service(names_and_text: tuple[tuple[str, ...], str]) -> bool:
    names, text = names_and_text
    if any(_NOT_OF_DATA.search(name.rpartition(".")[2]) for name in names):
        return True
    opening = _BY_OPENING.get(names[0])
    return opening is not None and opening.match(text) is not None


def _chain(error: BaseException) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each error's class names, its own first, and its message if that is Java's."""
    current: BaseException | None = error
    # Not `__context__`: that is what happened to be handled before.
    for _ in range(CHAIN_MAX):
        if current is None:
            return
        yield tuple(base.__name__ for base in type(current).__mro__), ""
        if isinstance(current, Py4JJavaError):
            yield from _java_chain(current.java_exception)
        elif isinstance(current, CapturedException):
            if current._origin is None:
                yield _named_in(current.stackTrace)
            else:
                yield from _java_chain(current._origin)
        current = current.__cause__


def _java_chain(throwable: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    for _ in range(CHAIN_MAX):
        name, text = str(throwable.getClass().getName()), str(throwable.getMessage() or "")
        cause = throwable.getCause()
        yield (name,), text
        if cause is None:
            # A task's exception that could not be sent to the driver is there as a trace alone.
            if text.startswith(_JOB_ABORTED):
                yield _named_in(text)
            return
        throwable = cause


def _named_in(trace: str) -> tuple[tuple[str, ...], str]:
    return ("", *_CLASS_IN_TRACE.findall(trace)), ""
