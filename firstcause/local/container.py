"""The entry point of the containers of docker-compose.yml: `python -m firstcause.local.container`.

Airflow's configuration is the one of the local services, made by the same function; variables
named AIRFLOW__ that the container sets itself come first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import urljoin

import typer

from firstcause.error_exit import run
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons import airflow
from firstcause.settings import Settings, load_settings
from firstcause.storage.migrations import migrate

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Components = Annotated[
    list[str], typer.Argument(help="Of api-server, scheduler, dag-processor, triggerer.")
]
POLL_SECONDS: Final = 0.5


def container_environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Airflow's environment in a container. Pure."""
    own = {name: value for name, value in inherited.items() if name.startswith("AIRFLOW__")}
    environment = {**inherited, **airflow.airflow_environment(settings), **own}
    environment[airflow.METADATA_URL] = environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    return environment


@app.command()
def setup() -> None:
    """Make topics, tables and Airflow's database; harmless when they are there."""
    settings = load_settings()
    ensure_topics(settings)
    migrate(settings)
    airflow.create_secrets(settings)
    log_file = settings.logs_dir / f"{airflow.DATABASE_TASK}.log"
    airflow.migrate_metadata(container_environment(settings, os.environ), log_file)


@app.command()
def run_airflow(components: Components) -> None:
    """Run Airflow's processes; when one of them ends, end the others and exit with its code."""
    environment = container_environment(load_settings(), os.environ)
    program = str(airflow.airflow_program())
    commands = [[program, *airflow.COMMANDS[f"airflow-{one}"]] for one in components]
    sys.exit(run_together(commands, environment))


def run_together(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> int:
    """Runs commands beside each other until one ends or SIGTERM comes; returns the exit code.

    The others get SIGTERM then; whoever started this program sees to it that they end in time.
    """
    processes: list[subprocess.Popen[bytes]] = []

    def end_all(*_: object) -> None:
        for process in processes:
            process.terminate()

    signal.signal(signal.SIGTERM, end_all)
    for command in commands:
        processes.append(subprocess.Popen(list(command), env=dict(environment)))  # noqa: PERF401
    while not (ended := [one for one in processes if one.poll() is not None]):
        time.sleep(POLL_SECONDS)
    end_all()
    for process in processes:
        process.wait()
    return ended[0].returncode


@app.command()
def check_airflow(components: Components) -> None:
    """Exit with 0 when the components are healthy, else with 1."""
    environment = container_environment(load_settings(), os.environ)
    url = urljoin(environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], "/")
    health = airflow.airflow_health(url)
    well = all(airflow.is_healthy(health, f"airflow-{one}", since=0.0) for one in components)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    run(app)
