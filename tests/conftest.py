"""Fixtures that all tests share.

Unit tests need none of them. For tests with real services:

- `services` (session): one installation for each test process (`make test` runs two beside each
  other), with Kafka and Cassandra answering.
  Its ports are its own, its home is temporary, its jars are the project's (`JARS_DIR`).
- `airflow_services` (session): the same installation, with Airflow's four processes as well.
- `settings` (module): that installation's settings, with fresh topics, and a keyspace that is
  migrated and empty. Give it to the code under test.
- `product_env` (module): the environment for a process of the product (a Spark driver, the
  analyzer, `firstcause ...`) with exactly these settings; add stub addresses to it.
- `session` (module): CQL in the keyspace of `settings`.
- `services.run("status", "--json")` runs the command line, `services.up("analyzer")` starts more.

All of it is stopped at the end of the run, also after an interrupt or SIGTERM. A developer's
own settings and `.env` never reach a test.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

os.environ["FIRSTCAUSE_ENV_FILE"] = os.devnull  # before the settings are imported

import hypothesis
import pytest
from cassandra.cluster import Session

from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from tests.installation import Installation, new_installation
from tests.keyspace import empty_keyspace

# The JVMs of tests live for a minute: the optimizing compiler would take half of their CPU time.
JAVA_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    # Cassandra would flush and link the files of each table that is emptied, for a restore.
    "-Dcassandra.config.allow_system_properties=true",
    "-Dcassandra.settings.auto_snapshot=false",
)
os.environ.setdefault("JAVA_TOOL_OPTIONS", " ".join(JAVA_OPTIONS))

# How fast the machine is, is no property of what is tested.
hypothesis.settings.register_profile(
    "firstcause", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("firstcause")

KEPT_SETTINGS = {"JARS_DIR"}

for name in Settings.model_fields:
    if name.upper() not in KEPT_SETTINGS:
        os.environ.pop(name.upper(), None)


def pytest_configure(config: pytest.Config) -> None:
    # SIGTERM ends a run as Ctrl-C does: fixtures are torn down, services stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = new_installation(tmp_path_factory.mktemp("firstcause"))
    try:
        installation.up("kafka,cassandra")
        yield installation
    finally:
        installation.stop()


@pytest.fixture(scope="session")
def airflow_services(services: Installation) -> Installation:
    services.up("airflow")
    return services


@pytest.fixture(scope="session")
def migrated_keyspace(services: Installation) -> str:
    """One keyspace for all modules of this process: to migrate it takes ten times its emptying."""
    fresh = services.fresh_names()
    migrate(fresh)
    return fresh.cassandra_keyspace


@pytest.fixture(scope="module")
def settings(services: Installation, migrated_keyspace: str) -> Settings:
    names = {"cassandra_keyspace": migrated_keyspace}
    fresh = services.fresh_names().model_copy(update=names)
    ensure_topics(fresh)
    empty_keyspace(fresh)
    return fresh


@pytest.fixture(scope="module")
def product_env(settings: Settings) -> dict[str, str]:
    return {**os.environ, **settings_environment(settings)}


@pytest.fixture(scope="module")
def session(settings: Settings) -> Iterator[Session]:
    with cassandra.session(settings) as opened:
        yield opened
