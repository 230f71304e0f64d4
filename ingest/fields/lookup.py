"""Finding a field in a parsed JSON object, whether its name is dotted, nested or both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

# Deeper objects are kept as one JSON text.
MAX_FLATTEN_DEPTH: Final = 6
# Of the path of a leaf no more is kept; a longer one is not built for each leaf below it.
MAX_PATH_CHARS: Final = 200


def find(document: Mapping[str, Any], path: str) -> Any:
    """The value below a dotted path; None when it is absent, null or empty text.

    `log.level` finds `{"log.level": x}`, `{"log": {"level": x}}` and every mixture of both. A
    dotted key wins over a nested one.
    """
    value = document.get(path)
    if value is not None and value != "":
        return value
    start = path.find(".")
    while start != -1:
        inner = document.get(path[:start])
        if isinstance(inner, dict):
            value = find(inner, path[start + 1 :])
            if value is not None:
                return value
        start = path.find(".", start + 1)
    return None


def first(document: Mapping[str, Any], paths: Iterable[str]) -> Any:
    """The value below the first of the paths that has one; None without any."""
    return next(
        (value for path in paths if (value := find(document, path)) is not None),
        None,
    )


def first_text(document: Mapping[str, Any], paths: Iterable[str]) -> str | None:
    """Like `first`, of values that are text with something in it or numbers."""
    for path in paths:
        value = find(document, path)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None


def flattened(
    document: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """The leaves of an object by dotted path; lists and too deep objects are leaves.

    Only the first `MAX_PATH_CHARS` of a path are sure.
    """
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and depth < MAX_FLATTEN_DEPTH:
            yield from flattened(value, f"{path}."[:MAX_PATH_CHARS], depth + 1)
        else:
            yield path, value
