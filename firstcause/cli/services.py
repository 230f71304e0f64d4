"""`firstcause up`, `down` and `status`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firstcause.local.service import Service, Task
    from firstcause.settings import Settings

DRIVER_GRACE_SECONDS = 15.0


class Addition(StrEnum):
    """What `up` starts only when it is asked to."""

    MONITORING = "monitoring"


ONLY_HELP = "Only these services, by comma, such as kafka,cassandra,airflow."


def register(app: typer.Typer) -> None:
    """Adds the commands `up`, `down` and `status`."""

    @app.command()
    def up(
        only: Annotated[str, typer.Option(help=ONLY_HELP)] = "",
        more: Annotated[
            list[Addition] | None,
            typer.Option("--with", help="Also Prometheus and Alertmanager, until `down`."),
        ] = None,
    ) -> None:
        """Start the local services; ends when each answers. Harmless when they run already.

        What has crashed is started again. Topics and migrations are applied on the way.
        """
        from firstcause.settings import load_settings

        with_monitoring = Addition.MONITORING in (more or ())
        settings, names = load_settings(), _names(only)
        for service in start_services(settings, names, with_monitoring=with_monitoring):
            if service.address:
                _say(f"{service.name:<22}{service.address}")

    @app.command()
    def down(
        only: Annotated[str, typer.Option(help=ONLY_HELP)] = "",
        wipe: Annotated[
            bool, typer.Option("--wipe", help="Also remove their data; the jars stay.")
        ] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --wipe.")] = False,
    ) -> None:
        """Stop all that `up` started, and the Spark drivers of Airflow; leave the data."""
        from firstcause.local import home
        from firstcause.settings import load_settings

        settings = load_settings()
        names = _names(only)
        if wipe and names:
            raise typer.BadParameter("--wipe removes all data: leave --only away.")
        if wipe and not yes:
            typer.confirm(f"Remove all data below {settings.firstcause_home}?", abort=True)
        stop_services(settings, names)
        if wipe:
            left = home.wipe(settings.firstcause_home)
            _say(f"data below {settings.firstcause_home} removed")
            if left:
                _say(f"there before firstcause was, and left: {', '.join(left)}")

    @app.command()
    def status(
        as_json: Annotated[
            bool, typer.Option("--json", help="One object a line instead of the table.")
        ] = False,
    ) -> None:
        """Show the local services. Exit code 1 when one crashed or does not answer."""
        from firstcause.cli.status_view import print_json, print_table
        from firstcause.local import installation
        from firstcause.local.service_status import service_statuses
        from firstcause.settings import load_settings

        settings = load_settings()
        statuses = service_statuses(settings, installation.local_services(settings))
        if as_json:
            print_json(statuses)
        else:
            print_table(statuses)
        if any(each.is_wrong for each in statuses):
            raise typer.Exit(1)


def start_services(
    settings: Settings,
    names: Sequence[str] = (),
    more: Sequence[Task] = (),
    *,
    with_monitoring: bool = False,
) -> list[Service]:
    """Starts local services, all unless some are named; shows the progress; blocks until ready.

    `more` is done on the way. With monitoring, Prometheus and Alertmanager are started too.

    Raises:
        FirstcauseError: something is missing, or a service died or did not answer in time.
    """
    from firstcause.local import home, installation, monitoring, preflight, shutdown
    from firstcause.local.startup import Startup
    from firstcause.local.startup_view import startup_view

    if with_monitoring:
        monitoring.require_programs()
        names = [*names, *monitoring.MONITORING_NAMES] if names else names
    every = installation.local_services(settings, with_monitoring=with_monitoring)
    services = installation.chosen(every, names)
    tasks = installation.start_tasks(settings, services)
    home.claim(settings.firstcause_home)
    with installation.exclusive(settings, _say):
        shutdown.clear_crashed(settings, services)
        preflight.check(settings, services)
        with startup_view() as show:
            Startup(settings, [*services, *tasks, *more]).run(show)
    return services


def stop_services(settings: Settings, names: Sequence[str] = ()) -> None:
    """Stops local services, all (and the Spark drivers) unless some are named; blocks."""
    from firstcause.local import installation, shutdown
    from spark.driver.process import DriverFiles, stop_driver

    def stop_job(job: str) -> None:
        # Asks the Python driver alone, so that the batch in hand is finished.
        stop_driver(DriverFiles.of(settings, job), grace_seconds=DRIVER_GRACE_SECONDS)

    services = installation.chosen(installation.local_services(settings), names)
    with installation.exclusive(settings, _say):
        stop_one = None if names else stop_job
        shutdown.stop(settings, services, stop_driver=stop_one, tell=_say)


def _names(only: str) -> list[str]:
    from firstcause.local.installation import GROUPS, SERVICE_NAMES
    from firstcause.local.monitoring import MONITORING_NAMES

    names = [name.strip() for name in only.split(",") if name.strip()]
    known = {*SERVICE_NAMES, *MONITORING_NAMES, *GROUPS}
    if unknown := sorted(set(names) - known):
        raise typer.BadParameter(
            f"no service {', '.join(unknown)}; there are {', '.join(sorted(known))}",
            param_hint="--only",
        )
    return names


def _say(line: str) -> None:
    typer.echo(line)
