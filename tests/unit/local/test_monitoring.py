"""Prometheus and Alertmanager as local services: chosen, found, configured; nothing is started."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from firstcause.errors import FirstcauseError
from firstcause.local.installation import chosen, local_services
from firstcause.local.monitoring import (
    MONITORING_NAMES,
    find_program,
    local_alertmanager_config,
    local_prometheus_config,
    monitoring_services,
    require_programs,
)
from firstcause.local.service import record_path
from firstcause.settings import PROJECT_ROOT, Settings

DEPLOY = PROJECT_ROOT / "deploy"


def settings_in(home: Path, **changes: Any) -> Settings:
    return Settings(firstcause_home=home, _env_file=None, **changes)  # type: ignore[call-arg]


def shipped(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name / f"{name}.yml").read_text())
    return found


def names_of(settings: Settings, **wanted: bool) -> set[str]:
    return {service.name for service in local_services(settings, **wanted)}


def test_they_are_started_only_when_asked_for_and_known_until_down(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert not names_of(settings) & set(MONITORING_NAMES)
    assert names_of(settings, with_monitoring=True) >= set(MONITORING_NAMES)
    record = record_path(settings, "prometheus")
    record.parent.mkdir(parents=True)
    record.touch()
    assert names_of(settings) >= set(MONITORING_NAMES)
    group = chosen(local_services(settings), ["monitoring"])
    assert tuple(service.name for service in group) == MONITORING_NAMES


def test_a_missing_program_is_one_line_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirstcauseError) as caught:
        require_programs()
    assert "apt-get install -y prometheus prometheus-alertmanager" in str(caught.value)
    assert "\n" not in str(caught.value)
    for program in ("prometheus", "prometheus-alertmanager"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    require_programs()
    assert find_program("alertmanager") == tmp_path / "prometheus-alertmanager"


def test_prometheus_asks_the_local_services_at_their_ports(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, analyzer_metrics_port=20001, api_port=20002)
    config = local_prometheus_config(shipped("prometheus"), settings)
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == {job["job_name"] for job in shipped("prometheus")["scrape_configs"]}
    assert jobs["analyzer"]["static_configs"] == [{"targets": ["127.0.0.1:20001"]}]
    assert jobs["api"] == {
        "job_name": "api",
        "static_configs": [{"targets": ["127.0.0.1:20002"]}],
    }


def test_what_is_switched_off_is_not_missed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, search_enabled=False, api_enabled=False)
    config = local_prometheus_config(shipped("prometheus"), settings)
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert jobs == {"analyzer", "ingest", "prometheus", "alertmanager"}


def test_beyond_loopback_the_key_is_read_from_a_file(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, api_host="0.0.0.0")
    config = local_prometheus_config(shipped("prometheus"), settings)
    [api] = [job for job in config["scrape_configs"] if job["job_name"] == "api"]
    expected = str(tmp_path / "prometheus" / "api_key")
    assert api["authorization"] == {"credentials_file": expected}
    receivers = local_alertmanager_config(shipped("alertmanager"), settings)["receivers"]
    [webhook] = receivers[0]["webhook_configs"]
    assert webhook["url"] == "http://127.0.0.1:18090/alerts/alertmanager"
    expected = str(tmp_path / "alertmanager" / "api_key")
    assert webhook["http_config"]["authorization"] == {"credentials_file": expected}


def test_their_own_tools_take_what_is_written(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    for service in monitoring_services(settings):
        service.prepare()
    checks = {
        "promtool": ("check", "config", str(tmp_path / "prometheus" / "prometheus.yml")),
        "amtool": ("check-config", str(tmp_path / "alertmanager" / "alertmanager.yml")),
    }
    for tool, check in checks.items():
        unpacked = Settings().jars_dir / "debian" / "usr" / "bin"
        program = shutil.which(tool) or shutil.which(tool, path=unpacked)
        if program is None:
            pytest.skip(f"{tool} is not here: make prometheus fetches it")
        done = subprocess.run([program, *check], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
