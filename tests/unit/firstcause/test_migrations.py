"""Reading migrations, telling new ones from edited ones, and splitting CQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.storage.migrations import (
    MIGRATIONS_DIR,
    Migration,
    pending,
    read_migrations,
    split_statements,
    too_few_replicas,
)

FIRST = Migration(1, "first", ("SELECT 1",), "a")
SECOND = Migration(2, "second", ("SELECT 2",), "b")


def test_the_projects_own_migrations_are_numbered_without_a_gap() -> None:
    migrations = read_migrations()
    assert [one.version for one in migrations] == list(range(1, len(migrations) + 1))
    assert len(migrations) == len(list(MIGRATIONS_DIR.iterdir()))


def test_every_statement_can_be_repeated_after_a_killed_run() -> None:
    for migration in read_migrations():
        for statement in migration.statements:
            repeatable = "IF NOT EXISTS" in statement or "DROP" in statement
            assert repeatable, f"{migration.name}: {statement[:80]}"
            assert "DROP" not in statement or "IF EXISTS" in statement, statement[:80]


def test_only_what_is_new_is_pending_in_order() -> None:
    assert pending([FIRST, SECOND], {}) == [FIRST, SECOND]
    assert pending([FIRST, SECOND], {1: "a"}) == [SECOND]
    assert pending([FIRST, SECOND], {1: "a", 2: "b"}) == []


def test_an_edited_migration_is_refused_before_anything_is_applied() -> None:
    with pytest.raises(FirstcauseError, match="0001_first was edited"):
        pending([FIRST, SECOND], {1: "another"})


def test_a_file_with_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_logs.cql").write_text("SELECT 1;")
    with pytest.raises(FirstcauseError, match=r"1_logs\.cql"):
        read_migrations(tmp_path)


def test_two_files_of_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("0001_logs.cql", "0001_others.cql"):
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(FirstcauseError, match="same number"):
        read_migrations(tmp_path)


def test_the_checksum_is_of_the_whole_text(tmp_path: Path) -> None:
    path = tmp_path / "0001_logs.cql"
    path.write_text("SELECT 1;")
    [before] = read_migrations(tmp_path)
    path.write_text("SELECT 1; -- as it was")
    [after] = read_migrations(tmp_path)
    assert before.statements == after.statements
    assert before.checksum != after.checksum


def test_comments_and_semicolons_in_texts_split_nothing() -> None:
    text = """
    -- First; a comment with a semicolon, and an apostrophe that isn't closed
    CREATE TABLE a (b text PRIMARY KEY) WITH comment = 'one; two -- three';
    /* and; another */
    SELECT * FROM a WHERE b = 'it''s';
    """
    assert split_statements(text) == (
        "CREATE TABLE a (b text PRIMARY KEY) WITH comment = 'one; two -- three'",
        "SELECT * FROM a WHERE b = 'it''s'",
    )


def test_a_file_of_comments_holds_no_statement() -> None:
    assert split_statements("-- nothing yet\n\n") == ()


def test_a_keyspace_with_too_few_replicas_is_known() -> None:
    replication = {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", "dc1": "1"}
    assert too_few_replicas(replication, 3) == {"dc1": 1}
    assert too_few_replicas({**replication, "dc1": "3", "dc2": "5"}, 3) == {}
