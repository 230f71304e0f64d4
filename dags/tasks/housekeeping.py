"""What the tasks of the DAG `housekeeping` do."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

# At this hour (UTC) the scheduled run cleans as well.
CLEANING_HOUR = 3
# Runs take their tasks, XComs and reschedules along. Not `trigger`: that of a streaming job is as
# old as its driver.
TABLES = ("dag_run", "log", "job")
# Airflow 3.3 filters this table by a column that it does not have, whenever a DAG is left out. Its
# rows go with their run all the same.
KNOWN_TO_FAIL = {"deadline"}
# Their one run lasts for months.
KEPT_DAGS = ("stream_jobs",)

log = logging.getLogger(__name__)


def rotate_logs() -> list[str]:
    """Sets the large log files of running processes aside; returns their names."""
    from firstcause.local.log_rotation import rotate_large_logs
    from firstcause.settings import load_settings

    return [path.name for path in rotate_large_logs(load_settings().logs_dir)]


def clean_history(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Removes runs, audit entries and task logs that are older than `keep_days`."""
    from firstcause.settings import load_settings

    scheduled = str(dag_run.run_type).rpartition(".")[2].lower() == "scheduled"
    if scheduled and dag_run.run_after.hour != CLEANING_HOUR:
        raise AirflowSkipException(f"Scheduled runs clean at {CLEANING_HOUR}:00 UTC alone.")
    keep = timedelta(days=params["keep_days"])
    before = datetime.now(UTC) - keep
    clean_metadata(before)
    folder = load_settings().firstcause_home / "airflow"
    removed = sum(
        remove_old_files(folder / name, keep.total_seconds())
        for name in ("task-logs", "dag-processor-logs")
    )
    return {"before": before.isoformat(), "log_files_removed": removed}


def clean_metadata(before: datetime) -> None:
    """`airflow db clean`, in a process that may use the database: tasks themselves may not."""
    from firstcause.local.daemons.airflow import METADATA_URL, airflow_program

    url = os.environ[METADATA_URL]
    command = [str(airflow_program()), "db", "clean", "--yes", "--skip-archive"]
    command += ["--error-on-cleanup-failure", "--clean-before-timestamp", before.isoformat()]
    command += ["--tables", ",".join(TABLES), "--exclude-dag-ids", ",".join(KEPT_DAGS)]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": os.environ.get(
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", url
            ),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in (done.stdout + done.stderr).splitlines():
        log.info("%s", line)
    if done.returncode != 0 and failed_tables(done.stdout + done.stderr) != KNOWN_TO_FAIL:
        raise AirflowFailException("airflow db clean failed: read the lines above.")


def failed_tables(output: str) -> set[str]:
    """The tables that `airflow db clean` says it could not clean. Pure."""
    told = re.search(r"did not clean them: \[(.*?)\]", output)
    return set(re.findall(r"'(\w+)'", told[1])) if told else set()


def remove_old_files(folder: Path, keep_seconds: float) -> int:
    """Removes files that nobody has written to for so long, and folders left empty."""
    removed = 0
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif time.time() - path.lstat().st_mtime > keep_seconds:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
