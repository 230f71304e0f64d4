"""Labelled cases in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from generators.cases.files import write_cases

SYNTHETIC: Final = "synthetic"


@contextmanager
def case_folder(folder: Path | None, count: int, seed: int) -> Iterator[Path]:
    """`folder` as it is; without one, a folder of `count` generated cases, gone afterwards.

    Blocks about 0.15 s a generated case.

    Raises:
        FirstcauseError: count or seed is out of range.
    """
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="firstcause-cases-") as generated:
        write_cases(Path(generated), count, seed)
        yield Path(generated)


@contextmanager
def case_folders(folders: Sequence[Path], count: int, seed: int) -> Iterator[dict[str, Path]]:
    """The folders by the name of their system; without any, one of generated cases.

    A system is named as its folder is; where two are named alike, by the whole path.

    Raises:
        FirstcauseError: count or seed is out of range.
    """
    if not folders:
        with case_folder(None, count, seed) as generated:
            yield {SYNTHETIC: generated}
        return
    names = [folder.resolve().name for folder in folders]
    yield {
        name if names.count(name) == 1 else str(folder): folder
        for name, folder in zip(names, folders, strict=True)
    }
