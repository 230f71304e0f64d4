"""Starts the Spark drivers while Airflow comes up; `stream_jobs` then watches them."""

from __future__ import annotations

from firstcause.local.daemons.environment import process_environment
from firstcause.local.service import Task
from firstcause.settings import Settings
from spark.driver.process import DriverFiles, running_driver, start_driver
from spark.driver.submit import STORE_JOBS, driver_environment, submit_command


def early_drivers(settings: Settings) -> Task:
    """The task of a start that starts the drivers once they can work."""
    return Task(
        "drivers",
        lambda: start_drivers(settings),
        depends_on=frozenset({"topics", "migrations"}),
    )


def start_drivers(settings: Settings) -> None:
    """Starts the driver of each store job that has none. Does not wait until they work.

    The other jobs are left to `stream_jobs`: more JVMs at once would hold up the services' start.
    """
    environment = driver_environment(process_environment(settings))
    for job in STORE_JOBS:
        files = DriverFiles.of(settings, job)
        if running_driver(files) is None:
            start_driver(files, submit_command(settings, job), environment)
