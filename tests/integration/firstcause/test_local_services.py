"""`firstcause up`, `down` and `status` with a real Kafka and a real Cassandra of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from firstcause.local.process_record import ProcessRecord
from firstcause.settings import PROJECT_ROOT
from firstcause.storage import cassandra
from tests.installation import Installation, new_installation

pytestmark = pytest.mark.integration

ONLY = ("--only", "kafka,cassandra")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that these tests may break."""
    installation = new_installation(tmp_path_factory.mktemp("own"))
    try:
        yield installation
    finally:
        installation.stop()


def states(installation: Installation) -> dict[str, dict[str, Any]]:
    lines = installation.run("status", "--json", check=False).stdout.splitlines()
    return {status["name"]: status for status in map(json.loads, lines)}


def pids(installation: Installation) -> dict[str, int | None]:
    told = states(installation)
    return {name: told[name]["pid"] for name in ("kafka", "cassandra")}


def test_up_ends_when_both_answer_their_own_protocol(own: Installation) -> None:
    own.run("up", *ONLY)
    admin = AdminClient({"bootstrap.servers": own.settings.kafka_bootstrap_servers})
    assert own.settings.kafka_logs_topic in admin.list_topics(timeout=5).topics
    with cassandra.session(own.settings) as session:
        assert session.execute("SELECT release_version FROM system.local").one()
    told = states(own)
    for name in ("kafka", "cassandra"):
        assert told[name]["state"] == "running"
        assert told[name]["memory_bytes"] > 100 * 2**20
        assert told[name]["log_file"].endswith(f"{name}.log")
    assert told["analyzer"]["state"] == "stopped"


def test_up_twice_at_the_same_time_starts_nothing_again(own: Installation) -> None:
    before = pids(own)
    command = [sys.executable, "-m", "firstcause.cli.app", "up", *ONLY]
    both = [
        subprocess.Popen(
            command, env=own.env, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert pids(own) == before


def test_a_killed_service_is_seen_and_up_mends_it(own: Installation) -> None:
    before = pids(own)
    assert before["kafka"] is not None
    os.kill(before["kafka"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(before["kafka"]) and time.monotonic() < deadline:
        time.sleep(0.05)

    done = own.run("status", "--json", check=False)
    assert done.returncode == 1
    assert states(own)["kafka"]["state"] == "crashed"
    assert "crashed" in own.run("status", check=False).stdout

    own.run("up", *ONLY)
    after = pids(own)
    assert after["kafka"] not in {None, before["kafka"]}
    assert after["cassandra"] == before["cassandra"]


def test_a_foreign_process_on_a_port_is_named_and_left_alone(
    own: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    foreign_pid = pids(own)["kafka"]
    other = new_installation(
        tmp_path_factory.mktemp("other"),
        kafka_bootstrap_servers=own.settings.kafka_bootstrap_servers,
    )
    done = other.run("up", "--only", "kafka", check=False)
    assert done.returncode == 1
    for part in (str(own.settings.kafka_port), f"pid {foreign_pid}", "KAFKA_BOOTSTRAP_SERVERS"):
        assert part in done.stderr
    other.run("down")
    assert pids(own)["kafka"] == foreign_pid


def test_a_process_that_dies_while_starting_is_reported_with_its_log(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    broken = new_installation(tmp_path_factory.mktemp("broken"), local_kafka_heap="1k")
    began = time.monotonic()
    done = broken.run("up", "--only", "kafka", check=False)
    assert done.returncode == 1
    assert "heap" in done.stderr
    assert str(broken.settings.logs_dir / "kafka.log") in done.stderr
    assert time.monotonic() - began < 100
    broken.stop()


def test_down_leaves_no_process_and_keeps_the_data(own: Installation) -> None:
    records = [
        ProcessRecord.read(own.settings.run_dir / f"{name}.json") for name in ("kafka", "cassandra")
    ]
    assert all(record is not None and record.is_alive() for record in records)
    own.run("down")
    assert not any(record.session_members() for record in records if record)
    assert {status["state"] for status in states(own).values()} == {"stopped"}
    assert (own.home / "kafka" / "data" / "meta.properties").exists()
    own.run("down")  # again: harmless

    own.run("down", "--wipe", "--yes")
    assert not (own.home / "kafka").exists()
    assert not (own.home / "cassandra").exists()
    assert own.settings.jars_dir.exists()
