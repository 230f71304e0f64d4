"""What a batch says of each service, and what of it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark.store import service_activity
from spark.store.service_activity import Activity, ServiceActivityTable, activity_of

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECONDS = st.lists(
    st.tuples(
        st.sampled_from(["cart", "payment", "user"]),
        st.integers(0, 7_200).map(lambda n: NOON + timedelta(seconds=n)),
    )
)


class RecordingSession:
    """Stands in for a Cassandra session: keeps what would be written."""

    def __init__(self) -> None:
        self.fails = False
        self.written: list[tuple[str, tuple[Any, ...]]] = []

    def prepare(self, cql: str) -> str:
        return "heard" if "services" in cql else "minute"

    def execute(self, cql: str, values: tuple[Any, ...]) -> None:
        self.written.append((cql.split(maxsplit=1)[0], values))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> RecordingSession:
    made = RecordingSession()

    def execute(session: RecordingSession, statements: Any, **_: Any) -> None:
        if session.fails:
            raise ConnectionError("away")
        session.written += statements

    monkeypatch.setattr(service_activity, "execute_concurrent", execute)
    return made


@given(SECONDS)
def test_each_service_has_its_minutes_and_its_latest_second(
    seconds: list[tuple[str, datetime]],
) -> None:
    found = {one.service_name: one for one in activity_of(seconds)}
    assert found.keys() == {name for name, _ in seconds}
    for name, activity in found.items():
        heard = [moment for service, moment in seconds if service == name]
        assert activity.last_heard == max(heard)
        assert activity.minutes == {moment.replace(second=0) for moment in heard}


@given(SECONDS)
def test_order_and_repeats_change_nothing(seconds: list[tuple[str, datetime]]) -> None:
    assert activity_of(seconds) == activity_of([*reversed(seconds), *seconds])


def activity(*minutes: int) -> Activity:
    moments = frozenset(NOON + timedelta(minutes=number) for number in minutes)
    return Activity("payment", moments, max(moments) + timedelta(seconds=7))


def test_event_time_is_the_timestamp_of_the_cell(session: RecordingSession) -> None:
    ServiceActivityTable(session).write([activity(0)])
    [(_, (name, heard, micros)), (_, minute)] = session.written
    assert (name, heard) == ("payment", NOON + timedelta(seconds=7))
    assert micros == int(heard.timestamp()) * 1_000_000
    assert minute == ("payment", NOON.date(), NOON)


def test_a_minute_is_written_once_and_again_after_a_failure(session: RecordingSession) -> None:
    table = ServiceActivityTable(session)
    session.fails = True
    with pytest.raises(ConnectionError):
        table.write([activity(0)])
    session.fails = False
    table.write([activity(0)])
    table.write([activity(0, 1)])
    minutes = [values[2] for kind, values in session.written if kind == "minute"]
    assert minutes == [NOON, NOON + timedelta(minutes=1)]


def test_an_event_before_1970_has_a_timestamp_that_cassandra_takes(
    session: RecordingSession,
) -> None:
    old = datetime(1955, 11, 5, tzinfo=UTC)
    ServiceActivityTable(session).write(activity_of([("payment", old)]))
    [(_, (_, _, micros)), _] = session.written
    assert micros == 1


def test_the_minutes_of_a_service_that_is_hidden_are_written_again(
    session: RecordingSession,
) -> None:
    table = ServiceActivityTable(session)
    table.write([activity(0)])
    table.hide("payment")
    table.write([activity(0)])
    kinds = [kind for kind, _ in session.written]
    assert kinds == ["heard", "minute", "DELETE", "heard", "minute"]
