"""How far a consumer group is behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firstcause.kafka.group_lag import GroupLagCollector, lags_of

OFFSETS = st.dictionaries(
    st.tuples(st.sampled_from(["logs", "incident_alerts"]), st.integers(0, 2)),
    st.integers(0, 10**9),
)


def test_it_counts_from_the_commit_to_the_end_by_topic() -> None:
    places = [("logs", 0), ("logs", 1), ("incident_alerts", 0)]
    begins = dict.fromkeys(places, 0)
    ends = dict(zip(places, (100, 50, 7), strict=True))
    committed = dict(zip(places, (90, 50, 0), strict=True))
    assert lags_of(committed, begins, ends) == {"logs": 10, "incident_alerts": 7}


def test_without_a_commit_it_counts_from_the_beginning() -> None:
    place = ("logs", 0)
    assert lags_of({place: -1001}, {place: 40}, {place: 100}) == {"logs": 60}
    assert lags_of({}, {place: 0}, {place: 100}) == {"logs": 100}


def test_what_kafka_no_longer_keeps_is_not_counted() -> None:
    place = ("logs", 0)
    assert lags_of({place: 10}, {place: 95}, {place: 100}) == {"logs": 5}


@given(OFFSETS, OFFSETS, OFFSETS)
def test_it_is_never_negative(
    committed: dict[tuple[str, int], int],
    begins: dict[tuple[str, int], int],
    ends: dict[tuple[str, int], int],
) -> None:
    lags = lags_of(committed, begins, ends)
    assert lags.keys() == {topic for topic, _ in ends}
    assert all(lag >= 0 for lag in lags.values())


def test_without_kafka_there_is_no_figure() -> None:
    # Port 1 is nobody's: the connection is refused.
    (family,) = GroupLagCollector("127.0.0.1:1", "group", ["logs"]).collect()
    assert family.samples == []
