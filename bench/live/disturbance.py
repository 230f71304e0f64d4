"""Kills analyzers at random moments, and has Slack lose answers."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Sequence
from typing import Final

import httpx

from tests.e2e.accounting import AnalyzerProcess, SlackProcess

KILL_EVERY_SECONDS: Final = 40.0
LOSE_EVERY_SECONDS: Final = 10.0
# By turns: Slack did what it was asked for, or not, and nobody was told.
LOST_ANSWERS: Final = ("accept_then_drop", "accept_then_500", "drop", "http_500")


class Disturbance:
    """Goes on in a thread until its block is left. A killed analyzer is started again at once.

    Attributes:
        kills: how many there were.
    """

    def __init__(
        self, analyzers: Sequence[AnalyzerProcess], slack: SlackProcess, seed: int
    ) -> None:
        self.kills = 0
        self._analyzers = analyzers
        self._slack = slack
        self._chance = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Disturbance:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        kill_at = time.monotonic() + KILL_EVERY_SECONDS
        for kind in itertools.cycle(LOST_ANSWERS):
            if self._stopping.wait(LOSE_EVERY_SECONDS):
                return
            fault = {"kind": kind, "path": "/api/chat.postMessage"}
            httpx.post(f"{self._slack.url}/faults", json=[fault], timeout=30, trust_env=False)
            if time.monotonic() >= kill_at:
                kill_at += KILL_EVERY_SECONDS * self._chance.uniform(0.7, 1.3)
                victim = self._chance.choice(self._analyzers)
                victim.kill()
                victim.start()
                self.kills += 1
