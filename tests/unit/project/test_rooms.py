"""Rooms stay small: modules a package, lines a module, lines a DAG file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from firstcause.settings import PROJECT_ROOT

FOLDERS = (
    "api",
    "alerting",
    "bench",
    "dags",
    "firstcause",
    "generators",
    "ingest",
    "log_analyzer",
    "log_templates",
    "root_cause",
    "search",
    "spark",
)
MODULES_A_ROOM = 15
LINES_A_MODULE = 250
LINES_A_DAG_FILE = 120


def modules_in(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (PROJECT_ROOT / folder).rglob("*.py"))


def crowded(modules: list[Path]) -> dict[str, int]:
    """Rooms with too many modules; a package's own `__init__` is none."""
    rooms = Counter(path.parent for path in modules if path.name != "__init__.py")
    return {
        str(room.relative_to(PROJECT_ROOT)): count
        for room, count in rooms.items()
        if count > MODULES_A_ROOM
    }


@pytest.mark.parametrize("folder", [*FOLDERS, "tests"])
def test_no_room_has_more_than_fifteen_modules(folder: str) -> None:
    modules = modules_in(folder)
    assert modules
    assert crowded(modules) == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_is_longer_than_it_may_be(folder: str) -> None:
    lengths = {
        str(path.relative_to(PROJECT_ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules_in(folder)
    }
    dag_files = {str(path.relative_to(PROJECT_ROOT)) for path in (PROJECT_ROOT / "dags").glob("*")}
    limits = {name: LINES_A_DAG_FILE if name in dag_files else LINES_A_MODULE for name in lengths}
    assert {name: n for name, n in lengths.items() if n > limits[name]} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_room_says_in_a_line_what_it_holds(folder: str) -> None:
    packages = [path for path in modules_in(folder) if path.name == "__init__.py"]
    assert packages
    assert [str(path) for path in packages if not path.read_text().startswith('"""')] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_module_does_not_repeat_the_name_of_its_room(folder: str) -> None:
    repeating = [
        str(path.relative_to(PROJECT_ROOT))
        for path in modules_in(folder)
        if path.stem == path.parent.name
        or path.stem.startswith((f"{path.parent.name}_", f"{path.parent.name.removesuffix('s')}_"))
    ]
    assert repeating == []


def test_a_room_with_one_module_too_many_is_found() -> None:
    room = PROJECT_ROOT / "firstcause" / "made_up"
    modules = [room / f"module_{number}.py" for number in range(MODULES_A_ROOM + 1)]
    assert crowded(modules) == {"firstcause/made_up": MODULES_A_ROOM + 1}
    assert crowded(modules[1:]) == {}
