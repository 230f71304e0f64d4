from __future__ import annotations

from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.local.preflight import (
    PortUse,
    Surroundings,
    java_major,
    memory_setting_bytes,
    missing_prerequisites,
)

HOME = Path("/data/firstcause")
HEAPS_BYTES = (2 * 2**30, 640 * 2**20)
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
    assert missing_prerequisites(GOOD, ALL, HOME, HEAPS_BYTES) == []


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
    (line,) = missing_prerequisites(found, ALL, HOME, HEAPS_BYTES)
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_the_spark_driver_counts_where_airflow_starts_it() -> None:
    found = changed(memory_bytes=5 * 2**30)
    without = [name for name in ALL if not name.startswith("airflow-")]
    assert missing_prerequisites(found, ALL, HOME, driver_heaps_bytes=[2**29]) == []
    (line,) = missing_prerequisites(found, ALL, HOME, driver_heaps_bytes=HEAPS_BYTES)
    assert "SPARK_DRIVER_MEMORY" in line
    assert missing_prerequisites(found, without, HOME, driver_heaps_bytes=HEAPS_BYTES) == []
    (line,) = missing_prerequisites(changed(memory_bytes=0), without, HOME, HEAPS_BYTES)
    assert "SPARK_DRIVER_MEMORY" not in line


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("2g", 2**31), ("800m", 800 * 2**20), ("512", 2**29), ("1GB", 2**30), ("1024k", 2**20)],
)
def test_sizes_are_read_as_spark_reads_them(text: str, size_bytes: int) -> None:
    assert memory_setting_bytes("SPARK_DRIVER_MEMORY", text) == size_bytes


@pytest.mark.parametrize("text", ["", "much", "2.5g", "-1g"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(FirstcauseError, match="SPARK_DRIVER_MEMORY"):
        memory_setting_bytes("SPARK_DRIVER_MEMORY", text)


def test_all_lacks_are_told_at_once() -> None:
    found = changed(java_major=None, missing_jars=("kafka",), memory_bytes=0, disk_bytes=0)
    assert len(missing_prerequisites(found, ALL, HOME, HEAPS_BYTES)) == 4


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
