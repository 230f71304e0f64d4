"""A keyspace whose rows are those of one test module alone."""

from __future__ import annotations

from firstcause.settings import Settings
from firstcause.storage import cassandra

# What `migrate` knows of the keyspace: its schema stays.
KEPT_TABLES = {"migrations", "migration_lock"}
TRUNCATE_TIMEOUT_SECONDS = 120


def empty_keyspace(settings: Settings) -> None:
    """Removes every row but those of the migrations. Blocks; no other process may write."""
    with cassandra.session(settings, request_timeout_seconds=TRUNCATE_TIMEOUT_SECONDS) as session:
        tables = session.execute(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s",
            (settings.cassandra_keyspace,),
        )
        for table in sorted({row.table_name for row in tables} - KEPT_TABLES):
            # A truncation takes a hundred times as long as this look.
            if session.execute(f"SELECT * FROM {table} LIMIT 1").one() is not None:
                session.execute(f"TRUNCATE {table}")
