"""An analyzer that runs again after a kill is there soon: its imports are what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from firstcause.settings import PROJECT_ROOT

LOADED = "import log_analyzer.process, sys; print(*sys.modules, sep='\\n')"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


@pytest.mark.parametrize("library", ["mistralai", "redis", "PIL"])
def test_what_only_some_installations_use_is_not_imported_at_the_start(
    loaded: set[str], library: str
) -> None:
    assert "log_analyzer.process" in loaded
    assert library not in loaded
