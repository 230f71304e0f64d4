"""What the tasks of the DAG `housekeeping` do, as far as no database is needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dags.tasks.housekeeping import failed_tables, remove_old_files

DAY_SECONDS = 86_400


@pytest.mark.parametrize(
    ("output", "tables"),
    [
        ("RuntimeError: ... did not clean them: ['deadline']. Check the logs", {"deadline"}),
        ("did not clean them: ['dag_run', 'log']. Check", {"dag_run", "log"}),
        ("could not connect to server", set()),
        ("", set()),
    ],
)
def test_the_tables_that_failed_are_read(output: str, tables: set[str]) -> None:
    assert failed_tables(output) == tables


def test_only_old_files_and_empty_folders_go(tmp_path: Path) -> None:
    old, new = tmp_path / "dag_id=a" / "1.log", tmp_path / "dag_id=b" / "1.log"
    for path in (old, new):
        path.parent.mkdir()
        path.touch()
    long_ago = time.time() - 15 * DAY_SECONDS
    os.utime(old, (long_ago, long_ago))
    assert remove_old_files(tmp_path, 14 * DAY_SECONDS) == 1
    assert new.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["dag_id=b"]
    assert remove_old_files(tmp_path / "missing", 1) == 0
