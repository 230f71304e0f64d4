"""Keeps one streaming driver running: starts it detached, defers, restarts it when it dies."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from dags.supervision.driver_trigger import (
    KILL_GRACE_SECONDS,
    SETTLED_SECONDS,
    DriverTrigger,
    file_fields,
    record_fields,
    record_of,
)
from dags.supervision.submit import spark_submit_command
from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import last_log_lines
from firstcause.settings import PROJECT_ROOT, Settings, load_settings
from firstcause.streams.progress import Progress
from spark.driver.process import (
    DriverFiles,
    running_driver,
    start_driver,
    stop_driver,
)
from spark.driver.restart_budget import RestartBudget
from spark.driver.stall_watch import StallLimits
from spark.driver.submit import driver_environment

# A batch may be long; its end is worth waiting for when nobody is in a hurry.
FINISH_GRACE_SECONDS = 60.0
LOG_LINES = 20

# What the task keeps from one try to the next.
STATE_OF_A_RUN = ("marks", "restarts", "stuck", "ended")


class StreamingDriverOperator(BaseOperator):
    """Supervises the driver of one Spark Structured Streaming job, without a worker slot.

    `execute` starts the driver, or finds it again (after a crash of the worker, a clear, a new
    run), and defers to `DriverTrigger`. When the driver died or stalled, `resume` starts a new
    one and defers again; that uses up no Airflow retry, but the restart budget. The task ends
    only by a person, by `run_for_seconds`, or when the budget is spent.

    Args:
        job: name of the job; names its files, its log and its process record.
        application: the Python file, from the project's root.
        run_for_seconds: finish the stream after so long, gracefully, and succeed; 0 for never.
        budget: how often a driver may be restarted.
        limits: when a driver counts as stalled; by default those of the settings.
    """

    template_fields: Sequence[str] = ("run_for_seconds",)
    ui_color = "#f5d4b0"

    def __init__(
        self,
        *,
        job: str,
        application: str,
        run_for_seconds: str | float = 0,
        budget: RestartBudget | None = None,
        limits: StallLimits | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.application = application
        self.run_for_seconds = run_for_seconds
        self.budget = budget
        self.limits = limits
        self._killed = False

    def execute(self, context: Any) -> NoReturn:
        """Starts the driver or finds the one that runs, then defers. Blocks for seconds."""
        settings = load_settings()
        files = DriverFiles.of(settings, self.job)
        store = context["task_state_store"]
        if store.get("ended"):
            # A person cleared a task that was over: what failed before is mended, and forgotten.
            for name in STATE_OF_A_RUN:
                store.delete(name)
        if "run_until" not in (store.get("marks") or {}):
            seconds = float(self.run_for_seconds)
            marks = {"run_until": time.time() + seconds if seconds > 0 else 0.0}
            store.set("marks", marks, retention=NEVER_EXPIRE)
        known = store.get("driver")
        try:
            record = running_driver(files, record_of(known) if known else None)
        except FirstcauseError as error:
            raise AirflowFailException(str(error)) from error  # a retry would mend nothing
        if record is not None:
            self.log.info("Found driver %s of %s running; watching it.", record.pid, self.job)
        else:
            record = self._start(context, settings, files)
        self._watch(context, settings, files, record)

    def resume(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Takes the trigger's event: restarts the driver and defers, or ends the task.

        A driver that somebody else has started after the death, such as `firstcause demo`, is
        watched instead.
        """
        settings = load_settings()
        files = DriverFiles.of(settings, self.job)
        if event["status"] == "finished":
            stop_driver(files, grace_seconds=FINISH_GRACE_SECONDS)
            context["task_state_store"].set("ended", True, retention=NEVER_EXPIRE)
            return {"job": self.job, "restarts": len(self._restarts(context))}
        other = running_driver(files)
        if event["status"] == "dead" and other is not None and other.pid != event["pid"]:
            self.log.info("Driver %s of %s runs already; watching it.", other.pid, self.job)
            context["task_state_store"].set("driver", record_fields(other), retention=NEVER_EXPIRE)
            self._watch(context, settings, files, other)
        return self._restart(context, settings, files, event)

    def on_kill(self) -> None:
        """Stops the driver: the task was killed in the seconds when it held a worker.

        Airflow calls it in a signal handler and lets the task go on, so `_start` looks again.
        """
        self._killed = True
        files = DriverFiles.of(load_settings(), self.job)
        stop_driver(files, grace_seconds=KILL_GRACE_SECONDS, in_turn=False)

    def _restart(
        self, context: Any, settings: Settings, files: DriverFiles, event: dict[str, Any]
    ) -> NoReturn:
        self.log.warning("Driver %s of %s: %s.", event["pid"], self.job, event["reason"])
        for line in last_log_lines(files.log, LOG_LINES):
            self.log.info("%s | %s", files.log.name, line)
        if event["status"] == "fatal":
            self._give_up(context, files, event["reason"])
        now, restarts, budget = time.time(), self._restarts(context), self._budget
        if not budget.allows(restarts, now):
            self._give_up(
                context,
                files,
                f"{self.job} was restarted {budget.max_restarts} times within "
                f"{budget.within_seconds / 60:.0f} minutes and failed again "
                f"({event['reason']}). Read {files.log}, mend the cause, then clear this task.",
            )
        store = context["task_state_store"]
        stuck = self._restarts_without_batch(store, files)
        known = store.get("driver")
        # One that died at once is counted by the other budget.
        slow = bool(known) and now - record_of(known).create_time >= SETTLED_SECONDS
        if slow and not budget.allows_without_batch(stuck["restarts"], now):
            self._give_up(
                context,
                files,
                f"{self.job} was restarted {len(stuck['restarts'])} times and has not finished one "
                f"batch since ({event['reason']}). Read {files.log}, mend the cause, then clear "
                "this task.",
            )
        stuck["restarts"] += [now] if slow else []
        store.set("stuck", stuck, retention=NEVER_EXPIRE)
        store.set("restarts", [*budget.spent(restarts, now), now], retention=NEVER_EXPIRE)
        record = self._start(context, settings, files)
        self._watch(context, settings, files, record)

    @staticmethod
    def _restarts_without_batch(store: Any, files: DriverFiles) -> dict[str, Any]:
        """The restarts since the batch that is the last finished one now."""
        progress = Progress.read(files.progress)
        batch_id = progress.batch_id if progress else -1
        stuck: dict[str, Any] = store.get("stuck") or {}
        kept = stuck.get("restarts", []) if stuck.get("batch_id") == batch_id else []
        return {"batch_id": batch_id, "restarts": list(kept)}

    @property
    def _budget(self) -> RestartBudget:
        return self.budget or RestartBudget()

    def _restarts(self, context: Any) -> list[float]:
        return [float(moment) for moment in context["task_state_store"].get("restarts") or ()]

    def _start(self, context: Any, settings: Settings, files: DriverFiles) -> ProcessRecord:
        try:
            command = spark_submit_command(settings, self.job, PROJECT_ROOT / self.application)
        except FirstcauseError as error:
            raise AirflowFailException(str(error)) from error  # a retry would mend nothing
        record = start_driver(files, command, driver_environment(os.environ))
        if self._killed:
            self._give_up(context, files, f"{self.job} was stopped while it started.")
        store = context["task_state_store"]
        store.set("driver", record_fields(record), retention=NEVER_EXPIRE)
        self.log.info("Started driver %s of %s; its log is %s.", record.pid, self.job, files.log)
        return record

    def _watch(
        self, context: Any, settings: Settings, files: DriverFiles, record: ProcessRecord
    ) -> NoReturn:
        store = context["task_state_store"]
        restarts = self._restarts(context)
        self.defer(
            trigger=DriverTrigger(
                record=record_fields(record),
                files=file_fields(files),
                limits=asdict(self.limits or StallLimits.of(settings)),
                run_until=float(store.get("marks")["run_until"]),
                restart_delay_seconds=self._budget.delay_seconds(restarts, time.time()),
            ),
            method_name="resume",
        )
        raise AssertionError("defer() always raises")

    def _give_up(self, context: Any, files: DriverFiles, reason: str) -> NoReturn:
        context["task_state_store"].set("ended", True, retention=NEVER_EXPIRE)
        stop_driver(files, grace_seconds=KILL_GRACE_SECONDS)
        raise AirflowFailException(reason)
