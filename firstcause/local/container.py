"""What the containers of docker-compose.yml run: `python -m firstcause.local.container ...`.

Airflow's configuration is the one of the local services, made by the same function; variables
named AIRFLOW__ that the container sets itself come first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urljoin

import typer

from firstcause.error_exit import run
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons import airflow
from firstcause.settings import Settings, load_settings
from firstcause.storage.migrations import migrate

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Component = Annotated[str, typer.Argument(help="api-server, scheduler, dag-processor, triggerer")]


def container_environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Airflow's environment in a container. Pure."""
    own = {name: value for name, value in inherited.items() if name.startswith("AIRFLOW__")}
    return {**inherited, **airflow.airflow_environment(settings), **own}


@app.command()
def setup() -> None:
    """Make topics, tables and Airflow's database; harmless when they are there."""
    settings = load_settings()
    ensure_topics(settings)
    migrate(settings)
    airflow.airflow_database_task(settings).run()


@app.command()
def run_airflow(component: Component) -> None:
    """Become one of Airflow's processes."""
    environment = container_environment(load_settings(), os.environ)
    program = str(airflow.airflow_program())
    arguments = [program, *airflow.COMMANDS[f"airflow-{component}"]]
    os.execve(program, arguments, environment)  # noqa: S606 - no shell is what we want


@app.command()
def check_airflow(component: Component) -> None:
    """Exit with 0 when the component is healthy, else with 1."""
    environment = container_environment(load_settings(), os.environ)
    url = urljoin(environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], "/")
    health = airflow.airflow_health(url)
    sys.exit(0 if airflow.is_healthy(health, f"airflow-{component}", since=0.0) else 1)


if __name__ == "__main__":
    run(app)
