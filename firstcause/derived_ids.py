"""Derives UUIDs from what they identify, so that a replay writes the same rows."""

from __future__ import annotations

import uuid
from typing import Final

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "firstcause")


def derived_id(kind: str, *parts: str | int) -> uuid.UUID:
    """A UUIDv5 over `kind` and `parts`; equal arguments give an equal id, always.

    Parts are joined with a character that none of them should hold (unit separator), so that
    ("a", "bc") and ("ab", "c") differ.
    """
    return uuid.uuid5(NAMESPACE, "\x1f".join((kind, *map(str, parts))))
