"""Errors become episodes and incidents, by the analyzer's own parts with stores in memory."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Any

import pytest

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.consumed_error import CLOCKS_APART_MS, ConsumedError, group_fingerprint
from log_analyzer.episodes.episode import EVIDENCE_LIMIT, EVIDENCE_MAX
from log_analyzer.episodes.tally import Tally
from log_analyzer.incidents import episode_counter
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.stores.board_in_memory import BoardInMemory
from log_analyzer.incidents.stores.episodes_in_memory import EpisodesInMemory
from log_analyzer.incidents.stores.incident_rows import Bounds, IncidentRow
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.trial.incidents import incidents_of

QUIET_MS, MINUTE_MS = 900_000, 60_000
START_MS = 1_700_000_000_000
TEMPLATE = uuid.uuid5(uuid.NAMESPACE_OID, "boom")


class Stored(EpisodesInMemory):
    """Keeps what other instances would read, and the status of incidents."""

    def __init__(self) -> None:
        super().__init__()
        self.status: dict[uuid.UUID, tuple[int, str]] = {}
        self.partitions: dict[tuple[uuid.UUID, int], dict[bytes, int]] = defaultdict(dict)
        self.opened: dict[uuid.UUID, list[tuple[int, uuid.UUID]]] = defaultdict(list)
        self.last: dict[uuid.UUID, Bounds] = {}

    def open(self, first: ConsumedError, revision: int | None) -> uuid.UUID | None:
        key = super().open(first, revision)
        self.opened[first.fingerprint].append((first.moment_ms, key))
        return key

    def near(self, fingerprint, moment_ms):
        return self.opened[fingerprint]

    def remembered(self, episode):
        return {part: len(ids) for (key, part), ids in self.partitions.items() if key == episode}

    def load(self, blank):
        for (key, part), ids in self.partitions.items():
            if key == blank.episode_id:
                blank.tallies[part] = Tally(stored_count=len(ids), first_ms=blank.opened_ms)
        return blank

    def load_log_ids(self, episode, partition):
        return dict(self.partitions[episode, partition])

    def error_statements(self, episode, partition, entries):
        self.partitions[episode, partition].update(entries)
        return super().error_statements(episode, partition, entries)

    def tally_statements(self, episode):
        if episode.incident_id is not None:
            self.last[episode.incident_id] = Bounds(
                episode.first_ms, episode.last_ms, episode.last_arrival_ms
            )
        return []

    def bounds(self, incident):
        return self.last.get(incident)

    def open_incidents(self):
        return [key for key, (_, status) in self.status.items() if status == "open"]

    def incident(self, incident):
        return IncidentRow(
            group_fingerprint("payment", TEMPLATE), self.status.get(incident, (0, None))[1], None
        )

    def open_statements(self, incident, arrival_ms):
        self._set(incident, arrival_ms * 1_000, "open")
        return []

    def resolve(self, incident, now_ms, as_of_ms=None):
        self._set(incident, (now_ms if as_of_ms is None else as_of_ms) * 1_000 + 1, "resolved")

    def _set(self, incident, at_us: int, status: str) -> None:
        self.status[incident] = max(self.status.get(incident, (0, "")), (at_us, status))


class NoOutbox:
    def ensure_all(self, happened, not_before_ms=0):
        for incident in happened:
            self.ensure(incident, not_before_ms)

    def ensure(self, incident, not_before_ms=0):
        pass


class Trial:
    """A tracker, its clock and its stores."""

    def __init__(self, store: Stored | None = None, board: BoardInMemory | None = None) -> None:
        self.now_ms = START_MS
        self.store, self.board = store or Stored(), board or BoardInMemory()
        self.tracker = IncidentTracker(
            store=self.store,
            board=self.board,
            escalations=None,
            outbox=NoOutbox(),
            load_graph=CallGraph,
            quiet_ms=QUIET_MS,
            reopen_ms=600_000,
            gather_ms=0,
            clock_ms=lambda: self.now_ms,
            monotonic=lambda: self.now_ms / 1_000,
        )

    def send(self, *at_ms: int, partition: int = 0, **fields: Any) -> None:
        """Errors at these times (since the start) arrive now."""
        errors = [an_error(START_MS + one, **fields) for one in at_ms]
        self.tracker.record(
            ConsumedError(one, partition, number, "boom", TEMPLATE, self.now_ms)
            for number, one in enumerate(errors)
        )

    def counts(self) -> dict[uuid.UUID, int]:
        rows = self.board.read().rows
        found: dict[uuid.UUID, int] = defaultdict(int)
        for key, row in rows.items():
            found[row.incident_id] += len(self.store.log_ids[key])
        return dict(found)

    def statuses(self) -> list[str]:
        return sorted(status for _, status in self.store.status.values())


def an_error(at_ms: int, service: str = "payment", log_id: str | None = None, **fields) -> LogEvent:
    key = log_id or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{service}/{at_ms}/{fields}"))
    return LogEvent(key, at_ms, service, "ERROR", fields.pop("message", "boom"), **fields)


def test_an_error_that_is_stamped_ahead_belongs_to_the_outage_that_is_running() -> None:
    trial = Trial()
    for second in range(0, 3_600, 10):
        trial.now_ms = START_MS + second * 1_000
        ahead_ms = 7_200_000 if second == 1_800 else 0
        trial.send(second * 1_000 + ahead_ms)
        trial.tracker.resolve_quiet()
    assert list(trial.counts().values()) == [360]
    assert trial.statuses() == ["open"]
    trial.now_ms += QUIET_MS
    trial.tracker.resolve_quiet()
    assert trial.statuses() == ["resolved"]


def test_clocks_that_differ_a_little_are_believed() -> None:
    error = ConsumedError(an_error(START_MS + CLOCKS_APART_MS), 0, 0, "boom", TEMPLATE, START_MS)
    assert error.moment_ms == START_MS + CLOCKS_APART_MS
    assert ConsumedError(error.event, 0, 0, "boom", TEMPLATE).moment_ms == error.event.timestamp_ms


def test_an_outage_goes_on_after_one_wrong_time_of_the_past_had_ended_it() -> None:
    trial = Trial()
    # A recording is replayed long after: no time in it is ahead.
    trial.now_ms = START_MS + 10**9
    trial.send(0, 1_000)
    trial.send(7_200_000)
    assert trial.statuses() == ["open", "resolved"]
    trial.now_ms += 1_000
    trial.send(2_000)
    assert trial.statuses() == ["open", "resolved"]
    trial.send(*range(60_000, 120_000, 5_000))
    assert trial.statuses() == ["open", "open"]


def test_a_resolution_never_overwrites_what_was_opened_by_a_later_arrival() -> None:
    trial = Trial()
    trial.send(0)
    [incident] = trial.counts()
    trial.now_ms += QUIET_MS
    trial.send(1_000)
    # Another instance had read the incident before that error came, and writes only now.
    trial.store.resolve(incident, trial.now_ms, START_MS + QUIET_MS // 2)
    assert trial.statuses() == ["open"]


def test_a_flood_is_told_apart_from_the_error_that_is_always_there_and_ends_for_itself() -> None:
    trial = Trial()

    def ambient(first: int, count: int) -> None:
        for number in range(first, first + count):
            trial.now_ms = START_MS + number * 10 * MINUTE_MS
            trial.send(number * 10 * MINUTE_MS)

    ambient(0, 144)
    flood_ms = 1_435 * MINUTE_MS
    trial.now_ms = START_MS + flood_ms
    for part in range(10):
        trial.send(*(flood_ms + part * 5_000 + n * 10 for n in range(500)))
    assert sorted(trial.counts().values()) == [144, 5_000]
    # What is left afterwards is the old error again, at first as a part of the flood.
    ambient(144, 10)
    counts = sorted(trial.counts().values())
    assert counts[0] + counts[1] == 5_154
    assert 5_000 <= counts[1] <= 5_002
    # The next flood is one as well, and nothing counts again.
    flood_ms = 1_535 * MINUTE_MS
    trial.now_ms = START_MS + flood_ms
    trial.send(*(flood_ms + n * 10 for n in range(400)))
    trial.send(*(flood_ms + n * 10 for n in range(400)))
    assert len(trial.board.read().rows) == 4
    assert sum(trial.counts().values()) == 5_554


def test_a_young_incident_that_grows_is_no_flood_beside_it() -> None:
    trial = Trial()
    trial.send(0, 60_000, 120_000)
    trial.send(*(300_000 + n * 10 for n in range(900)))
    assert list(trial.counts().values()) == [903]


def test_of_errors_that_become_ten_times_as_many_the_new_ones_are_kept_too() -> None:
    trial = Trial()
    # Five a minute for an hour are no rare error: what follows belongs to them.
    for minute in range(60):
        trial.now_ms = START_MS + minute * MINUTE_MS
        trial.send(*(minute * MINUTE_MS + n * 10_000 for n in range(5)))
    burst_ms = 60 * MINUTE_MS
    for part in range(10):
        trial.now_ms = START_MS + burst_ms + part * 5_000
        trial.send(*(burst_ms + part * 5_000 + n * 10 for n in range(100)))
    assert list(trial.counts().values()) == [1_300]
    [kept] = trial.store.evidence.values()
    moments = [one.moment_ms - START_MS for one in kept]
    assert sum(one < burst_ms for one in moments) == EVIDENCE_LIMIT
    assert sum(one >= burst_ms for one in moments) == EVIDENCE_LIMIT
    # However often it bursts, what is kept is bounded.
    for hour in range(2, 8):
        count = 1_000 * 10 ** min(hour, 3)
        trial.now_ms = START_MS + hour * 60 * MINUTE_MS
        trial.send(*(hour * 60 * MINUTE_MS + n for n in range(0, count, count // 1_000)))
    assert all(len(kept) <= EVIDENCE_MAX for kept in trial.store.evidence.values())


@pytest.mark.parametrize("same_process", [True, False])
def test_an_error_that_is_sent_again_by_another_partition_counts_once(same_process) -> None:
    trial = Trial()
    trial.send(0, 1_000, 2_000, partition=0)
    other = trial if same_process else Trial(trial.store, trial.board)
    other.send(0, 1_000, 2_000, 3_000, partition=5)
    assert list(other.counts().values()) == [4]


def test_log_ids_in_memory_are_bounded_by_their_bytes(monkeypatch) -> None:
    monkeypatch.setattr(episode_counter, "LOG_IDS_MAX_BYTES", 100 * episode_counter.LOG_ID_BYTES)
    trial = Trial()
    for number in range(5):
        trial.send(*range(0, 60_000, 1_000), service=f"service-{number}")
    groups = trial.tracker._counter._groups
    held = sum(one.remembered_ids for known in groups.values() for one in known.values())
    assert 0 < held <= 100
    trial.send(*range(0, 60_000, 1_000), service="service-0")
    assert sorted(trial.counts().values()) == [60] * 5


UNRELATED = {
    "mailer": "SMTP greeting timed out",
    "thumbnailer": "Cannot decode image of upload",
    "ledger": "Balance mismatch on closing",
    "search": "Index shard not assigned",
    "printer": "Paper tray empty",
    "geo": "Tile server returned no bytes",
}


@pytest.mark.parametrize(
    "trace",
    [
        lambda n: "0" * 32,
        lambda n: f"{n + 1:032x}",
        lambda n: f"6b02b3c000000000{n * 7919 + 1:016x}",
    ],
)
def test_unrelated_errors_are_not_tied_by_how_their_trace_ids_are_written(trace) -> None:
    errors = [
        an_error(START_MS + n * 100, service, message=said, trace_id=trace(n))
        for n, (service, said) in enumerate([*UNRELATED.items()] * 10)
    ]
    assert len(incidents_of(errors, CallGraph())) == len(UNRELATED)


@pytest.mark.parametrize("traces", ["one", "many", "none"])
def test_a_database_that_takes_a_thousand_services_with_it_is_one_incident(traces) -> None:
    errors = [
        an_error(
            START_MS + n * 50,
            f"team{n // 26:02d}-{chr(97 + n % 26)}",
            message=f"cannot reach shared-db number {n}",
            trace_id={"one": "ab" * 16, "many": f"{n + 1:032x}", "none": None}[traces],
        )
        for n in range(1_000)
    ]
    [incident] = incidents_of(errors, CallGraph())
    assert len(incident.log_ids) == 1_000
