"""Writes docs/licences.md: `make licences`. What runs with Firstcause, and under which licence.

Python packages are those of requirements.txt, by pip-licenses; jars are those of deploy/pom.xml,
by Maven's license plugin. Needs the environment of `make install-dev` and Maven.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from api.pages.vendored import VENDORED

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
PROFILES = ("kafka", "cassandra", "spark")
MAVEN_GOAL = "org.codehaus.mojo:license-maven-plugin:2.5.0:download-licenses"
# Packages whose metadata name no licence; read from the licence file that they ship.
UNDECLARED = {"mistralai": "Apache License 2.0"}
VENDORED_NOTE = "As npm has them, in [api/pages/static](../api/pages/static).\n"
HEAD = """# Licences

Firstcause itself is under the [MIT licence](../LICENSE). This page lists what it installs and
starts, as each publisher declares it. `make licences` writes it.
"""


def python_rows() -> Iterator[tuple[str, str, str]]:
    """Name, version, licence of each package that requirements.txt pins."""
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    command = [
        Path(sys.executable).with_name("pip-licenses"),
        "--from=mixed",
        "--format=json",
        "--with-system",
    ]
    told = json.loads(
        subprocess.run([*command, "--packages", *pinned], check=True, capture_output=True).stdout
    )
    for row in told:
        licence = row["License"].replace("\n", " ")
        yield row["Name"], row["Version"], UNDECLARED.get(row["Name"], licence)


def jar_rows(profile: str) -> Iterator[tuple[str, str, str]]:
    """Artifact, version, licences of each jar of one profile of deploy/pom.xml."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "licences.xml"
        command = ["mvn", "-q", "-B", "-ntp", "-f", str(ROOT / "deploy" / "pom.xml"), "-P", profile]
        options = {
            "skipDownloadLicenses": "true",
            "licensesOutputFile": str(output),
            "licensesOutputDirectory": folder,
        }
        subprocess.run(
            [*command, MAVEN_GOAL, *(f"-D{name}={value}" for name, value in options.items())],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        written = ElementTree.parse(output).getroot()  # noqa: S314 (Maven has just written it)
        for one in written.iter("dependency"):
            names = [name.text or "" for name in one.iterfind("licenses/license/name")]
            group, artifact, version = (
                one.findtext(tag, "") for tag in ("groupId", "artifactId", "version")
            )
            yield f"{group}:{artifact}", version, ", ".join(names) or "not declared"


def vendored_rows() -> Iterator[tuple[str, str, str]]:
    """File and package, version, licence of what api/pages/static holds of others."""
    for name, package, release, licence, digest in VENDORED:
        yield f"{name} of {package}, SHA-256 {digest}", release, licence


def table(rows: Iterator[tuple[str, str, str]]) -> str:
    """The rows as a Markdown table, by name."""
    cells = (
        " | ".join(cell.replace("|", "/") for cell in row)
        for row in sorted(rows, key=lambda row: row[0].lower())
    )
    return "\n".join(
        ["| name | version | licence |", "|---|---|---|", *(f"| {row} |" for row in cells)]
    )


def main() -> None:
    """Writes the page anew."""
    parts = [HEAD, "## Python packages\n", table(python_rows())]
    parts += ["\n## Files of the pages\n", VENDORED_NOTE, table(vendored_rows())]
    for profile in PROFILES:
        parts += [f"\n## Jars of {profile.capitalize()}\n", table(jar_rows(profile))]
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


main()
