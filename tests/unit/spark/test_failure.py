"""Whether a failure is one of the data: what its classes say, whatever its text quotes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from cassandra.cluster import NoHostAvailable, OperationTimedOut
from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
from pyspark.errors.exceptions.captured import CapturedException, PythonException

from cassandra import InvalidRequest, WriteTimeout  # type: ignore[attr-defined]
from spark.store.failure import is_of_data

WRITE = "Failed to write statements to firstcause.logs. The\nlatest exception was\n  "
ABORTED = (
    "Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times, most recent failure: "
    "Lost task 0.0 in stage 1.0 (TID 1) (host executor driver): "
)


class Class:
    def __init__(self, name: str) -> None:
        self._name = name

    def getName(self) -> str:  # noqa: N802
        return self._name


class Throwable:
    """As py4j hands over an exception of the JVM."""

    _target_id = "o1"
    _gateway_client = None

    def __init__(self, name: str, message: str | None = None) -> None:
        self._class = Class(name)
        self._message = message
        self.cause: Throwable | None = None

    def getClass(self) -> Class:  # noqa: N802
        return self._class

    def getMessage(self) -> str | None:  # noqa: N802
        return self._message

    def getCause(self) -> Throwable | None:  # noqa: N802
        return self.cause


class Gone(Throwable):
    def getClass(self) -> Class:  # noqa: N802
        raise Py4JNetworkError("Answer from Java side is empty")


def java(*throwables: Throwable) -> Py4JJavaError:
    """Each caused by the one behind it."""
    for outer, inner in pairwise(throwables):
        outer.cause = inner
    return Py4JJavaError("An error occurred while calling o1.save.\n", throwables[0])


def captured(kind: type[CapturedException], origin: Throwable | None, trace: str) -> Exception:
    """As Spark makes it, which needs a JVM."""
    error = kind.__new__(kind)
    error._origin, error.stackTrace, error.desc = origin, trace, ""
    return error


def spark(text: str) -> Throwable:
    return Throwable("org.apache.spark.SparkException", text)


QUOTES = (
    "Invalid UUID string: ConnectException",
    "Cannot convert object read timed out of type String to UUID",
    "java.net.ConnectException: Connection refused",
    "x\nCaused by: com.datastax.oss.driver.api.core.AllNodesFailedException: all",
    "No space left on device, said the log",
    f"said: {WRITE}Query timed out after PT12S",
)


@pytest.mark.parametrize("text", QUOTES)
def test_what_a_record_says_is_no_outage(text: str) -> None:
    assert is_of_data(ValueError(text))
    cause = Throwable("java.lang.IllegalArgumentException", text)
    assert is_of_data(java(cause))
    assert is_of_data(java(spark(f"{ABORTED}{text}"), cause))
    assert is_of_data(java(Throwable("java.io.IOException", text)))
    assert is_of_data(java(Throwable("java.io.IOException", f"{WRITE}{text}")))
    assert is_of_data(captured(CapturedException, cause, text))


@pytest.mark.parametrize(
    "name",
    [
        "com.datastax.oss.driver.api.core.AllNodesFailedException",
        "com.datastax.oss.driver.api.core.DriverTimeoutException",
        "com.datastax.oss.driver.api.core.servererrors.UnavailableException",
        "org.apache.kafka.common.errors.TimeoutException",
        "java.net.ConnectException",
        "java.lang.OutOfMemoryError",
        "java.lang.InterruptedException",
    ],
)
def test_the_class_of_any_cause_tells_an_outage(name: str) -> None:
    assert not is_of_data(java(Throwable(name)))
    assert not is_of_data(java(spark("x"), Throwable("java.io.IOException", "x"), Throwable(name)))
    assert not is_of_data(captured(CapturedException, Throwable(name), ""))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("java.io.IOException", f"{WRITE}Query timed out after PT12S\n"),
        ("java.io.IOException", f"{WRITE}Cassandra timeout during SIMPLE write query"),
        ("java.io.IOException", "No space left on device"),
        ("org.apache.spark.SparkException", "Job 7 cancelled because SparkContext was shut down"),
        ("java.lang.IllegalStateException", "Cannot call methods on a stopped SparkContext."),
    ],
)
def test_a_class_of_many_faults_is_told_by_its_own_opening_words(name: str, text: str) -> None:
    assert not is_of_data(java(spark("x"), Throwable(name, text)))
    assert is_of_data(java(spark("x"), Throwable(name, f"said: {text}")))
    assert is_of_data(java(spark("x"), Throwable("java.lang.RuntimeException", text)))


def test_where_there_is_a_trace_alone_its_classes_count() -> None:
    trace = "org.apache.spark.SparkException: x: y\n\tat a.b\nCaused by: java.net.{}: text\n"
    for text, expected in (("ConnectException", False), ("IdnException", True)):
        assert is_of_data(captured(PythonException, None, trace.format(text))) is expected
        assert is_of_data(java(spark(f"{ABORTED}java.net.{text}: said\n\tat a.b"))) is expected
    assert is_of_data(java(spark(f"{ABORTED}a.b.Broken: (x): java.net.ConnectException: z")))


def test_pythons_errors_are_told_by_their_classes_and_causes() -> None:
    for away in (
        NoHostAvailable("away", {}),
        OperationTimedOut(),
        WriteTimeout("x", write_type=0),
        ConnectionResetError(),
        TimeoutError(),
        MemoryError(),
        Py4JNetworkError("x"),
    ):
        assert not is_of_data(away)
        wrapped = RuntimeError("x")
        wrapped.__cause__ = away
        assert not is_of_data(wrapped)
        # Handled before, by chance.
        beside = RuntimeError("x")
        beside.__context__ = away
        assert is_of_data(beside)
    assert is_of_data(InvalidRequest("Key may not be empty: timed out"))
    assert is_of_data(Py4JError("x"))


def test_a_jvm_that_does_not_answer_blames_no_record() -> None:
    assert not is_of_data(java(Gone("x")))


def test_a_circle_of_causes_ends() -> None:
    one, other = Throwable("a.One"), Throwable("a.Other")
    other.cause = one
    assert is_of_data(java(one, other))
