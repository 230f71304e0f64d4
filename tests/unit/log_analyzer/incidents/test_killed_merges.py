"""Two incidents of two instances prove to be one; both instances may die at any write of it.

Whoever died: the incident that stands has one message, and the one that was merged has none, or
one that names the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.stores.board_in_memory import BoardInMemory
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.notify.messages.content import plain_text
from tests.unit.log_analyzer.incidents.test_tracker import Stored, an_error
from tests.unit.log_analyzer.notify.test_message import a_view
from tests.unit.log_analyzer.notify.world import World

TRACES = [uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex for number in range(12)]
WRITES = 60


class KilledError(BaseException):
    pass


class SharedBoard(BoardInMemory):
    """A board on which instances tell each other of traces."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[uuid.UUID, uuid.UUID, bytes]] = []

    def publish_traces(self, traces) -> None:
        self.told += [(uuid.uuid4(), episode, blob) for episode, blob in traces.items()]

    def traces_since(self, since_ms):
        return since_ms, list(self.told)


class Shop:
    """Two analyzers that share their stores, and the delivery of what they find."""

    def __init__(self) -> None:
        self.world, self.store, self.board = World(), Stored(), SharedBoard()
        self.writes, self.dies_at = 0, -1
        owners = (
            (self.world.outbox, ("ensure", "ensure_all", "move")),
            (self.store, ("open", "write")),
            (self.board, ("apply", "publish", "publish_traces")),
        )
        for owner, names in owners:
            for name in names:
                setattr(owner, name, self._counted(getattr(owner, name)))
        self.trackers = [self._tracker(), self._tracker()]

    def _counted(self, method: Callable) -> Callable:
        def call(*arguments, **named):
            if self.writes == self.dies_at:
                raise KilledError
            self.writes += 1
            return method(*arguments, **named)

        return call

    def _tracker(self) -> IncidentTracker:
        return IncidentTracker(
            store=self.store,
            board=self.board,
            escalations=None,
            outbox=self.world.outbox,
            load_graph=CallGraph,
            quiet_ms=900_000,
            reopen_ms=600_000,
            gather_ms=1_500,
            clock_ms=lambda: self.world.now_ms,
            monotonic=lambda: self.world.now_ms / 1_000,
            changed=self.world.delivery.poke,
        )

    def restart(self) -> None:
        self.world.restart()
        self.trackers = [self._tracker(), self._tracker()]

    def batches(self) -> list[tuple[int, list[ConsumedError]]]:
        """An error of each service; then errors that show that one surfaces from the other."""
        start_ms = self.world.now_ms
        payment = [
            an_error(
                start_ms + n, "payment", trace_id=one, span_id="b" * 16, parent_span_id="a" * 16
            )
            for n, one in enumerate(TRACES)
        ]
        alone = [an_error(start_ms + 30_000, "order")]
        order = [
            an_error(start_ms + 31_000 + n, "order", trace_id=one, span_id="a" * 16)
            for n, one in enumerate(TRACES)
        ]
        return [
            (0, consumed(payment, 0, 0)),
            (1, consumed(alone, 1, 0)),
            (1, consumed(order, 1, 1)),
        ]

    def play(self, batches, pause_ms: int) -> None:
        """Each batch is committed once it is stored: what a kill left is sent again."""
        while batches:
            number, errors = batches[0]
            self.trackers[number].record(errors)
            del batches[0]
            self.go_on(pause_ms)

    def go_on(self, span_ms: int) -> None:
        for _ in range(span_ms // 500):
            for tracker in self.trackers:
                tracker.merge()
            self.world.views = self.views()
            self.world.run()

    def views(self) -> dict[uuid.UUID, object]:
        found = {}
        for row in self.board.read().rows.values():
            if row.founds:
                merged = row.incident_id if row.incident_id != row.placed_in else None
                found[row.placed_in] = a_view(
                    incident_id=row.placed_in,
                    merged_into=merged,
                    status="resolved" if merged else "open",
                    first_ms=row.opened_ms,
                    last_ms=self.world.now_ms,
                )
        return found

    def check(self) -> None:
        views = self.views()
        [standing] = [key for key, view in views.items() if view.merged_into is None]
        posts = self.world.posts
        told = [one.key.about for one in posts]
        assert told.count(standing) == 1
        assert len(set(told)) == len(told)
        for one in posts:
            if one.key.about != standing:
                assert views[one.key.about].merged_into == standing
                # It went out before the merge, and was updated since.
                assert str(standing) not in plain_text(one.note.parts)
                last = one.updates[-1] if one.updates else one.note
                assert str(standing) in plain_text(last.parts)


def consumed(errors, partition: int, offset: int) -> list[ConsumedError]:
    return [
        ConsumedError(
            one,
            partition,
            offset + number,
            f"boom of {one.service_name}",
            uuid.uuid5(uuid.NAMESPACE_OID, one.service_name),
            one.timestamp_ms,
        )
        for number, one in enumerate(errors)
    ]


# The merge comes before the first notices are due, and after both are out.
@pytest.mark.parametrize("pause_ms", [500, 5_000])
@pytest.mark.parametrize("dies_at", range(-1, WRITES))
def test_killed_at_any_write_of_a_merge_the_standing_incident_is_told_once(
    dies_at: int, pause_ms: int
) -> None:
    shop = Shop()
    batches = shop.batches()
    shop.dies_at = dies_at
    try:
        shop.play(batches, pause_ms)
        shop.go_on(60_000)
    except KilledError:
        shop.dies_at = -1
        shop.restart()
        shop.play(batches, pause_ms)
        shop.go_on(90_000)
    shop.check()
    assert len(shop.views()) == 2


def test_there_is_a_kill_at_each_write() -> None:
    shop = Shop()
    shop.play(shop.batches(), 5_000)
    shop.go_on(60_000)
    assert 20 < shop.writes < WRITES
