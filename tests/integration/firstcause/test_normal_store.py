"""Slices, versions and drills on real Cassandra, and the commands that people use on them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from airflow.sdk.exceptions import AirflowSkipException
from cassandra.cluster import Session

from dags.tasks import hours_to_learn
from firstcause.events.log_event import LogEvent
from firstcause.normal.compose_and_store import compose_in_force
from firstcause.normal.composed_normal_store import VERSIONS_KEPT, ComposedNormalStore
from firstcause.normal.drills import drills_between, record_drill
from firstcause.normal.incident_times import incidents_between
from firstcause.normal.learned_hour_store import FROM_LOGS, VOUCHED_FOR, LearnedHourStore
from firstcause.settings import load_settings
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from root_cause.normal.composition import OTHERS_COUNT, slot_of
from root_cause.normal.learned_counts import Normal, decayed, merge
from root_cause.normal.learner import learn
from root_cause.quiet_hours.due_hours import HOUR_MS
from root_cause.quiet_hours.own_noise import learn_with_noise
from root_cause.quiet_hours.quiet_stretches import MARGIN_AFTER_MS, Disturbance, TimeRange
from tests.command_line import firstcause
from tests.integration.log_analyzer.stored_incidents import put_incident
from tests.unit.root_cause.small_traces import Line, traffic

pytestmark = pytest.mark.integration

# A Monday.
HOUR_MS_OF_TEST = ms_from_datetime(datetime(2026, 3, 2, 10, tzinfo=UTC))
DAY_MS = 24 * HOUR_MS


def events_at(at_ms: int, *messages: str, count: int = 60) -> list[LogEvent]:
    lines = [Line(5, "shop", message) for message in messages]
    lines.append(Line(5, "cart", "cannot read", "ERROR"))
    return traffic(lambda number, dice: lines, count, first=at_ms // HOUR_MS, at_ms=at_ms)


@pytest.fixture
def stores(session: Session) -> tuple[LearnedHourStore, ComposedNormalStore]:
    for table in ("normal_hours", "normal_days", "normal_slices", "normal_versions", "normals"):
        session.execute(f"TRUNCATE {table}")
    return LearnedHourStore(session), ComposedNormalStore(session)


def put(slices: LearnedHourStore, at_ms: int, normal: Normal, now_ms: int = 1_000) -> bool:
    return slices.put(at_ms, [TimeRange(at_ms, at_ms + HOUR_MS)], normal, 180, "logs", now_ms)


def test_learning_an_hour_again_replaces_it_and_the_same_again_writes_nothing(
    session: Session, stores: tuple[LearnedHourStore, ComposedNormalStore]
) -> None:
    slices, normals = stores
    first, second = (learn(events_at(HOUR_MS_OF_TEST, word), []) for word in ("sells", "sold"))
    assert compose_in_force(slices, normals) is None
    assert normals.load(HOUR_MS_OF_TEST, 10.0) is None
    assert put(slices, HOUR_MS_OF_TEST, first)
    assert not put(slices, HOUR_MS_OF_TEST, first, now_ms=2_000)
    old = compose_in_force(slices, normals)
    assert old == compose_in_force(slices, normals)
    assert put(slices, HOUR_MS_OF_TEST, second, now_ms=3_000)
    new = compose_in_force(slices, normals)
    loaded = normals.load(HOUR_MS_OF_TEST, 10.0)
    assert old is not None
    assert new is not None
    assert loaded is not None
    assert loaded.normal == second
    assert new.composed_at_ms > old.composed_at_ms
    assert (loaded.version, loaded.learned_at_ms) == (new.version, new.composed_at_ms)
    revisions = {row.revision for row in session.execute("SELECT revision FROM normal_slices")}
    record = slices.record(HOUR_MS_OF_TEST)
    assert record is not None
    assert {one.partition("/")[0] for one in revisions} == {record.revision}


def test_many_services_share_out_partitions_and_rows_of_before_are_read(
    session: Session, stores: tuple[LearnedHourStore, ComposedNormalStore]
) -> None:
    slices, normals = stores
    lines = [Line(5, f"shop-{number}", "sells") for number in range(40)]
    events = traffic(lambda number, dice: lines, 40, first=1, at_ms=HOUR_MS_OF_TEST)
    learned = learn(events, [])
    put(slices, HOUR_MS_OF_TEST, learned)
    version = compose_in_force(slices, normals)
    assert version is not None
    tables = {"normal_slices": "hour, revision", "normals": "version, slot"}
    for table, keys in tables.items():
        rows = [row[1] for row in session.execute(f"SELECT {keys} FROM {table}")]
        assert len(rows) == 41
        assert max(rows.count(one) for one in rows) < 20
    # As they were stored before there were several partitions.
    for row in session.execute("SELECT * FROM normals"):
        values = (row.version, row.slot.partition("/")[0], row.service_name, row.profile)
        session.execute(
            "INSERT INTO normals (version, slot, service_name, profile) VALUES (%s, %s, %s, %s)",
            values,
        )
        session.execute(
            "DELETE FROM normals WHERE version = %s AND slot = %s", (row.version, row.slot)
        )
    for row in session.execute("SELECT * FROM normal_slices"):
        values = (row.hour, row.revision.partition("/")[0], row.service_name, row.profile)
        session.execute(
            "INSERT INTO normal_slices (hour, revision, service_name, profile) "
            "VALUES (%s, %s, %s, %s)",
            values,
        )
        session.execute(
            "DELETE FROM normal_slices WHERE hour = %s AND revision = %s", (row.hour, row.revision)
        )
    loaded = ComposedNormalStore(session).load(HOUR_MS_OF_TEST, 10.0)
    assert loaded is not None
    assert loaded.normal == learned
    record = slices.record(HOUR_MS_OF_TEST)
    assert record is not None
    assert record.learned is not None
    assert len(slices.services(record.learned)) == 41
    assert None not in slices.profiles([record.learned], "shop-7")


def test_a_refused_hour_counts_no_more_and_says_why(
    stores: tuple[LearnedHourStore, ComposedNormalStore],
) -> None:
    slices, normals = stores
    kept = learn(events_at(HOUR_MS_OF_TEST, "sells"), [])
    put(slices, HOUR_MS_OF_TEST, kept)
    put(slices, HOUR_MS_OF_TEST + HOUR_MS, learn(events_at(HOUR_MS_OF_TEST + HOUR_MS, "sells"), []))
    assert slices.refuse(HOUR_MS_OF_TEST + HOUR_MS, [], "not quiet: incident", "logs", 2_000)
    assert not slices.refuse(HOUR_MS_OF_TEST + HOUR_MS, [], "not quiet: incident", "logs", 3_000)
    assert [(one.hour_ms, one.refused) for one in slices.records()] == [
        (HOUR_MS_OF_TEST + HOUR_MS, "not quiet: incident"),
        (HOUR_MS_OF_TEST, None),
    ]
    compose_in_force(slices, normals)
    loaded = normals.load(HOUR_MS_OF_TEST, 10.0)
    assert loaded is not None
    assert loaded.normal == kept


def test_only_the_last_versions_are_kept_whole(
    session: Session, stores: tuple[LearnedHourStore, ComposedNormalStore]
) -> None:
    slices, normals = stores
    made = []
    for number in range(VERSIONS_KEPT + 2):
        at_ms = HOUR_MS_OF_TEST + number * HOUR_MS
        put(slices, at_ms, learn(events_at(at_ms, "sells"), []))
        version = compose_in_force(slices, normals)
        assert version is not None
        made.append(version)
    assert normals.versions() == made[: -VERSIONS_KEPT - 1 : -1]
    rows = session.execute("SELECT DISTINCT version, slot FROM normals")
    assert {row.version for row in rows} == {one.version for one in made[-VERSIONS_KEPT:]}


def test_an_hour_with_other_requests_gets_its_own_normal(
    stores: tuple[LearnedHourStore, ComposedNormalStore],
) -> None:
    slices, normals = stores
    day, night = [], []
    for number in range(3):
        at_ms = HOUR_MS_OF_TEST + number * DAY_MS
        day.append(learn(events_at(at_ms, "sells", "is done", count=400), []))
        lines = [Line(5, "shop", "sums up"), Line(5, "shop", "has summed up")]
        later = traffic(lambda _, dice: lines, 400, first=9, at_ms=at_ms + 9 * HOUR_MS)  # noqa: B023
        night.append(learn(later, []))
        put(slices, at_ms, day[-1])
        put(slices, at_ms + 9 * HOUR_MS, night[-1])
    version = compose_in_force(slices, normals)
    assert version is not None
    assert version.slots == (slot_of(HOUR_MS_OF_TEST), slot_of(HOUR_MS_OF_TEST + 9 * HOUR_MS))
    at_night = normals.load(HOUR_MS_OF_TEST + 9 * HOUR_MS, 10.0)
    between = normals.load(HOUR_MS_OF_TEST + 3 * HOUR_MS, 10.0)
    assert at_night is not None
    assert between is not None
    assert between.normal == merge([*day, *night])
    weak = decayed(merge(day), OTHERS_COUNT)
    assert at_night.normal.services["shop"].ends == merge([*night, weak]).services["shop"].ends
    assert at_night.normal.traces == 1200 + 300


def test_drills_are_found_by_whatever_they_touch(session: Session) -> None:
    start_ms, end_ms = HOUR_MS_OF_TEST, HOUR_MS_OF_TEST + 45_000
    for _ in range(2):
        record_drill(session, "made_up", start_ms, end_ms)
    told = [Disturbance("drill made_up", start_ms, end_ms)]
    assert drills_between(session, start_ms - HOUR_MS, end_ms) == told
    assert drills_between(session, end_ms + MARGIN_AFTER_MS, end_ms + DAY_MS) == told
    assert drills_between(session, end_ms + MARGIN_AFTER_MS + 1, end_ms + DAY_MS) == []


def put_open_incident(session: Session, minutes: dict[int, int]) -> UUID:
    """One incident, open, whose last error came in the last of these minutes."""
    return put_incident(session, HOUR_MS_OF_TEST, max(minutes) * 60_000, "open", minutes)


def test_ambient_errors_and_what_people_have_silenced_disturb_nothing(session: Session) -> None:
    first = HOUR_MS_OF_TEST // 60_000
    asked = (HOUR_MS_OF_TEST, HOUR_MS_OF_TEST + HOUR_MS)
    put_open_incident(session, dict.fromkeys(range(first, first + 120, 10), 1))
    assert incidents_between(session, *asked) == []
    loud = put_open_incident(session, {first: 99})
    assert incidents_between(session, *asked) == [
        Disturbance(f"incident {loud}", HOUR_MS_OF_TEST, None)
    ]
    silence = "INSERT INTO silences (fingerprint, silenced_at) VALUES (%s, %s)"
    session.execute(silence, (loud, datetime_from_ms(HOUR_MS_OF_TEST + 1)))
    assert len(incidents_between(session, *asked)) == 1
    session.execute(silence, (loud, datetime_from_ms(HOUR_MS_OF_TEST)))
    assert incidents_between(session, *asked) == []


def choose_hours() -> list[str]:
    return hours_to_learn.choose_hours({"from": None, "to": None, "force": False})


def test_an_hour_is_due_again_when_a_fault_in_it_becomes_known(
    session: Session,
    stores: tuple[LearnedHourStore, ComposedNormalStore],
    product_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slices, _ = stores
    for name, value in product_env.items():
        monkeypatch.setenv(name, value)
    # Whoever ran before in this process may have read the settings.
    load_settings.cache_clear()
    hour_ms = (int(time.time() * 1000) // HOUR_MS - 3) * HOUR_MS
    session.execute("INSERT INTO services (service_name) VALUES ('shop')")
    session.execute(
        "INSERT INTO log_minutes (service_name, day, minute) VALUES ('shop', %s, %s)",
        (datetime_from_ms(hour_ms).date(), datetime_from_ms(hour_ms)),
    )
    first, last = (datetime_from_ms(at).isoformat() for at in (hour_ms, hour_ms + HOUR_MS))
    asked = ["--range", f"{first}/{last}"]
    assert choose_hours() == asked
    whole = [TimeRange(hour_ms, hour_ms + HOUR_MS)]
    normal = learn(events_at(hour_ms, "sells"), [])
    slices.put(hour_ms, whole, normal, 180, FROM_LOGS, 1_000)
    with pytest.raises(AirflowSkipException, match="learned already"):
        choose_hours()
    record_drill(session, "found_out_later", hour_ms + 1_000, hour_ms + 2_000)
    assert choose_hours() == asked
    quiet = [TimeRange(hour_ms + 2_001 + MARGIN_AFTER_MS, hour_ms + HOUR_MS)]
    slices.put(hour_ms, quiet, normal, 170, FROM_LOGS, 2_000)
    with pytest.raises(AirflowSkipException):
        choose_hours()
    slices.put(hour_ms, whole, normal, 180, VOUCHED_FOR, 3_000)
    with pytest.raises(AirflowSkipException):
        choose_hours()


def json_lines(path: Path, events: Sequence[LogEvent]) -> Path:
    def of(event: LogEvent) -> dict[str, Any]:
        names = ("log_id", "service_name", "level", "message", "trace_id", "span_id")
        told = {name: getattr(event, name) for name in names}
        return {**told, "timestamp": datetime_from_ms(event.timestamp_ms).isoformat()}

    path.write_bytes(b"".join(orjson.dumps(of(event)) + b"\n" for event in events))
    return path


def test_people_learn_from_files_and_look_at_it(
    stores: tuple[LearnedHourStore, ComposedNormalStore],
    product_env: dict[str, str],
    tmp_path: Path,
) -> None:
    _, normals = stores
    nothing = firstcause(product_env, "normal", "show", "shop")
    assert nothing.returncode == 1
    assert "Nothing is learned yet" in nothing.stderr
    # The last trace goes on into the next hour.
    at_ms = HOUR_MS_OF_TEST + HOUR_MS - 59_000 - 10
    events = events_at(at_ms, "sells", "[bold]is done[/bold]")
    done = firstcause(
        product_env, "normal", "learn", str(json_lines(tmp_path / "quiet.jsonl", events))
    )
    assert done.returncode == 0, done.stderr
    assert "quiet.jsonl" in done.stdout
    loaded = normals.load(at_ms, 10.0)
    assert loaded is not None
    assert loaded.normal == learn_with_noise(events, [])

    shown = firstcause(product_env, "normal", "show", "shop")
    assert loaded.version in shown.stdout
    assert "learned from 1 hour, 2026-03-02T10:00Z to 2026-03-02T11:00Z" in shown.stdout
    assert "[bold]is done[/bold]" in shown.stdout
    told = json.loads(firstcause(product_env, "normal", "show", "cart", "--json").stdout)
    assert told["errors"] == [{"event": "ERROR `cannot read` in cart", "traces": 60, "share": 1.0}]
    assert told["hours"] == 1
    [listed] = firstcause(product_env, "normal", "list", "--json").stdout.splitlines()
    assert (json.loads(listed)["traces"], json.loads(listed)["refused"]) == (60, None)
    unknown = firstcause(product_env, "normal", "show", "shops")
    assert "Known: cart, shop" in unknown.stderr

    old = events_at(at_ms - 100 * DAY_MS, "sells")
    late = firstcause(product_env, "normal", "learn", str(json_lines(tmp_path / "old.jsonl", old)))
    assert "newer ones are in force" in late.stderr
