"""Names what was learned by a digest of its content. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from root_cause.normal.learned_counts import VERSION


def is_current(revision: str) -> bool:
    """True if the counts of this revision have the current version."""
    return revision.startswith(f"{VERSION}-")


def digest(parts: Iterable[bytes]) -> str:
    """A short digest of these bytes in this order, with the version of the counts."""
    content = hashlib.sha256()
    for part in parts:
        content.update(len(part).to_bytes(8, "big") + part)
    return f"{VERSION}-{content.hexdigest()[:16]}"
