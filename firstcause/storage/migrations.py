"""Applies numbered CQL migrations: each once, in order, checked by checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlparse
import stamina
import structlog
from cassandra.cluster import DriverException, Session
from cassandra.protocol import ConfigurationException, ErrorMessage, ServerError

from firstcause.errors import FirstcauseError
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage import cassandra
from firstcause.storage.migration_lock import MigrationLock

MIGRATIONS_DIR: Final = PROJECT_ROOT / "cassandra" / "migrations"

# On a cluster that has so many nodes, where the settings name no number.
REPLICAS_WANTED: Final = 3
STATEMENT_TIMEOUT_SECONDS: Final = 60
AGREEMENT_SECONDS: Final = 30

_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.cql$")


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name, the CQL statements and the SHA-256 of its text."""

    version: int
    name: str
    statements: tuple[str, ...]
    checksum: str


def read_migrations(folder: Path = MIGRATIONS_DIR) -> list[Migration]:
    """All migrations of a folder, in order.

    Raises:
        FirstcauseError: a file is not named NNNN_name.cql, or two have the same number.
    """
    migrations: list[Migration] = []
    for path in sorted(folder.glob("*.cql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise FirstcauseError(f"Migration {path.name}: name it NNNN_what_it_does.cql.")
        text = path.read_text(encoding="utf-8")
        migrations.append(
            Migration(
                version=int(match[1]),
                name=match[2],
                statements=split_statements(text),
                checksum=hashlib.sha256(text.encode()).hexdigest(),
            )
        )
    versions = [migration.version for migration in migrations]
    if len(set(versions)) != len(versions):
        raise FirstcauseError(f"Two migrations in {folder} have the same number: rename one.")
    return migrations


def split_statements(text: str) -> tuple[str, ...]:
    """The statements of a CQL text, without its comments (`--`, `/* */`) and closing semicolons."""
    bare = (sqlparse.format(part, strip_comments=True) for part in sqlparse.split(text))
    return tuple(cql for part in bare if (cql := part.strip().rstrip(";").strip()))


def pending(migrations: Iterable[Migration], applied: dict[int, str]) -> list[Migration]:
    """The migrations that are not applied yet.

    Args:
        migrations: what the folder holds.
        applied: checksum by version, as kept in Cassandra.

    Raises:
        FirstcauseError: an applied migration was edited since.
    """
    todo = []
    for migration in migrations:
        checksum = applied.get(migration.version)
        if checksum is None:
            todo.append(migration)
        elif checksum != migration.checksum:
            raise FirstcauseError(
                f"Migration {migration.version:04d}_{migration.name} was edited after it was "
                "applied: put it back as it was and write the change as a new migration."
            )
    return todo


def migrate(settings: Settings, folder: Path = MIGRATIONS_DIR) -> list[Migration]:
    """Applies new migrations and returns them. Blocks; a concurrent run waits for the other.

    A killed run leaves its lock for `LOCK_SECONDS` and a migration half applied; as every
    statement says IF NOT EXISTS, the next run completes it.

    Raises:
        FirstcauseError: Cassandra does not answer, or refuses a statement; an applied
            migration was edited; or another run holds the lock for too long.
    """
    migrations = read_migrations(folder)
    with cassandra.session(
        settings, keyspace="", request_timeout_seconds=STATEMENT_TIMEOUT_SECONDS
    ) as session:
        cluster = session.cluster
        # The driver would read the whole schema again after each statement, and wait each time
        # until all nodes have it: here once a migration, by `_await_agreement`.
        cluster.schema_metadata_enabled = False
        cluster.max_schema_agreement_wait = 0
        _prepare_keyspace(session, settings)
        lock = MigrationLock(session)
        lock.acquire()
        try:
            _change_schema(
                session,
                "CREATE TABLE IF NOT EXISTS migrations (version int PRIMARY KEY, name text, "
                "checksum text, applied_at timestamp)",
            )
            _await_agreement(session)
            todo = pending(migrations, _applied(session))
            for migration in todo:
                _apply(session, migration, lock)
        finally:
            lock.release()
    return todo


def _prepare_keyspace(session: Session, settings: Settings) -> None:
    """Makes what the lock needs: the only statements that two runs may send at a time."""
    nodes = len(session.cluster.metadata.all_hosts())
    factor = settings.cassandra_replication_factor or min(REPLICAS_WANTED, nodes)
    replication = "{'class': 'NetworkTopologyStrategy', 'replication_factor': " + str(factor) + "}"
    _check_replicas(session, settings.cassandra_keyspace, factor)
    _create_unlocked(
        session,
        f"CREATE KEYSPACE IF NOT EXISTS {settings.cassandra_keyspace} "
        f"WITH replication = {replication}",
    )
    session.set_keyspace(settings.cassandra_keyspace)
    _create_unlocked(
        session, "CREATE TABLE IF NOT EXISTS migration_lock (name text PRIMARY KEY, owner uuid)"
    )


def _check_replicas(session: Session, keyspace: str, wanted: int) -> None:
    """Warns where a keyspace that is there has fewer replicas than it would be made with."""
    query = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
    for row in session.execute(query, (keyspace,)):
        for place, found in too_few_replicas(row.replication, wanted).items():
            log.warning(
                "keyspace_differs",
                keyspace=keyspace,
                told=f"{place} has {found} replicas instead of {wanted}, so that a lost node loses "
                "rows: ALTER KEYSPACE ... WITH replication, then nodetool repair --full",
            )


def too_few_replicas(replication: Mapping[str, str], wanted: int) -> dict[str, int]:
    """Datacenters of a keyspace's `replication` that have fewer replicas than `wanted`. Pure."""
    factors = {place: item for place, item in replication.items() if place != "class"}
    return {
        place: int(item) for place, item in factors.items() if item.isdigit() and int(item) < wanted
    }


# What a node answers when another one makes the same thing at the same time.
@stamina.retry(on=(ConfigurationException, ServerError), attempts=2)
def _create_unlocked(session: Session, statement: str) -> None:
    _change_schema(session, statement)
    _await_agreement(session)


def _change_schema(session: Session, statement: str) -> None:
    """Executes on one node for all statements: it has applied each before it answers."""
    session.execute(statement, host=session.cluster.get_control_connection_host())


def _await_agreement(session: Session) -> None:
    control = session.cluster.control_connection
    if not control.wait_for_schema_agreement(wait_time=AGREEMENT_SECONDS):
        raise FirstcauseError(
            "The nodes of Cassandra do not agree on the schema: look at `nodetool "
            "describecluster`, then run `firstcause migrate` again."
        )


def _applied(session: Session) -> dict[int, str]:
    rows: Sequence[tuple[int, str]] = session.execute(
        "SELECT version, checksum FROM migrations"
    ).all()
    return dict(rows)


def _apply(session: Session, migration: Migration, lock: MigrationLock) -> None:
    for statement in migration.statements:
        lock.renew()
        try:
            _change_schema(session, statement)
        except (DriverException, ErrorMessage) as error:
            raise FirstcauseError(
                f"Cassandra did not apply {migration.version:04d}_{migration.name}: {error}"
            ) from error
    _await_agreement(session)
    lock.renew(now=True)
    session.execute(
        "INSERT INTO migrations (version, name, checksum, applied_at) "
        "VALUES (%s, %s, %s, toTimestamp(now()))",
        (migration.version, migration.name, migration.checksum),
    )
