"""What all jobs share: their start with the settings, their lock, and their end on an error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import structlog
from cassandra.cluster import DriverException, NoHostAvailable, Session

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings, load_settings
from firstcause.storage import cassandra
from firstcause.structured_logging import configure_logging
from spark.driver.heartbeat_writer import ProgressFile, progress_path
from spark.streaming.checkpoint import CheckpointLock, UnusableCheckpoint

CASSANDRA_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


def run_job(job: str, work: Callable[[Settings], Result]) -> Result:
    """Does a job's work with the settings. Blocks.

    Exits with code 1 and one clear line when the work raises a `FirstcauseError`.

    Args:
        job: its name in the log.
        work: raises `FirstcauseError` for what a person can mend.
    """
    settings = load_settings()
    configure_logging(settings)
    try:
        return work(settings)
    except FirstcauseError as error:
        # One clear line; the traceback would say nothing more.
        log.error("job_failed", job=job, error=str(error))  # noqa: TRY400
        sys.exit(1)


def run_batch_job(
    job: str, work: Callable[[Settings], Mapping[str, Any]], result_file: Path | None
) -> Mapping[str, Any]:
    """As `run_job`; what the work returns is written to a file as JSON, as the last step."""
    result = run_job(job, work)
    if result_file is not None:
        result_file.write_bytes(orjson.dumps(result))
    return result


@contextmanager
def streaming(settings: Settings, job: str) -> Iterator[tuple[Path, ProgressFile]]:
    """The checkpoint of a streaming job, held, and its progress file.

    What ends without an error was stopped, and its progress file says so.

    Raises:
        FirstcauseError: another driver holds it. A checkpoint that no restart can mend is told to
            the supervisor as well.
    """
    checkpoint = settings.checkpoints_dir / job
    with CheckpointLock(checkpoint):
        progress = ProgressFile(progress_path(settings, job), job)
        try:
            yield checkpoint, progress
        except UnusableCheckpoint as error:
            progress.write_fatal(str(error))
            raise
        progress.write_stopped()


@contextmanager
def batch_session(settings: Settings, job: str) -> Iterator[Session]:
    """A session with Cassandra for a batch job of which one run is at work at a time.

    Raises:
        FirstcauseError: another run is at work, or Cassandra is away or has no tables yet.
    """
    with (
        CheckpointLock(settings.checkpoints_dir / job),
        cassandra.session(settings, request_timeout_seconds=CASSANDRA_SECONDS) as session,
    ):
        try:
            yield session
        except (DriverException, NoHostAvailable) as error:
            raise FirstcauseError(
                f"Cassandra did not take part ({error}): run `firstcause migrate`, or look at "
                "`firstcause status`. Then run this again."
            ) from error
