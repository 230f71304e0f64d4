"""Finds Java and builds the command of a service's JVM."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

# Ten times the usual counts. The optimizing compiler takes a fifth of all CPU time of a start; what
# runs all day reaches these counts within seconds under load.
LATE_OPTIMIZATION: Final = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)


def find_java() -> Path | None:
    """The `java` of JAVA_HOME, else the one on the PATH; None when there is none."""
    home = os.environ.get("JAVA_HOME")
    if home:
        java = Path(home) / "bin" / "java"
        return java if java.exists() else None
    found = shutil.which("java")
    return Path(found) if found else None


def java_command(heap: str, *, initial_heap: str) -> list[str]:
    """`java` with a heap from `initial_heap` to `heap`, both in its own units (`512m`).

    Whether there is one, and the right one, is for the preflight to tell.
    """
    # An exit beats a process that limps on without memory: `status` shows it, `up` mends it.
    return [
        str(find_java() or "java"),
        f"-Xms{initial_heap}",
        f"-Xmx{heap}",
        "-XX:+ExitOnOutOfMemoryError",
        *LATE_OPTIMIZATION,
    ]
