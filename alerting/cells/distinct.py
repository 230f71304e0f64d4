"""How many different values there were, by their smallest hashes (a KMV sketch). Pure.

Up to `KEPT_HASHES` values the number is exact; beyond, its standard error is 1.6 %. Sketches are
united in any order. One is the bytes of its hashes: signed 64-bit integers, big-endian, ascending,
each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

KEPT_HASHES: Final = 4096

Hashes = bytes
NO_HASHES: Final[Hashes] = b""

_HASH: Final = np.dtype(">i8")
_LOWEST: Final = -(2**63)
_ALL: Final = 2**64


def sketch_of(hashes: Sequence[int]) -> Hashes:
    """The sketch of values with these hashes, in any order."""
    return np.unique(np.asarray(hashes, dtype=np.int64))[:KEPT_HASHES].astype(_HASH).tobytes()


def united(sketches: Sequence[Hashes]) -> Hashes:
    """The sketch of all values that any of these has seen."""
    some = {one for one in sketches if one}
    if len(some) < 2:  # noqa: PLR2004 - nothing to unite
        return next(iter(some), NO_HASHES)
    hashes = np.frombuffer(b"".join(some), dtype=_HASH).astype(np.int64)
    return np.unique(hashes)[:KEPT_HASHES].astype(_HASH).tobytes()


def distinct_count(hashes: Hashes) -> int:
    """How many values; an estimate where `KEPT_HASHES` of them are kept."""
    count = len(hashes) // _HASH.itemsize
    if count < KEPT_HASHES:
        return count
    largest = int(np.frombuffer(hashes[-_HASH.itemsize :], dtype=_HASH)[0])
    return round((KEPT_HASHES - 1) / ((largest - _LOWEST + 1) / _ALL))
