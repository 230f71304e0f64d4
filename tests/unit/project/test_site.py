"""The documents build as a site without a warning, and the licences are those of what is locked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from firstcause.settings import PROJECT_ROOT


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    mkdocs = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=PROJECT_ROOT,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert (tmp_path / "site" / "architecture" / "incidents" / "index.html").exists()


def test_the_list_of_licences_names_every_locked_package() -> None:
    locked = re.findall(
        r"^([\w.-]+)==", (PROJECT_ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    page = (PROJECT_ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    listed = {normalised(name) for name in re.findall(r"^\| ([\w.-]+) \|", page, re.MULTILINE)}
    assert locked
    assert {normalised(name) for name in locked} - listed == set(), "make licences writes it anew"
    assert "UNKNOWN" not in page


def normalised(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
