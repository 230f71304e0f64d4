"""Python processes that have Airflow imported: forks of one that has it.

To import Airflow and to build its execution API take most of a short DAG run's CPU time. The
fork server of the standard library does it once. Nothing here imports Airflow.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest import mock

from firstcause.settings import PROJECT_ROOT

PRELOAD = "tests.integration.dags.preload"


def start_fork_server(env: Mapping[str, str]) -> None:
    """Starts the server in an environment, whose `AIRFLOW_HOME` all its forks have.

    It ends with this process. Does nothing when it runs already.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([PRELOAD])
    with mock.patch.dict(os.environ, {**env, "PYTHONPATH": str(PROJECT_ROOT)}, clear=True):
        forkserver.ensure_running()


def start_forked(
    arguments: Sequence[str], env: Mapping[str, str], stdout: Path, stderr: Path
) -> ForkServerProcess:
    """Starts what `python ARGUMENTS` would, in a fork: `-c CODE`, `-m MODULE ...` or `FILE ...`."""
    process = multiprocessing.get_context("forkserver").Process(
        target=_run, args=(list(arguments), dict(env), str(stdout), str(stderr))
    )
    process.start()
    return process


def _run(arguments: list[str], env: dict[str, str], stdout: str, stderr: str) -> None:
    for descriptor, path in ((1, stdout), (2, stderr)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(PROJECT_ROOT)
    _read_configuration_again()
    match arguments:
        case ["-c", code]:
            sys.argv = ["-c"]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        case ["-m", module, *rest]:
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [file, *rest]:
            sys.argv = [file, *rest]
            runpy.run_path(file, run_name="__main__")


def _read_configuration_again() -> None:
    """What Airflow took from the server's environment when it was imported there."""
    from airflow import settings

    settings.configure_vars()
    settings.reconfigure_orm()
