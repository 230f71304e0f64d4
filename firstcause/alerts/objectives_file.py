"""The file of objectives, checked on load."""

from __future__ import annotations

from pathlib import Path

from alerting.objectives.model import Objective, ObjectiveFile
from firstcause.checked_yaml import CheckedYaml


def load_objectives(path: Path) -> tuple[Objective, ...]:
    """The objectives of a file, in its order; none without the file. Blocks.

    Raises:
        FirstcauseError: the file can't be read, or a mistake in it, by file and line.
    """
    if not path.exists():
        return ()
    content = CheckedYaml(path, is_many=True)
    objectives = content.validated(ObjectiveFile).root
    known: set[str] = set()
    for index, one in enumerate(objectives):
        if one.name in known:
            raise content.mistake(
                (index, "metadata", "name"), f"two objectives are called {one.name}"
            )
        known.add(one.name)
    return objectives
