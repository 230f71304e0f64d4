"""`firstcause migrate` on a real Cassandra: each once, two at a time safe, edits refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import MIGRATIONS_DIR, migrate, read_migrations, split_statements
from tests.installation import Installation

pytestmark = pytest.mark.integration

QUERIES = sorted((PROJECT_ROOT / "cassandra" / "queries").glob("*.cql"))


@pytest.fixture
def empty(services: Installation) -> Iterator[Settings]:
    """Settings with a keyspace that is not there yet; it goes when the test ends."""
    settings = services.fresh_names()
    yield settings
    with cassandra.session(settings, keyspace="", request_timeout_seconds=60.0) as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {settings.cassandra_keyspace}")


@pytest.fixture(scope="module")
def session(settings: Settings) -> Iterator[Session]:
    with cassandra.session(settings, request_timeout_seconds=60.0) as opened:
        yield opened


def applied(settings: Settings) -> dict[int, str]:
    with cassandra.session(settings) as opened:
        return dict(opened.execute("SELECT version, checksum FROM migrations").all())


def test_two_at_a_time_apply_each_migration_once(empty: Settings, services: Installation) -> None:
    env = {**services.env, **settings_environment(empty)}
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "firstcause.cli.app", "migrate"],
            env=env,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    lines = [line for text in told for line in text.splitlines() if line.startswith("applied")]
    assert sorted(lines) == [f"applied {m.version:04d}_{m.name}" for m in read_migrations()]
    assert "nothing new" in "".join(told)
    assert applied(empty) == {one.version: one.checksum for one in read_migrations()}
    assert migrate(empty) == []


def test_an_edited_migration_is_refused_and_nothing_is_applied(
    empty: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS_DIR, folder)
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    [first] = migrate(empty, folder)
    [path] = folder.iterdir()
    path.write_text(path.read_text() + "-- a thought that came later\n")
    (folder / "0002_more.cql").write_text("CREATE TABLE IF NOT EXISTS more (a int PRIMARY KEY);")
    with pytest.raises(FirstcauseError, match="0001_logs was edited"):
        migrate(empty, folder)
    assert applied(empty) == {1: first.checksum}


def test_a_statement_that_fails_leaves_its_migration_for_the_next_run(
    empty: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "0001_things.cql"
    good = "CREATE TABLE IF NOT EXISTS things (a int PRIMARY KEY);\n"
    path.write_text(f"{good}CREATE TABLE IF NOT EXISTS others (a nonsense PRIMARY KEY);")
    with pytest.raises(FirstcauseError, match="0001_things"):
        migrate(empty, tmp_path)
    path.write_text(good)
    assert [one.version for one in migrate(empty, tmp_path)] == [1]


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_each_ready_made_query_runs_as_it_stands(session: Session, path: Path) -> None:
    statements = split_statements(path.read_text(encoding="utf-8"))
    assert statements
    for statement in statements:
        session.execute(statement)
