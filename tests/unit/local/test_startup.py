"""The order, the failures and the repetition of a start, with small processes of Python."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import Service, Task, record_path
from firstcause.local.service_status import State, service_statuses
from firstcause.local.shutdown import stop
from firstcause.local.startup import Phase, Startup, StepProgress
from firstcause.local.startup_view import why_waiting
from firstcause.settings import Settings

SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(firstcause_home=tmp_path)


@pytest.fixture
def service(settings: Settings) -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def make(name: str, code: str = SLEEP, **fields: object) -> Service:
        log_file = settings.logs_dir / f"{name}.log"
        made.append(
            Service(
                name=name,
                command=(sys.executable, "-c", code),
                env=dict(os.environ),
                ports={},
                address="",
                log_file=log_file,
                **{"is_ready": lambda _: b"up" in log_file.read_bytes(), **fields},  # type: ignore[arg-type]
            )
        )
        return made[-1]

    yield make
    stop(settings, made, stop_driver=None, tell=lambda _: None)


def run(settings: Settings, *steps: Service | Task) -> dict[str, Phase]:
    startup = Startup(settings, steps)
    try:
        startup.run(lambda _: None)
    finally:
        phases = {name: progress.phase for name, progress in startup.progress.items()}
    return phases


def record(settings: Settings, name: str) -> ProcessRecord | None:
    return ProcessRecord.read(record_path(settings, name))


def test_what_depends_starts_after_what_it_needs(
    settings: Settings, service: Callable[..., Service]
) -> None:
    order: list[str] = []
    steps = [
        service(
            "analyzer",
            depends_on=frozenset({"topics"}),
            prepare=lambda: order.append("analyzer"),
        ),
        Task("topics", lambda: order.append("topics"), None, frozenset({"kafka"})),
        service("kafka", prepare=lambda: order.append("kafka")),
    ]
    phases = run(settings, *steps)
    assert order == ["kafka", "topics", "analyzer"]
    assert set(phases.values()) == {Phase.READY}


def test_independent_services_start_at_the_same_time(
    settings: Settings, service: Callable[..., Service]
) -> None:
    both = threading.Barrier(2, timeout=20)
    run(settings, service("a", prepare=both.wait), service("b", prepare=both.wait))


def test_a_dependency_outside_of_this_start_is_taken_to_be_there(
    settings: Settings, service: Callable[..., Service]
) -> None:
    run(settings, service("analyzer", depends_on=frozenset({"topics"})))


def test_a_running_service_is_left_as_it_is(
    settings: Settings, service: Callable[..., Service]
) -> None:
    one = service("one")
    run(settings, one)
    before = record(settings, "one")
    run(settings, one)
    assert record(settings, "one") == before


def test_a_death_is_reported_at_once_with_the_end_of_the_log(
    settings: Settings, service: Callable[..., Service]
) -> None:
    dies = service("dies", code="import sys; sys.exit('no room for me')", is_ready=lambda _: False)
    never = service("never", is_ready=lambda _: False)
    with pytest.raises(FirstcauseError) as caught:
        run(settings, dies, never)
    assert "dies died while starting" in str(caught.value)
    assert "no room for me" in str(caught.value)
    assert str(dies.log_file) in str(caught.value)


def test_a_service_that_never_answers_ends_the_start(
    settings: Settings, service: Callable[..., Service]
) -> None:
    mute = service("mute", is_ready=lambda _: False, start_timeout_seconds=0.5)
    with pytest.raises(FirstcauseError, match="mute did not answer within"):
        run(settings, mute)


def test_what_follows_a_failure_is_not_started(
    settings: Settings, service: Callable[..., Service]
) -> None:
    def fail() -> None:
        raise FirstcauseError("no topics today")

    later = service("later", depends_on=frozenset({"topics"}))
    with pytest.raises(FirstcauseError, match="no topics today"):
        run(settings, Task("topics", fail), later)
    assert record(settings, "later") is None


def test_status_tells_running_starting_silent_crashed_and_stopped(
    settings: Settings, service: Callable[..., Service]
) -> None:
    running = service("running")
    crashing = service("crashing")
    stopped = service("stopped")
    run(settings, running, crashing)
    crashed = record(settings, "crashing")
    assert crashed is not None
    crashed.terminate_group(grace_seconds=5)

    def state(one: Service) -> State:
        return next(s for s in service_statuses(settings, [one]) if s.name == one.name).state

    assert state(running) is State.RUNNING
    assert state(crashing) is State.CRASHED
    assert state(stopped) is State.STOPPED
    silent = {"is_ready": lambda _: False}
    assert state(service("running", **silent)) is State.STARTING
    assert state(service("running", **silent, start_timeout_seconds=0.0)) is State.NOT_ANSWERING


def test_remote_services_are_shown_and_not_started(tmp_path: Path) -> None:
    from firstcause.local.installation import local_services

    settings = Settings(
        firstcause_home=tmp_path,
        kafka_bootstrap_servers="kafka.example:9092",
        cassandra_contact_points="10.0.0.1,10.0.0.2",
    )
    names = {service.name for service in local_services(settings)}
    assert not names & {"kafka", "cassandra"}
    statuses = {status.name: status for status in service_statuses(settings, [])}
    assert statuses["kafka"].state is State.REMOTE
    assert statuses["kafka"].address == "kafka.example:9092"


def test_stop_takes_drivers_after_airflow_and_before_kafka(
    settings: Settings, service: Callable[..., Service]
) -> None:
    kafka, airflow = service("kafka", stop_rank=3), service("airflow", stop_rank=0)
    driver = service("store")
    run(settings, kafka, airflow, driver)
    its_record = record(settings, "store")
    assert its_record is not None
    its_record.write(settings.run_dir / "drivers" / "store.json")
    told: list[str] = []

    def stop_driver(job: str) -> None:
        assert job == "store"
        its_record.terminate_group(grace_seconds=5)

    stop(settings, [kafka, airflow], stop_driver=stop_driver, tell=told.append)
    assert told == ["airflow stopped", "store stopped", "kafka stopped"]
    assert not its_record.is_alive()


def test_waiting_is_explained(tmp_path: Path) -> None:
    log_file = tmp_path / "cassandra.log"
    log_file.write_text("starting\nreplaying the commit log\n")
    slow = StepProgress("cassandra", frozenset(), log_file, Phase.STARTING, began=-1e6)
    waiting = StepProgress("migrations", frozenset({"cassandra"}), None)
    assert why_waiting(slow, [slow, waiting]) == "replaying the commit log"
    assert why_waiting(waiting, [slow, waiting]) == "after cassandra"
