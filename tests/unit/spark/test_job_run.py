"""What all jobs share: one clear line on an error, one run at a time, a result as the last step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cassandra.cluster import NoHostAvailable

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from firstcause.streams.progress import Progress
from spark.driver.heartbeat_writer import progress_path
from spark.streaming import job_run
from spark.streaming.checkpoint import UnusableCheckpoint

JOB = "some_job"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = Settings(_env_file=None, firstcause_home=tmp_path)
    monkeypatch.setattr(job_run, "load_settings", lambda: found)
    monkeypatch.setattr(job_run, "configure_logging", lambda _: None)
    return found


def refused(_: Settings) -> dict[str, int]:
    raise FirstcauseError("do this: and all is well")


def test_what_a_person_can_mend_is_one_line_and_exit_code_1(
    own: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as ended:
        job_run.run_batch_job(JOB, refused, tmp_path / "result")
    assert ended.value.code == 1
    assert capsys.readouterr().out.count("do this: and all is well") == 1
    assert not (tmp_path / "result").exists()


def test_any_other_error_is_not_hidden(own: Settings) -> None:
    with pytest.raises(ZeroDivisionError):
        job_run.run_job(JOB, lambda _: 1 // 0)


def test_a_batch_job_writes_what_it_did(own: Settings, tmp_path: Path) -> None:
    told = job_run.run_batch_job(JOB, lambda of: {"rows": 3}, tmp_path / "result")
    assert told == {"rows": 3} == json.loads((tmp_path / "result").read_bytes())


def test_a_stream_that_was_stopped_says_so_and_one_that_fails_does_not(own: Settings) -> None:
    file = progress_path(own, JOB)
    with job_run.streaming(own, JOB) as (_, progress):
        progress.write(3, trigger_active=True)
        assert json.loads(file.read_bytes())["stopped"] is False
    told = json.loads(file.read_bytes())
    assert (told["stopped"], told["trigger_active"], told["batch_id"]) == (True, False, 3)
    with pytest.raises(ZeroDivisionError), job_run.streaming(own, JOB) as (_, progress):
        progress.write(4, trigger_active=True)
        raise ZeroDivisionError
    assert json.loads(file.read_bytes())["stopped"] is False


def test_two_drivers_never_have_one_checkpoint(own: Settings) -> None:
    with job_run.streaming(own, JOB) as (checkpoint, _):
        assert checkpoint == own.checkpoints_dir / JOB
        with pytest.raises(FirstcauseError), job_run.streaming(own, JOB):
            pass
    with job_run.streaming(own, JOB):
        pass


def test_a_checkpoint_that_no_restart_mends_is_told_to_the_supervisor(own: Settings) -> None:
    with pytest.raises(UnusableCheckpoint), job_run.streaming(own, JOB):
        raise UnusableCheckpoint("remove it")
    progress = Progress.read(progress_path(own, JOB))
    assert progress is not None
    assert progress.fatal_error == "remove it"


def test_cassandra_away_in_the_middle_is_told_with_what_to_do(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def session(*_: object, **__: object) -> Iterator[None]:
        yield None

    monkeypatch.setattr(job_run.cassandra, "session", session)
    with (
        pytest.raises(FirstcauseError, match="Cassandra did not take part"),
        job_run.batch_session(own, JOB),
    ):
        raise NoHostAvailable("all gone", {})
