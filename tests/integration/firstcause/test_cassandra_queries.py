"""What every session of the project asks of Cassandra."""

from __future__ import annotations

import pytest
from cassandra.cluster import OperationTimedOut, Session

from cassandra import ConsistencyLevel  # type: ignore[attr-defined]
from firstcause.storage.cassandra import QUERIES_AT_ONCE, prepare_all, rows_of_each

pytestmark = pytest.mark.integration


def test_what_was_stored_is_seen_by_who_reads_next(session: Session) -> None:
    [prepared] = prepare_all(session, {"days": "SELECT day FROM incident_days"}).values()
    for statement in ("SELECT day FROM incident_days", prepared):
        asked = session.execute_async(statement)
        asked.result()
        assert asked.message.consistency_level == ConsistencyLevel.LOCAL_QUORUM


def test_rows_come_in_the_order_of_the_values_and_all_pages_of_them(session: Session) -> None:
    statement = session.prepare("SELECT key FROM system.local WHERE key = ?")
    keys = ["local" if one % 3 else "other" for one in range(2 * QUERIES_AT_ONCE + 1)]
    found = rows_of_each(session, statement, [(key,) for key in keys], timeout_seconds=60)
    assert [[row.key for row in rows] for rows in found] == [
        ["local"] if key == "local" else [] for key in keys
    ]
    columns = session.prepare("SELECT column_name FROM system_schema.columns WHERE keyspace_name=?")
    [whole] = rows_of_each(session, columns, [("system",)])
    columns.fetch_size = 7
    assert rows_of_each(session, columns, [("system",)]) == [whole]
    assert len(whole) > 50


def test_no_time_left_is_told(session: Session) -> None:
    statement = session.prepare("SELECT key FROM system.local WHERE key = ?")
    with pytest.raises(OperationTimedOut):
        rows_of_each(session, statement, [("local",)] * 500, timeout_seconds=0.0)
