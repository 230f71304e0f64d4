"""What every job's Spark session is told."""

from __future__ import annotations

from firstcause.settings import Settings
from spark.session import session_options


def test_cassandra_is_read_and_written_at_quorum() -> None:
    options = session_options(Settings(_env_file=None))  # type: ignore[call-arg]
    assert options["spark.cassandra.input.consistency.level"] == "LOCAL_QUORUM"
    assert options["spark.cassandra.output.consistency.level"] == "LOCAL_QUORUM"
