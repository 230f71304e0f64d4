"""Builds the spark-submit command of a driver with Airflow's SparkSubmitHook."""

from __future__ import annotations

from pathlib import Path

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from spark.driver.process import SUBMIT_CONF, at_its_priority, driver_memory
from spark.driver.submit import spark_jars


def spark_submit_command(settings: Settings, job: str, application: Path) -> list[str]:
    """The `spark-submit` command of a driver, by the connection `spark_default`.

    Raises:
        FirstcauseError: the connection, the application or the jars are not there.
    """
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    jars = spark_jars(settings)
    if not application.is_file():
        raise FirstcauseError(f"{application} is not there: the installation is not whole.")
    try:
        # The hook takes a missing connection for YARN, without a word.
        BaseHook.get_connection("spark_default")
    except AirflowNotFoundException as error:
        raise FirstcauseError(
            "Airflow has no connection spark_default: set AIRFLOW_CONN_SPARK_DEFAULT."
        ) from error
    hook = SparkSubmitHook(
        conn_id="spark_default",
        name=f"firstcause-{job}",
        jars=",".join(map(str, jars)),
        driver_memory=driver_memory(settings, job),
        conf=dict(SUBMIT_CONF),
    )
    return at_its_priority(job, hook._build_spark_submit_command(str(application)))
