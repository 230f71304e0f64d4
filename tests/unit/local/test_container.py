"""Several processes in one container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from firstcause.local.container import run_together
from firstcause.settings import PROJECT_ROOT

LASTS = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_when_one_ends_the_others_do_and_its_code_is_told() -> None:
    before = set(psutil.Process().children())
    ends = [sys.executable, "-c", "import sys; sys.exit(7)"]
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert run_together([LASTS, ends, LASTS], os.environ) == 7
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert set(psutil.Process().children()) <= before


def test_sigterm_ends_them_all(tmp_path: Path) -> None:
    code = (
        "import os; from firstcause.local.container import run_together; "
        f"run_together([{LASTS!r}, {LASTS!r}], os.environ)"
    )
    container = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT)
    process = psutil.Process(container.pid)
    deadline = time.monotonic() + 60
    while len(children := process.children()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    container.terminate()
    container.wait(30)
    assert not any(child.is_running() for child in children)
