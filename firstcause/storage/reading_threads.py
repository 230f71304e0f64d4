"""Bounds how much is read at a time: the stores' clients block, so threads do it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

Read = TypeVar("Read")


class AllReadingError(Exception):
    """As much as may be is being read."""


class ReadingThreads:
    """Threads that read; `at_once` of them, and nobody waits for one.

    A reading that is given up on keeps its place until it has ended: so the bound holds.
    """

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, "read")
        self._free = threading.Semaphore(at_once)

    async def run(self, read: Callable[[], Read], seconds: float) -> Read:
        """What `read` gives; raises what it raises.

        Raises:
            AllReadingError: every thread reads already.
            TimeoutError: after so many seconds.
        """
        if not self._free.acquire(blocking=False):
            raise AllReadingError
        reading = self._pool.submit(read)
        reading.add_done_callback(lambda _: self._free.release())
        with anyio.fail_after(seconds):
            return await asyncio.wrap_future(reading)

    def close(self) -> None:
        """Waits for nobody: what still reads is read only."""
        self._pool.shutdown(wait=False, cancel_futures=True)
