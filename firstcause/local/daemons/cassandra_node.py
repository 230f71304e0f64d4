"""The local Cassandra: one node from the Maven jars."""

from __future__ import annotations

import logging
from pathlib import Path

from cassandra.cluster import DriverException, NoHostAvailable

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.environment import inherited_environment
from firstcause.local.daemons.java import java_command
from firstcause.local.service import DEPLOY_DIR, Service, port_is_open, render_config
from firstcause.settings import Settings
from firstcause.storage import cassandra


def cassandra_service(settings: Settings) -> Service:
    """Cassandra on `CASSANDRA_PORT`; its data below `FIRSTCAUSE_HOME/cassandra`."""
    home = settings.firstcause_home / "cassandra"
    jars = settings.jars_dir / "cassandra"
    command = (
        *java_command(settings.local_cassandra_heap, initial_heap="512m"),
        *_jvm_options(DEPLOY_DIR / "cassandra" / "jvm17.options"),
        *(f"-javaagent:{agent}" for agent in sorted(jars.glob("jamm-*.jar"))),
        f"-Dcassandra.config={(home / 'cassandra.yaml').as_uri()}",
        f"-Dcassandra.storagedir={home / 'data'}",
        f"-Dcassandra.jmx.local.port={settings.local_cassandra_jmx_port}",
        # Nobody to wait for: the ring has one node.
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra-foreground=yes",
        f"-Dlogback.configurationFile={(DEPLOY_DIR / 'cassandra' / 'logback.xml').as_uri()}",
        "-cp",
        str(jars / "*"),
        "org.apache.cassandra.service.CassandraDaemon",
    )
    return Service(
        name="cassandra",
        command=command,
        env=inherited_environment(),
        ports={
            "CASSANDRA_PORT": settings.cassandra_port,
            "LOCAL_CASSANDRA_STORAGE_PORT": settings.local_cassandra_storage_port,
            "LOCAL_CASSANDRA_JMX_PORT": settings.local_cassandra_jmx_port,
        },
        address=f"{settings.cassandra_hosts[0]}:{settings.cassandra_port}",
        log_file=settings.logs_dir / "cassandra.log",
        is_ready=lambda _record: (
            port_is_open(settings.cassandra_port) and cassandra_answers(settings)
        ),
        prepare=lambda: render_config(
            DEPLOY_DIR / "cassandra" / "cassandra.yaml",
            home / "cassandra.yaml",
            {
                "port": settings.cassandra_port,
                "storage_port": settings.local_cassandra_storage_port,
                "data_dir": home / "data",
            },
        ),
        start_timeout_seconds=240.0,
        stop_rank=3,
        stop_grace_seconds=30.0,
    )


def cassandra_answers(settings: Settings) -> bool:
    """Whether a CQL query is answered."""
    # A refused connection is what waiting looks like; the driver would warn of each.
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    try:
        with cassandra.session(settings, keyspace="") as session:
            return session.execute("SELECT release_version FROM system.local").one() is not None
    except (FirstcauseError, NoHostAvailable, DriverException):
        return False


def _jvm_options(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]
