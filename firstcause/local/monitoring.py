"""Prometheus and Alertmanager as local services, from Debian's packages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import yaml

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.api import api_reached_at
from firstcause.local.daemons.environment import inherited_environment
from firstcause.local.daemons.http_probe import answer_of
from firstcause.local.service import DEPLOY_DIR, Service, record_path
from firstcause.settings import Settings

MONITORING_NAMES: Final = ("prometheus", "alertmanager")
# Debian's name first, then the publisher's.
PROGRAMS: Final = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
}
KEPT_DAYS: Final = 15
KEPT_MEGABYTES: Final = 1_024


def monitoring_services(settings: Settings) -> list[Service]:
    """Prometheus on `LOCAL_PROMETHEUS_PORT`, Alertmanager on `LOCAL_ALERTMANAGER_PORT`."""
    return [
        _service(
            settings,
            "prometheus",
            "LOCAL_PROMETHEUS_PORT",
            settings.local_prometheus_port,
            (
                f"--storage.tsdb.retention.time={KEPT_DAYS}d",
                f"--storage.tsdb.retention.size={KEPT_MEGABYTES}MB",
                f"--storage.tsdb.path={settings.firstcause_home / 'prometheus' / 'data'}",
            ),
        ),
        _service(
            settings,
            "alertmanager",
            "LOCAL_ALERTMANAGER_PORT",
            settings.local_alertmanager_port,
            (
                # One instance: there is no cluster to gossip with.
                "--cluster.listen-address=",
                f"--storage.path={settings.firstcause_home / 'alertmanager' / 'data'}",
            ),
        ),
    ]


def monitoring_was_started(settings: Settings) -> bool:
    """Whether `up` has started one of them, and `down` has not stopped it since."""
    return any(record_path(settings, name).exists() for name in MONITORING_NAMES)


def require_programs() -> None:
    """Checks that both programs are installed.

    Raises:
        FirstcauseError: one is not; the line says how to get it.
    """
    missing = [name for name in MONITORING_NAMES if find_program(name) is None]
    if missing:
        raise FirstcauseError(
            f"Not installed: {', '.join(missing)}. Install them with: apt-get install -y "
            "prometheus prometheus-alertmanager"
        )


def find_program(name: str) -> Path | None:
    """A program on the PATH; None when there is none.

    What `make prometheus` unpacks is for tests: Debian's Alertmanager runs only where it is
    installed, since it reads a template below /usr/share.
    """
    found = (shutil.which(program) for program in PROGRAMS[name])
    return next((Path(program).absolute() for program in found if program), None)


def local_prometheus_config(shipped: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The shipped configuration with the addresses of local services. Pure.

    Jobs of services that are switched off are left out. The API's key is kept only where the API
    asks for one.
    """
    ports = {
        "analyzer": settings.analyzer_metrics_port,
        "ingest": settings.ingest_metrics_port,
        "prometheus": settings.local_prometheus_port,
        "alertmanager": settings.local_alertmanager_port,
    }
    targets = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    if settings.search_enabled:
        targets["search-indexer"] = f"127.0.0.1:{settings.search_metrics_port}"
    if settings.api_enabled:
        targets["api"] = f"{api_reached_at(settings)}:{settings.api_port}"
    jobs = [
        {
            **_with_key(job, settings, "prometheus"),
            "static_configs": [{"targets": [targets[job["job_name"]]]}],
        }
        for job in shipped["scrape_configs"]
        if job["job_name"] in targets
    ]
    managers = [{"static_configs": [{"targets": [targets["alertmanager"]]}]}]
    return {**shipped, "alerting": {"alertmanagers": managers}, "scrape_configs": jobs}


def local_alertmanager_config(shipped: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The shipped configuration with the address of the local API. Pure."""
    url = f"http://{api_reached_at(settings)}:{settings.api_port}/alerts/alertmanager"
    receivers = []
    for receiver in shipped["receivers"]:
        webhooks = [
            {
                **webhook,
                "url": url,
                "http_config": _with_key(webhook["http_config"], settings, "alertmanager"),
            }
            for webhook in receiver["webhook_configs"]
        ]
        receivers.append({**receiver, "webhook_configs": webhooks})
    return {**shipped, "receivers": receivers}


def _with_key(part: dict[str, Any], settings: Settings, whose: str) -> dict[str, Any]:
    if "authorization" not in part:
        return part
    rest = {name: value for name, value in part.items() if name != "authorization"}
    if settings.api_host in ("127.0.0.1", "::1", "localhost"):
        return rest
    return {**rest, "authorization": {"credentials_file": str(key_file(settings, whose))}}


def key_file(settings: Settings, whose: str) -> Path:
    """Where the API key of Prometheus or Alertmanager is looked for, if the API asks for one."""
    return settings.firstcause_home / whose / "api_key"


def _service(
    settings: Settings, name: str, port_setting: str, port: int, options: tuple[str, ...]
) -> Service:
    home = settings.firstcause_home / name
    program = find_program(name) or Path(PROGRAMS[name][0])
    address = f"http://127.0.0.1:{port}"
    return Service(
        name=name,
        command=(
            str(program),
            f"--config.file={home / f'{name}.yml'}",
            f"--web.listen-address=127.0.0.1:{port}",
            *options,
        ),
        env=inherited_environment(),
        ports={port_setting: port},
        address=address,
        log_file=settings.logs_dir / f"{name}.log",
        is_ready=lambda _record: answer_of(f"{address}/-/ready") is not None,
        prepare=lambda: _prepare(settings, name, home),
        start_timeout_seconds=60.0,
        stop_rank=0,
        stop_grace_seconds=20.0,
    )


def _prepare(settings: Settings, name: str, home: Path) -> None:
    (home / "data").mkdir(parents=True, exist_ok=True)
    shipped = yaml.safe_load((DEPLOY_DIR / name / f"{name}.yml").read_text(encoding="utf-8"))
    if name == "prometheus":
        config = local_prometheus_config(shipped, settings)
        shutil.copyfile(DEPLOY_DIR / name / "rules.yml", home / "rules.yml")
    else:
        config = local_alertmanager_config(shipped, settings)
    text = yaml.safe_dump(config, sort_keys=False)
    (home / f"{name}.yml").write_text(text, encoding="utf-8")
