"""The local Airflow: four processes with LocalExecutor, their metadata in PostgreSQL."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.airflow_pools import PARALLELISM
from firstcause.local.daemons.environment import process_environment, settings_environment
from firstcause.local.daemons.http_probe import answer_of
from firstcause.local.daemons.postgres import ensure_database, metadata_url
from firstcause.local.daemons.secret_file import secret_file
from firstcause.local.service import Service, Task, last_log_lines
from firstcause.settings import PROJECT_ROOT, Settings

# Names the metadata to `housekeeping`: Airflow takes its own variable away from tasks.
METADATA_URL: Final = "FIRSTCAUSE_METADATA_URL"

DATABASE_TASK: Final = "airflow-database"
MIGRATE_TIMEOUT_SECONDS: Final = 300.0
# A process's start and its first heartbeat are told by clocks that may be corrected between them.
HEARTBEAT_TOLERANCE_SECONDS: Final = 2.0

# Component names as the health endpoint spells them, by service name.
HEALTH_KEYS: Final = {
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag_processor",
    "airflow-triggerer": "triggerer",
}

COMMANDS: Final = {
    "airflow-api-server": ("api-server",),
    # The log servers would listen on all interfaces; the logs lie on this disk anyway.
    "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
    "airflow-dag-processor": ("dag-processor",),
    "airflow-triggerer": ("triggerer", "--skip-serve-logs"),
}

SECRET_NAMES: Final = ("fernet_key", "jwt_secret", "api_secret_key")


def airflow_environment(settings: Settings) -> dict[str, str]:
    """What Airflow and its tasks need beside the caller's own environment. Pure.

    Holds all settings (so that a task reads the same ones), Airflow's configuration and the
    connections `kafka_default` (to produce) and `spark_default`. Airflow reads its own secrets
    from the files that `create_secrets` made.
    """
    home = settings.firstcause_home / "airflow"
    url = f"http://127.0.0.1:{settings.airflow_port}"
    configuration = {
        "CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "dags" / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(PARALLELISM),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY_CMD": _read_secret(home, "fernet_key"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(settings.airflow_port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY_CMD": _read_secret(home, "api_secret_key"),
        "API_AUTH__JWT_SECRET_CMD": _read_secret(home, "jwt_secret"),
        "DATABASE__SQL_ALCHEMY_CONN": metadata_url(settings),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata_url(settings),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        # A file that has changed is read at once anyway.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "LOGGING__BASE_LOG_FOLDER": str(home / "task-logs"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "dag-processor-logs"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        # A killed task worker is noticed within seconds, not after five minutes.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    }
    connections = {
        "KAFKA_DEFAULT": _connection("kafka", extra=_producer_config(settings)),
        "SPARK_DEFAULT": _connection(
            "spark",
            host=settings.spark_master,
            extra={"deploy-mode": "client", "spark-binary": "spark-submit"},
        ),
    }
    return {
        **settings_environment(settings),
        "AIRFLOW_HOME": str(home),
        METADATA_URL: metadata_url(settings),
        # Without it Spark's workers take the system's Python and miss our packages.
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        **{f"AIRFLOW__{name}": value for name, value in configuration.items()},
        **{f"AIRFLOW_CONN_{name}": value for name, value in connections.items()},
    }


def airflow_services(settings: Settings) -> list[Service]:
    """The api-server, which serves the UI, the scheduler, the dag-processor, the triggerer."""
    return [_service(settings, name, command) for name, command in COMMANDS.items()]


def airflow_database_task(settings: Settings) -> Task:
    """Makes Airflow's secrets and database, or brings them up to this version of Airflow."""
    log_file = settings.logs_dir / f"{DATABASE_TASK}.log"
    return Task(
        DATABASE_TASK,
        lambda: _make_database(settings, log_file),
        log_file,
        frozenset({"postgres"}),
    )


def airflow_program() -> Path:
    """The `airflow` command of this Python's environment."""
    return Path(sys.executable).parent / "airflow"


def airflow_health(base_url: str) -> dict[str, Any]:
    """What the health endpoint says; empty while it does not answer within 3 s."""
    response = answer_of(f"{base_url.rstrip('/')}/api/v2/monitor/health")
    try:
        health = response.json() if response is not None else {}
    except ValueError:
        return {}
    return health if isinstance(health, dict) else {}


def is_healthy(health: dict[str, Any], service_name: str, since: float) -> bool:
    """Whether a process started at `since` (seconds since the epoch) is healthy.

    Airflow keeps a component healthy for a while after its last heartbeat, so a heartbeat of
    the process before this one does not count. The api-server is healthy when its database is.
    """
    key = HEALTH_KEYS.get(service_name)
    if key is None:
        return bool((health.get("metadatabase") or {}).get("status") == "healthy")
    component = health.get(key) or {}
    heartbeat = component.get(f"latest_{key}_heartbeat")
    if component.get("status") != "healthy" or not heartbeat:
        return False
    return datetime.fromisoformat(heartbeat).timestamp() >= since - HEARTBEAT_TOLERANCE_SECONDS


def create_secrets(settings: Settings) -> None:
    """Makes the keys that Airflow signs and encrypts with, once; readable by the owner alone."""
    folder = settings.firstcause_home / "airflow" / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in SECRET_NAMES:
        # Its own 64 characters are what HS512, which signs Airflow's tokens, asks for.
        text = Fernet.generate_key().decode() if name == "fernet_key" else None
        secret_file(folder / name, text)


def _service(settings: Settings, name: str, command: tuple[str, ...]) -> Service:
    is_api = name == "airflow-api-server"
    address = f"http://127.0.0.1:{settings.airflow_port}"
    # Only the scheduler starts runs, so only it waits for what runs need.
    needs = {DATABASE_TASK} | ({"topics", "migrations"} if name == "airflow-scheduler" else set())
    return Service(
        name=name,
        command=(str(airflow_program()), *command),
        env={**process_environment(settings), **airflow_environment(settings)},
        ports={"AIRFLOW_PORT": settings.airflow_port} if is_api else {},
        address=address if is_api else "",
        log_file=settings.logs_dir / f"{name}.log",
        is_ready=lambda record: is_healthy(airflow_health(address), name, record.create_time),
        depends_on=frozenset(needs),
        start_timeout_seconds=240.0,
        stop_rank=0,
        # The triggerer would wait 10 s for its runner; triggers are kept in the database.
        stop_grace_seconds=3.0 if name == "airflow-triggerer" else 10.0,
    )


def _read_secret(home: Path, name: str) -> str:
    return f"cat {shlex.quote(str(home / 'secrets' / name))}"


def _connection(conn_type: str, *, host: str | None = None, extra: dict[str, Any]) -> str:
    fields = {"conn_type": conn_type, "host": host, "extra": extra}
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def _producer_config(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "acks": "all",
        "enable.idempotence": True,
        "message.max.bytes": settings.kafka_max_message_bytes,
        "compression.type": "lz4",
        # As Kafka's own clients choose, so that a service has one partition whoever sends.
        "partitioner": "murmur2_random",
        "delivery.timeout.ms": 120_000,
    }


def _make_database(settings: Settings, log_file: Path) -> None:
    create_secrets(settings)
    done = settings.firstcause_home / "postgres" / f"airflow-{version('apache-airflow')}"
    if done.exists():
        return
    ensure_database(settings)
    migrate_metadata({**process_environment(settings), **airflow_environment(settings)}, log_file)
    done.touch()


def migrate_metadata(environment: Mapping[str, str], log_file: Path) -> None:
    """Makes or upgrades the tables of Airflow's metadata, and its pools. Blocks for a minute.

    Harmless when repeated. `environment` is Airflow's, whole.

    Raises:
        FirstcauseError: it did not work; the log's last lines say why.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        result = subprocess.run(
            [sys.executable, "-m", "firstcause.local.daemons.airflow_metadata"],
            env=dict(environment),
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=MIGRATE_TIMEOUT_SECONDS,
            check=False,
        )
    if result.returncode != 0:
        why = " | ".join(last_log_lines(log_file, 3))
        raise FirstcauseError(f"Airflow's database could not be made: {why} (see {log_file})")
