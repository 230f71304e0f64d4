"""The local Kafka: one KRaft node from the Maven jars."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.environment import inherited_environment
from firstcause.local.daemons.java import java_command
from firstcause.local.service import (
    DEPLOY_DIR,
    Service,
    last_log_lines,
    port_is_open,
    render_config,
)
from firstcause.settings import Settings

# What a record batch adds to its largest message: batch header, keys, dead letter headers.
BATCH_OVERHEAD_BYTES: Final = 64 * 1024
FORMAT_TIMEOUT_SECONDS: Final = 120.0


def kafka_service(settings: Settings) -> Service:
    """Kafka on the port of `KAFKA_BOOTSTRAP_SERVERS`; its data below `FIRSTCAUSE_HOME/kafka`."""
    config = settings.firstcause_home / "kafka" / "server.properties"
    log_file = settings.logs_dir / "kafka.log"
    java = [
        *java_command(settings.local_kafka_heap, initial_heap="256m"),
        f"-Dlog4j2.configurationFile={DEPLOY_DIR / 'kafka' / 'log4j2.xml'}",
        "-cp",
        str(settings.jars_dir / "kafka" / "*"),
    ]
    return Service(
        name="kafka",
        command=(*java, "kafka.Kafka", str(config)),
        env=inherited_environment(),
        ports={
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_port,
            "LOCAL_KAFKA_CONTROLLER_PORT": settings.local_kafka_controller_port,
        },
        address=settings.kafka_bootstrap_servers,
        log_file=log_file,
        is_ready=lambda _record: port_is_open(settings.kafka_port) and kafka_answers(settings),
        prepare=lambda: _prepare(settings, config, java, log_file),
        stop_rank=3,
        stop_grace_seconds=30.0,
    )


def kafka_answers(settings: Settings) -> bool:
    """Whether a broker tells its metadata within 3 s."""
    admin = AdminClient(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "socket.timeout.ms": 3000,
            # Refused connections are what waiting looks like, nothing to report.
            "log_level": 0,
        }
    )
    try:
        return bool(admin.list_topics(timeout=3.0).brokers)
    except KafkaException:
        return False


def _prepare(settings: Settings, config: Path, java: list[str], log_file: Path) -> None:
    data_dir = settings.firstcause_home / "kafka" / "data"
    render_config(
        DEPLOY_DIR / "kafka" / "server.properties",
        config,
        {
            "port": settings.kafka_port,
            "controller_port": settings.local_kafka_controller_port,
            "data_dir": data_dir,
            "max_message_bytes": settings.kafka_max_message_bytes + BATCH_OVERHEAD_BYTES,
        },
    )
    if (data_dir / "meta.properties").exists():
        return
    command = [*java, "kafka.tools.StorageTool", "format"]
    command += ["--cluster-id", _new_cluster_id(), "--config", str(config), "--ignore-formatted"]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        done = subprocess.run(
            command,
            env=inherited_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=FORMAT_TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        why = " | ".join(last_log_lines(log_file, 3))
        raise FirstcauseError(f"Kafka's storage could not be formatted: {why} (see {log_file})")


def _new_cluster_id() -> str:
    """A random UUID in Kafka's spelling: URL-safe base64 without padding, no leading dash."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text if not text.startswith("-") else f"A{text[1:]}"
