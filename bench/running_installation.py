"""An installation of its own for a benchmark, which is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.installation import Installation, new_installation


@contextmanager
def running_installation(services: str, **overrides: object) -> Iterator[Installation]:
    """Starts services in a temporary home, on free ports; stops them whatever happens.

    Args:
        services: their names, with commas between.
        overrides: settings in the place of those of tests.
    """
    with tempfile.TemporaryDirectory(prefix="firstcause-bench-") as home:
        made = new_installation(Path(home), **overrides)
        try:
            made.up(services)
            yield made
        finally:
            made.stop()
