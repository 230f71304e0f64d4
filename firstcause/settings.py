"""Settings: environment variables or `.env` at the project's root, every one with a default.

`.env.example` lists them all; a unit test keeps the two alike.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from firstcause.api_settings import ApiSettings
from firstcause.hot_state.settings import HotStateSettings
from firstcause.ingest_settings import IngestSettings
from firstcause.local_settings import LocalSettings
from firstcause.search_settings import SearchSettings
from firstcause.slack_settings import SlackSettings
from firstcause.spark_settings import SparkSettings

PROJECT_ROOT = Path(__file__).resolve().parent.parent

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(
    SlackSettings,
    IngestSettings,
    ApiSettings,
    SearchSettings,
    HotStateSettings,
    SparkSettings,
    LocalSettings,
    BaseSettings,
):
    """All settings of one installation. Immutable; read once a process through `load_settings`.

    Paths that are not absolute are taken from the project's root.
    """

    model_config = SettingsConfigDict(
        # Tests name another file, so that nobody's credentials get into them.
        env_file=os.environ.get("FIRSTCAUSE_ENV_FILE", PROJECT_ROOT / ".env"),
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        # What does not fit may be a secret.
        hide_input_in_errors=True,
    )

    firstcause_home: Path = Field(
        default=Path(".firstcause"),
        description="Data, logs and checkpoints of the local services",
    )
    jars_dir: Path = Field(
        default=Path(".firstcause/jars"),
        description="Service jars, a folder each of kafka, cassandra, spark; `make` fills it",
    )

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:19092", description="Kafka; a loopback address is started by `up`"
    )
    kafka_logs_topic: str = Field(default="logs", description="Log events")
    kafka_spans_topic: str = Field(default="spans", description="Spans of traces; optional")
    kafka_dead_letter_topic: str = Field(
        default="logs_dead_letter", description="What could not be read, unchanged"
    )
    kafka_alerts_topic: str = Field(default="incident_alerts", description="Alerts of the streams")
    kafka_escalations_topic: str = Field(
        default="incident_escalations", description="Escalations of the streams"
    )
    kafka_logs_partitions: int = Field(
        default=6, ge=1, description="Partitions of a topic when it is created"
    )
    kafka_replication_factor: int | None = Field(
        default=None,
        ge=1,
        description="Replicas of a topic when it is created; unset: 3, or one a broker",
    )
    kafka_dead_letter_max_bytes: int = Field(
        default=4 * 1024**3,
        ge=64 * 1024**2,
        description="Most that the dead letters take; the oldest go first, from half of it on",
    )
    kafka_dead_letter_days: int = Field(
        default=30, ge=1, description="How long a dead letter is kept at the most"
    )
    kafka_max_message_bytes: int = Field(
        default=2 * 1024 * 1024, ge=1024, description="Largest log event that Kafka takes"
    )

    cassandra_contact_points: str = Field(
        default="127.0.0.1",
        description="Cassandra hosts, by comma; a loopback address is started by `up`",
    )
    cassandra_port: int = Field(default=19042, description="CQL port")
    cassandra_keyspace: str = Field(
        default="firstcause", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="Keyspace"
    )
    cassandra_replication_factor: int | None = Field(
        default=None,
        ge=1,
        description="Replicas of the keyspace when it is created; unset: 3, or one a node",
    )

    mistral_api_key: SecretStr | None = Field(
        default=None, description="Without it: a deterministic report that says it is one"
    )
    mistral_model: str = Field(default="mistral-small-latest", description="Model of the analysis")
    mistral_server_url: str = Field(default="https://api.mistral.ai", description="API address")
    prompts_dir: Path = Field(
        default=Path("log_analyzer/prompts"), description="Prompt templates; edit them freely"
    )

    analyzer_group: str = Field(default="batch_consumer_group", description="Consumer group")
    analyzer_batch_size: int = Field(default=10, ge=1, description="Errors of a batch")
    analyzer_batch_wait_seconds: float = Field(
        default=2.0, gt=0, description="Longest wait until a batch is full"
    )
    analyzer_llm_tokens_per_hour: int = Field(
        default=200_000, ge=0, description="Beyond it the deterministic report goes out"
    )
    analyzer_llm_tokens_per_day: int = Field(
        default=1_000_000, ge=0, description="The same for a day (UTC), of all instances together"
    )
    analyzer_llm_calls_per_incident: int = Field(
        default=3, ge=0, description="Model calls for one incident at the most"
    )
    analyzer_quiet_seconds: float = Field(
        default=900.0, gt=0, description="An incident without errors for so long is resolved"
    )
    analyzer_reopen_seconds: float = Field(
        default=3600.0, ge=0, description="A resolved incident that returns within it reopens"
    )
    analyzer_gather_seconds: float = Field(
        default=1.5, ge=0, description="Time for the groups of one cause before the first message"
    )
    analyzer_metrics_host: str = Field(
        default="127.0.0.1", description="Address that the metrics are served on"
    )
    analyzer_metrics_port: int = Field(default=19464, description="Prometheus metrics, health")

    evaluation_cases_dir: Path | None = Field(
        default=None,
        description="Labelled cases of your own for `evaluate_root_cause`, absolute folders with a "
        "colon between, one a system; unset: generated ones",
    )

    alert_rules: Path = Field(
        default=Path("anomaly_rules.yaml"),
        description="Rules of alerts; a saved change is in force without a restart",
    )
    alert_history_hours: int = Field(
        default=24, ge=1, le=336, description="The past that alert rules learn from at a start"
    )
    objectives: Path = Field(
        default=Path("objectives.yaml"),
        description="Objectives, as OpenSLO has them; a saved change is in force without a restart",
    )

    airflow_port: int = Field(default=18080, description="Airflow UI and API")

    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else JSON lines"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important log lines to write"
    )

    @field_validator(
        "firstcause_home",
        "jars_dir",
        "prompts_dir",
        "alert_rules",
        "objectives",
        "slack_routes",
        "notifications",
        "ingest_sources_file",
        "evaluation_cases_dir",
    )
    @classmethod
    def _from_project_root(cls, path: Path | None) -> Path | None:
        return None if path is None else (PROJECT_ROOT / path.expanduser()).resolve()

    @property
    def cassandra_hosts(self) -> list[str]:
        """The contact points as a list."""
        return [host.strip() for host in self.cassandra_contact_points.split(",") if host.strip()]

    @property
    def kafka_is_local(self) -> bool:
        """True when Kafka's first address is on loopback, so that `up` starts it."""
        return self.kafka_bootstrap_servers.split(",")[0].rpartition(":")[0] in LOOPBACK_HOSTS

    @property
    def kafka_port(self) -> int:
        """The port of Kafka's first address."""
        return int(self.kafka_bootstrap_servers.split(",")[0].rpartition(":")[2])

    @property
    def cassandra_is_local(self) -> bool:
        """True when Cassandra's first contact point is on loopback, so that `up` starts it."""
        return self.cassandra_hosts[0] in LOOPBACK_HOSTS

    @property
    def incident_url(self) -> str | None:
        """The page of an incident with `{incident_id}`; None when no address of it is known."""
        if self.slack_incident_url or self.api_public_url is None:
            return self.slack_incident_url
        return f"{self.api_public_url.rstrip('/')}/ui/incidents/{{incident_id}}"

    @property
    def checkpoints_dir(self) -> Path:
        """Where streaming jobs keep their checkpoints, one folder a job; never temporary."""
        return self.firstcause_home / "checkpoints"

    @property
    def api_keys_file(self) -> Path:
        """Where API keys are kept, hashed; `firstcause keys` changes it."""
        return self.firstcause_home / "api_keys.json"

    @property
    def search_dir(self) -> Path:
        """Where the search index is kept; it can be made again from Cassandra."""
        return self.firstcause_home / "search"

    @property
    def logs_dir(self) -> Path:
        """Where every local process has its log file."""
        return self.firstcause_home / "logs"

    @property
    def run_dir(self) -> Path:
        """Where every local process is recorded: services here, Spark drivers in `drivers`."""
        return self.firstcause_home / "run"


@functools.lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        pydantic.ValidationError: a variable has a value that does not fit; it is named.
    """
    return Settings()
