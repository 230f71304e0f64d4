from __future__ import annotations

from pathlib import Path

import pytest

from firstcause.local.preflight import PortUse, Surroundings, java_major, lacks

HOME = Path("/data/firstcause")
GOOD = Surroundings(
    java_major=17, missing_jars=(), memory_bytes=8 * 2**30, disk_bytes=50 * 2**30, ports_in_use=()
)
ALL = (
    "kafka",
    "cassandra",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "analyzer",
)


def changed(**fields: object) -> Surroundings:
    from dataclasses import replace

    return replace(GOOD, **fields)  # type: ignore[arg-type]


def test_a_machine_with_8_gigabytes_lacks_nothing() -> None:
    assert lacks(GOOD, ALL, HOME) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (changed(java_major=None), ("Java 17 is missing", "apt-get install", "JAVA_HOME")),
        (changed(java_major=21), ("Java is 21", "17", "apt-get install")),
        (changed(missing_jars=("kafka", "spark")), ("kafka and spark", "make jars")),
        (changed(memory_bytes=2**30), ("1.0 GB are free", "LOCAL_CASSANDRA_HEAP")),
        (changed(disk_bytes=2**29), ("0.5 GB are free", str(HOME), "FIRSTCAUSE_HOME")),
        (
            changed(
                ports_in_use=(PortUse("kafka", "KAFKA_BOOTSTRAP_SERVERS", 19092, "java (pid 7)"),)
            ),
            ("19092", "java (pid 7)", "KAFKA_BOOTSTRAP_SERVERS"),
        ),
    ],
)
def test_each_lack_is_one_line_with_its_remedy(found: Surroundings, words: tuple[str, ...]) -> None:
    (line,) = lacks(found, ALL, HOME)
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_all_lacks_are_told_at_once() -> None:
    found = changed(java_major=None, missing_jars=("kafka",), memory_bytes=0, disk_bytes=0)
    assert len(lacks(found, ALL, HOME)) == 4


@pytest.mark.parametrize(
    ("output", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("bash: java: command not found", None),
    ],
)
def test_the_java_release_is_read(output: str, major: int | None) -> None:
    assert java_major(output) == major
