"""Builds the command and environment of a job's driver, without Airflow."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from pydantic import SecretStr

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.airflow import METADATA_URL
from firstcause.settings import PROJECT_ROOT, Settings
from spark.driver.process import SUBMIT_CONF, at_its_priority, driver_memory

# The jobs that `stream_jobs` keeps running: each is `spark/NAME.py`.
STORE_JOBS: Final = ("store_logs", "store_spans")
STREAM_JOBS: Final = (*STORE_JOBS, "window_metrics", "escalations")

# A driver needs none of them, and shows its environment to whoever may look at the process.
SECRETS: Final = frozenset(
    name.upper()
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
) | {METADATA_URL}


def submit_command(settings: Settings, job: str) -> list[str]:
    """The `spark-submit` command of a streaming job, as the settings say.

    Airflow builds its own from the connection `spark_default`, which the settings make too.

    Raises:
        FirstcauseError: Spark's jars are not there.
    """
    submit = [
        "spark-submit",
        *("--master", settings.spark_master),
        *("--driver-memory", driver_memory(settings, job)),
        *("--jars", ",".join(map(str, spark_jars(settings)))),
        *(part for item in SUBMIT_CONF.items() for part in ("--conf", "=".join(item))),
        str(PROJECT_ROOT / "spark" / f"{job}.py"),
    ]
    return at_its_priority(job, submit)


def spark_jars(settings: Settings) -> list[Path]:
    """The jars that every driver gets.

    Raises:
        FirstcauseError: there are no jars.
    """
    jars = sorted((settings.jars_dir / "spark").glob("*.jar"))
    if not jars:
        raise FirstcauseError(f"No Spark jars in {settings.jars_dir / 'spark'}: run `make jars`.")
    return jars


def driver_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a driver: this one's, without Airflow's and without secrets."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.lstrip("_").startswith("AIR") and name not in SECRETS
    }
    binaries = Path(sys.executable).parent
    return {
        **kept,
        "PATH": f"{binaries}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT_ROOT), kept.get("PYTHONPATH")))),
        "PYSPARK_PYTHON": sys.executable,
    }
