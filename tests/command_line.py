"""The command `firstcause`, run as people run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from firstcause.settings import PROJECT_ROOT

TIMEOUT_SECONDS = 300.0


def firstcause(
    env: Mapping[str, str], *arguments: str, timeout_seconds: float = TIMEOUT_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Runs `firstcause ARGUMENTS` to its end, whatever its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "firstcause.cli.app", *arguments],
        env=dict(env),
        cwd=PROJECT_ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
