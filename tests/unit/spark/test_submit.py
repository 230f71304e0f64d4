"""The command and the environment of a driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.airflow import airflow_environment
from firstcause.local.daemons.environment import process_environment
from firstcause.settings import PROJECT_ROOT, Settings
from spark.driver.submit import STREAM_JOBS, driver_environment, submit_command


def test_a_driver_gets_the_settings_and_no_secret(tmp_path: Path) -> None:
    settings = Settings(
        firstcause_home=tmp_path,
        mistral_api_key="the-key",  # type: ignore[arg-type]
        slack_bot_token="the-token",  # type: ignore[arg-type]
        slack_app_token="the-app-token",  # type: ignore[arg-type]
    )
    given = {**process_environment(settings), **airflow_environment(settings)}
    environment = driver_environment(given)
    assert environment["KAFKA_LOGS_TOPIC"] == settings.kafka_logs_topic
    assert not [name for name in environment if "AIRFLOW" in name]
    for secret in ("the-key", "the-token", "the-app-token", "pgpass"):
        assert any(secret in value for value in given.values())
        assert not any(secret in value for value in environment.values())


def test_the_command_names_an_application_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "spark").mkdir()
    settings = Settings(jars_dir=tmp_path)
    with pytest.raises(FirstcauseError, match="make jars"):
        submit_command(settings, "store_logs")
    (tmp_path / "spark" / "a.jar").touch()
    for job in STREAM_JOBS:
        command = submit_command(settings, job)
        assert command[-1] == str(PROJECT_ROOT / "spark" / f"{job}.py")
        assert Path(command[-1]).is_file()
        assert command[command.index("--jars") + 1] == str(tmp_path / "spark" / "a.jar")
