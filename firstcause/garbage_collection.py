"""How seldom a process that reads messages looks for cyclic garbage."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

GARBAGE_OBJECTS: Final = 70_000


@contextlib.contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Looks for cycles a hundred times less often, and not among what is there already.

    Messages make none. By default Python looks after each 700 of them, which costs as much as
    reading them.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
