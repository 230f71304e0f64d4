"""Runs one Spark batch job in a worker slot until it ends, and stops it when the task is killed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from dags.supervision.driver_operator import LOG_LINES
from dags.supervision.driver_trigger import KILL_GRACE_SECONDS
from dags.supervision.submit import spark_submit_command
from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import last_log_lines
from firstcause.settings import PROJECT_ROOT, Settings, load_settings
from spark.driver.process import DriverFiles, start_driver, stop_driver
from spark.driver.submit import driver_environment


class SparkBatchOperator(BaseOperator):
    """Runs a Spark job in a process of its own and waits for it, in a worker slot.

    The job gets `--result FILE` besides its arguments and writes one JSON object there as the last
    thing it does: that is the task's result. However the task ends (done, time-out, marked failed,
    its worker stopped), the job's processes are ended. What a killed worker leaves is ended by the
    retry before it starts the job again, so there are never two.

    Args:
        job: name of the job; names its files, its log and its process record.
        application: the Python file, from the project's root.
        arguments: of the application; an XCom of them will do.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#f5d4b0"

    def __init__(
        self, *, job: str, application: str, arguments: Sequence[str] | Any = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.application = application
        self.arguments = arguments
        self._killed = False

    def execute(self, context: Any) -> Any:
        """Runs the job; blocks until it has ended. Its log's last lines go into the task's log.

        Raises:
            AirflowFailException: the job cannot even be started; a retry would mend nothing.
            FirstcauseError: it ended without a result.
        """
        settings = load_settings()
        files = DriverFiles.of(settings, self.job)
        result = settings.run_dir / "results" / f"{self.job}.json"
        result.parent.mkdir(parents=True, exist_ok=True)
        result.unlink(missing_ok=True)
        try:
            command = self._command(settings, result)
            record = start_driver(files, command, driver_environment(os.environ))
        except FirstcauseError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Started %s, pid %s; its log is %s.", self.job, record.pid, files.log)
        try:
            if not self._killed:
                _await_end(record)
        finally:
            stop_driver(files, grace_seconds=KILL_GRACE_SECONDS)
            # Of a job that has ended nobody wants to read that it crashed.
            files.record.unlink(missing_ok=True)
            for line in last_log_lines(files.log, LOG_LINES):
                self.log.info("%s | %s", files.log.name, line)
        if not result.exists():
            raise FirstcauseError(
                f"{self.job} ended without a result: read the lines above, or {files.log}."
            )
        return orjson.loads(result.read_bytes())

    def on_kill(self) -> None:
        """Ends the job: the task was marked failed, or its worker is told to stop."""
        self._killed = True
        files = DriverFiles.of(load_settings(), self.job)
        stop_driver(files, grace_seconds=KILL_GRACE_SECONDS, in_turn=False)

    def _command(self, settings: Settings, result: Path) -> list[str]:
        command = spark_submit_command(settings, self.job, PROJECT_ROOT / self.application)
        return [*command, *self.arguments, "--result", str(result)]


def _await_end(record: ProcessRecord) -> None:
    """Blocks until the process has ended; a time-out of the task interrupts it."""
    if record.is_alive():
        try:
            psutil.Process(record.pid).wait()
        except psutil.NoSuchProcess:
            return  # ended between the look and the wait
