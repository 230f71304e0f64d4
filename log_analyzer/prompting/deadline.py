"""Limits the time that a template may take to render."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SECONDS: Final = 2.0
# A template that is interrupted says so on each line; looking at the clock costs more than that.
_LINES_BETWEEN: Final = 500


@contextmanager
def deadline(seconds: float = SECONDS) -> Iterator[None]:
    """Python code of this thread that runs longer inside is interrupted with TimeoutError.

    Compiled templates are Python code, so their loops are. Other threads are not touched.
    """
    ends_at = time.monotonic() + seconds
    lines = 0

    def trace(_: FrameType, event: str, __: Any) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
            if lines % _LINES_BETWEEN == 0 and time.monotonic() > ends_at:
                raise TimeoutError(f"it takes longer than {seconds:g} s")
        return trace

    before = sys.gettrace()
    if before is not None and threading.current_thread() is threading.main_thread():
        # A debugger or a measure of coverage: it goes on, without a bound.
        yield
        return
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
