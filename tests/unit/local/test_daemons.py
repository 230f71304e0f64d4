"""What the services are told: rendered files, commands, environments, all from the settings."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from firstcause.env_example import env_example
from firstcause.errors import FirstcauseError
from firstcause.local.container import container_environment
from firstcause.local.daemons.airflow import airflow_environment, create_secrets, is_healthy
from firstcause.local.installation import SERVICE_NAMES, chosen, local_services
from firstcause.local.service import render_config
from firstcause.settings import PROJECT_ROOT, Settings


def settings_in(home: Path, shift: int = 0) -> Settings:
    return Settings(
        firstcause_home=home,
        kafka_bootstrap_servers=f"127.0.0.1:{21001 + shift}",
        local_kafka_controller_port=21002 + shift,
        cassandra_port=21003 + shift,
        local_cassandra_storage_port=21004 + shift,
        local_cassandra_jmx_port=21005 + shift,
        airflow_port=21006 + shift,
        local_postgres_port=21008 + shift,
        analyzer_metrics_port=21007 + shift,
        ingest_http_port=21009 + shift,
        ingest_metrics_port=21010 + shift,
        api_port=21011 + shift,
        search_metrics_port=21012 + shift,
    )


def test_two_installations_share_no_port_and_no_path(tmp_path: Path) -> None:
    homes = tmp_path / "one", tmp_path / "two"
    first, second = (
        local_services(settings_in(home, shift=100 * n)) for n, home in enumerate(homes)
    )
    ports = [port for service in [*first, *second] for port in service.ports.values()]
    assert len(ports) == len(set(ports)) == 24
    for services, other in ((first, homes[1]), (second, homes[0])):
        for service in services:
            assert not service.log_file.is_relative_to(other)
            assert not any(str(other) in part for part in service.command)
            assert not any(str(other) in value for value in service.env.values())


def test_every_service_has_its_name_in_the_list(tmp_path: Path) -> None:
    services = local_services(settings_in(tmp_path))
    assert tuple(service.name for service in services) == SERVICE_NAMES


def test_services_are_chosen_by_name_and_group(tmp_path: Path) -> None:
    services = local_services(settings_in(tmp_path))
    assert len(chosen(services, [])) == len(services)
    assert [service.name for service in chosen(services, ["kafka"])] == ["kafka"]
    assert len(chosen(services, ["airflow"])) == 5
    with pytest.raises(FirstcauseError, match="no service zookeeper"):
        chosen(services, ["zookeeper"])


def test_kafka_and_cassandra_files_are_rendered_with_the_ports(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    by_name = {service.name: service for service in local_services(settings)}
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").touch()  # formatted: no JVM in a unit test
    by_name["kafka"].prepare()
    by_name["cassandra"].prepare()
    properties = (tmp_path / "kafka" / "server.properties").read_text()
    assert "listeners=PLAINTEXT://127.0.0.1:21001,CONTROLLER://127.0.0.1:21002" in properties
    config = yaml.safe_load((tmp_path / "cassandra" / "cassandra.yaml").read_text())
    assert config["native_transport_port"] == 21003
    assert config["storage_port"] == 21004
    assert config["rpc_address"] == config["listen_address"] == "127.0.0.1"
    assert Path(config["data_file_directories"][0]).is_relative_to(tmp_path)


def test_a_template_that_asks_for_more_is_refused(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("port=${port} host=${host}")
    with pytest.raises(FirstcauseError, match="host"):
        render_config(template, tmp_path / "out", {"port": 1})


def test_airflow_gets_the_settings_and_its_connections(tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(update={"spark_master": "spark://host:7077"})
    environment = airflow_environment(settings)
    assert environment == airflow_environment(settings)
    assert environment["KAFKA_LOGS_TOPIC"] == settings.kafka_logs_topic
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert (
        environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
        == f"{environment['AIRFLOW__API__BASE_URL']}/execution/"
    )
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(PROJECT_ROOT / "dags")
    kafka = json.loads(environment["AIRFLOW_CONN_KAFKA_DEFAULT"])
    assert kafka["extra"]["bootstrap.servers"] == "127.0.0.1:21001"
    assert kafka["extra"]["acks"] == "all"
    assert json.loads(environment["AIRFLOW_CONN_SPARK_DEFAULT"])["host"] == "spark://host:7077"


def test_airflows_secrets_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    create_secrets(settings)
    files = sorted((tmp_path / "airflow" / "secrets").iterdir())
    texts = [file.read_text() for file in files]
    assert [file.name for file in files] == ["api_secret_key", "fernet_key", "jwt_secret"]
    assert len(dict(zip([f.name for f in files], texts, strict=True))["jwt_secret"]) == 64
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    create_secrets(settings)
    assert [file.read_text() for file in files] == texts
    environment = airflow_environment(settings)
    assert not any(text in value for text in texts for value in environment.values())


@pytest.mark.parametrize(
    ("heartbeat", "status", "healthy"),
    [
        ("2026-01-01T00:00:20Z", "healthy", True),
        ("2025-12-31T23:59:30Z", "healthy", False),  # of the process before this one
        ("2026-01-01T00:00:20Z", "unhealthy", False),
        (None, None, False),
    ],
)
def test_only_a_heartbeat_of_this_process_counts(
    heartbeat: str | None, status: str | None, healthy: bool
) -> None:
    started_2026 = 1767225600.0
    health = {"scheduler": {"status": status, "latest_scheduler_heartbeat": heartbeat}}
    assert is_healthy(health, "airflow-scheduler", started_2026) is healthy
    assert not is_healthy({}, "airflow-scheduler", started_2026)


def test_a_containers_own_airflow_variables_come_first(tmp_path: Path) -> None:
    own = {"AIRFLOW__API__HOST": "0.0.0.0", "PATH": "/bin"}
    environment = container_environment(settings_in(tmp_path), own)
    assert environment["AIRFLOW__API__HOST"] == "0.0.0.0"
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"


def test_env_example_lists_every_setting_with_its_default() -> None:
    assert (PROJECT_ROOT / ".env.example").read_text() == env_example(), (
        "python -m firstcause.env_example > .env.example"
    )


def test_env_example_describes_every_setting() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_env_example_uncommented_is_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JARS_DIR", raising=False)
    lines = env_example().splitlines()
    values = [line[1:] for line in lines if line.startswith("#") and line[1:2].isupper()]
    (tmp_path / ".env").write_text("\n".join(values))
    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)  # type: ignore[call-arg]
