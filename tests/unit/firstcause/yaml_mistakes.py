"""One check of all files that people edit: a mistake is named by its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError


def assert_named_by_its_line(
    load: Callable[[Path], object],
    file: Path,
    good: str,
    mistake: tuple[str, str],
    line: int,
    said: str,
) -> None:
    """A good file with one text replaced is refused, and it is said where and why."""
    old, new = mistake
    assert old in good
    file.write_text(good.replace(old, new, 1))
    with pytest.raises(FirstcauseError) as refused:
        load(file)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{file}:{line}: ")
