"""Runs DAGs in processes of their own, against an Airflow database of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from firstcause.local.daemons.airflow import METADATA_URL, airflow_environment, create_secrets
from firstcause.local.daemons.environment import process_environment
from firstcause.settings import PROJECT_ROOT, Settings
from tests.integration.dags.forked_python import start_fork_server, start_forked

RUN_DAG = PROJECT_ROOT / "tests" / "integration" / "apps" / "run_dag.py"
CALL_SECONDS = 400


@dataclass(frozen=True)
class DagRuns:
    """An Airflow database of its own; `run` is `dag.test()`."""

    settings: Settings
    env: dict[str, str]

    @classmethod
    def prepared(cls, settings: Settings, **env: str) -> DagRuns:
        create_secrets(settings)
        # One process at a time works on it: no server is needed.
        url = f"sqlite:///{settings.firstcause_home / 'airflow' / 'runs.db'}"
        metadata = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            METADATA_URL: url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": url.replace("sqlite", "sqlite+aiosqlite"),
        }
        own = {**process_environment(settings), **airflow_environment(settings), **metadata, **env}
        start_fork_server(own)
        made = cls(settings, own)
        made.call(["-m", "airflow", "db", "migrate"])
        return made

    def with_env(self, **env: str) -> DagRuns:
        """These runs with other environment variables."""
        return replace(self, env={**self.env, **env})

    def call(self, arguments: list[str]) -> str:
        """Runs `python ARGUMENTS` with Airflow imported already; what it writes to stdout."""
        code, stdout, stderr = self.outcome(arguments)
        assert code == 0, f"{stdout[-6000:]}\n{stderr[-6000:]}"
        return stdout

    def outcome(self, arguments: list[str]) -> tuple[int | None, str, str]:
        """Exit code, stdout and stderr of `python ARGUMENTS` with Airflow imported already."""
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
            process = start_forked(arguments, self.env, stdout, stderr)
            try:
                process.join(CALL_SECONDS)
                assert process.exitcode is not None, f"no end within {CALL_SECONDS} s: {arguments}"
            finally:
                process.kill()
            return process.exitcode, stdout.read_text(), stderr.read_text()

    def call_fresh(self, arguments: list[str]) -> str:
        """Runs `python ARGUMENTS`, with nothing imported before; what it writes to stdout."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.env,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def run(self, dag_id: str, **conf: Any) -> dict[str, Any]:
        """Runs a DAG to its end: its `state`, its `tasks`' states, its `xcoms`, its `log`."""
        output = self.call(self.arguments(dag_id, conf))
        log, _, result = output.rpartition("\nRESULT ")
        return {**json.loads(result), "log": log}

    def start(self, dag_id: str, *, log: Path, untried: str = "", **conf: Any) -> ForkServerProcess:
        """Starts a DAG's run and does not wait; its output goes to `log`.

        Tasks whose id is the pattern `untried` count as done.
        """
        arguments = [*self.arguments(dag_id, conf), *filter(None, [untried])]
        return start_forked(arguments, self.env, log, log)

    @staticmethod
    def arguments(dag_id: str, conf: dict[str, Any]) -> list[str]:
        return [str(RUN_DAG), dag_id, json.dumps(conf)]


def without_inherited_airflow() -> None:
    """A developer's own Airflow settings must not reach the tests."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
