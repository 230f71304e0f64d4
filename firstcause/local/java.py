"""Java, and the environment that every local process gets."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from pydantic import SecretStr

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings


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

    Raises:
        FirstcauseError: there is no java.
    """
    java = find_java()
    if java is None:
        raise FirstcauseError("Java 17 is missing: apt-get install openjdk-17-jre-headless")
    # An exit beats a process that limps on without memory: `status` shows it, `up` mends it.
    return [str(java), f"-Xms{initial_heap}", f"-Xmx{heap}", "-XX:+ExitOnOutOfMemoryError"]


def settings_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, so that a child reads the same ones.

    Settings that are None are left out. Secrets are in it: never log it.
    """
    environment = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value is not None:
            environment[name.upper()] = str(value)
    return environment


def process_environment(settings: Settings) -> dict[str, str]:
    """This process's environment with the settings, and this Python's programs found first."""
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    return {
        **os.environ,
        **settings_environment(settings),
        "PATH": path if programs in path.split(os.pathsep) else f"{programs}{os.pathsep}{path}",
    }
