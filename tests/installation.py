"""An installation of the product for tests: own ports, own home, the project's own jars."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from tests.command_line import firstcause

UP_TIMEOUT_SECONDS = 420

# Below the range from which the system takes ports for outgoing connections. Test processes that
# run beside each other choose from halves of it, so that they never choose the same.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
PORTS = range(26_000, 32_000) if WORKER == "gw1" else range(20_000, 26_000)


@dataclass(frozen=True)
class Installation:
    """One installation, running or not. `settings` names its addresses and its home."""

    settings: Settings

    @property
    def home(self) -> Path:
        return self.settings.firstcause_home

    @property
    def env(self) -> dict[str, str]:
        """What a process of the product needs to belong to this installation."""
        return {**os.environ, **settings_environment(self.settings)}

    def run(
        self, *arguments: str, env: dict[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs `firstcause ARGUMENTS` to its end; with `check` a failure fails the test."""
        done = firstcause(
            {**self.env, **(env or {})}, *arguments, timeout_seconds=UP_TIMEOUT_SECONDS
        )
        if check and done.returncode != 0:
            told = f"{done.stdout}\n{done.stderr}"
            raise AssertionError(f"firstcause {' '.join(arguments)}: {done.returncode}\n{told}")
        return done

    def up(self, only: str) -> None:
        self.run("up", "--only", only)

    def stop(self) -> None:
        """Stops all of it and removes its data; the log files stay for whoever looks."""
        try:
            self.run("down")
        finally:
            for name in ("kafka", "cassandra", "postgres", "checkpoints"):
                shutil.rmtree(self.home / name, ignore_errors=True)

    def fresh_names(self) -> Settings:
        """These settings with topics, keyspace and group that nobody has used yet."""
        suffix = uuid.uuid4().hex[:8]
        return self.settings.model_copy(
            update={
                "kafka_logs_topic": f"logs_{suffix}",
                "kafka_spans_topic": f"spans_{suffix}",
                "kafka_dead_letter_topic": f"logs_dead_letter_{suffix}",
                "kafka_alerts_topic": f"incident_alerts_{suffix}",
                "kafka_escalations_topic": f"incident_escalations_{suffix}",
                "cassandra_keyspace": f"firstcause_{suffix}",
                "ingest_group": f"ingest_{suffix}",
                "search_group": f"search_indexer_{suffix}",
                "analyzer_group": f"batch_consumer_group_{suffix}",
            }
        )


def new_installation(home: Path, **overrides: object) -> Installation:
    """An installation on free ports; nothing is started."""
    kafka, controller, cql, storage, jmx, airflow, postgres, metrics, http, bridge, api, indexer = (
        free_ports(12)
    )
    fields: dict[str, object] = {
        "firstcause_home": home,
        "kafka_bootstrap_servers": f"127.0.0.1:{kafka}",
        "local_kafka_controller_port": controller,
        "cassandra_port": cql,
        "local_cassandra_storage_port": storage,
        "local_cassandra_jmx_port": jmx,
        "airflow_port": airflow,
        "local_postgres_port": postgres,
        "analyzer_metrics_port": metrics,
        "ingest_http_port": http,
        "ingest_metrics_port": bridge,
        "api_port": api,
        "search_metrics_port": indexer,
        "local_cassandra_heap": "1024m",
        # Services stand idle between tests, and drivers are killed: no incident comes of that.
        "pipeline_silent_seconds": 86_400.0,
        "pipeline_stalled_seconds": 86_400.0,
        **overrides,
    }
    return Installation(Settings(**fields))  # type: ignore[arg-type]


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("::", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
