"""Computes rankings in a separate process, so that they do not block the analyzer's threads.

A ranking computes for seconds; in a thread of the analyzer it would hold up every first notice.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import UUID

import structlog
from cassandra.cluster import Session

from firstcause.errors import FirstcauseError
from firstcause.incidents.view import IncidentView, NormalRanking
from firstcause.normal.composed_normal_store import ComposedNormalStore
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.span_history import spans_of_traces
from firstcause.structured_logging import configure_logging
from log_analyzer.suspects.neighbours import own_window
from log_analyzer.suspects.normal_comparison import ranked
from log_analyzer.suspects.onset import onset_ms
from log_analyzer.suspects.other_incidents import OtherIncidents, without_others
from log_analyzer.suspects.window import sample_of_traces, window_around
from log_analyzer.suspects.window_logs import RankingLogs

NORMAL_SECONDS: Final = 2.0
LOGS_SECONDS: Final = 4.0
SPANS_SECONDS: Final = 2.0
SPANS_OF_TRACES: Final = 500

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RankingRequest:
    """What decides an incident's ranking: its first error (event time) and its services.

    The traces that fail for other incidents than `incident_id` are left out, and so is the time in
    which others run.
    """

    first_ms: int
    services: tuple[str, ...]
    incident_id: UUID | None = None

    @classmethod
    def of(cls, view: IncidentView) -> RankingRequest:
        """The request for an incident's current onset."""
        services = tuple(sorted({view.service_name, *view.services}))
        return cls(onset_ms(view), services, view.incident_id)


class RankingProcess:
    """Takes requests one at a time; to be used by one thread.

    Started with the first request, and again when it was killed. It ends with
    the analyzer, whatever that dies of.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, request: RankingRequest) -> Future[NormalRanking]:
        """The ranking to come.

        Does not block. The future raises FirstcauseError when the ranking failed, and
        BrokenProcessPool when the process was killed meanwhile. A retry ranks anew.
        """
        try:
            return self._running().submit(_rank, self._settings, request)
        except BrokenProcessPool:
            self.close()
            return self._running().submit(_rank, self._settings, request)

    def kill(self) -> None:
        """Ends the process at once, whatever it works on: its futures raise BrokenProcessPool."""
        for child in multiprocessing.active_children():
            child.kill()

    def close(self) -> None:
        """Ends the process after its current ranking. Safe to repeat."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                # A forked child would inherit the locks of threads that it does not have.
                multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._settings,),
            )
        return self._pool


def _begin(settings: Settings) -> None:
    # The analyzer ends it, not the keys of a terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    configure_logging(settings)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(0)


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the process keeps while it lives."""

    session: Session
    logs: RankingLogs
    normals: ComposedNormalStore
    others: OtherIncidents


@cache
def _reader(settings: Settings) -> _Reader:
    session = cassandra.connect(settings)
    normals = ComposedNormalStore(session, settings.normal_zone)
    return _Reader(session, RankingLogs(session), normals, OtherIncidents(session))


def _rank(settings: Settings, request: RankingRequest) -> NormalRanking:
    try:
        return _ranked(_reader(settings), request)
    except FirstcauseError:
        raise
    except Exception as error:  # noqa: BLE001 - told, and raised as what can be handed over
        _log.exception("ranking_failed", first_ms=request.first_ms)
        # Errors of the driver hold locks, which no process can hand to another.
        raise FirstcauseError(f"{type(error).__name__}: {error}"[:300]) from None


def _ranked(reader: _Reader, request: RankingRequest) -> NormalRanking:
    learned = reader.normals.load(request.first_ms, NORMAL_SECONDS)
    began = time.monotonic()
    window = window_around(request.first_ms)
    reading = reader.logs.read(window, request.services, LOGS_SECONDS)
    own = window
    if request.incident_id is not None:
        others = reader.others.near(request.incident_id, window)
        reading = without_others(reading, others.log_ids)
        own = own_window(
            request.first_ms,
            others.own_errors,
            others.neighbours,
            has_normal=learned is not None,
        )
    traces = sample_of_traces(reading.events, SPANS_OF_TRACES)
    spans = spans_of_traces(reader.session, traces, SPANS_SECONDS)
    read = time.monotonic()
    found = ranked(reading, spans, learned, own, request.first_ms, time.time_ns() // 1_000_000)
    _log.info(
        "ranked",
        culprit=found.culprit,
        events=found.events,
        spans=found.spans,
        whole=found.whole,
        read_seconds=round(read - began, 3),
        rank_seconds=round(time.monotonic() - read, 3),
    )
    return found
