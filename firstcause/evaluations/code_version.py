"""The version of the running code: package version, and the commit in a checkout."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from firstcause.settings import PROJECT_ROOT

_GIT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """`package` is empty if it is not installed; `commit` is None if it is unknown."""

    package: str
    commit: str | None


def code_version(root: Path = PROJECT_ROOT) -> CodeVersion:
    """The version of this code; blocks for git, 10 s at the most.

    A commit ends in `-dirty` where files that it knows were changed.
    """
    try:
        package = version("firstcause")
    except PackageNotFoundError:
        package = ""
    return CodeVersion(package, _commit(root))


def _commit(root: Path) -> str | None:
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
