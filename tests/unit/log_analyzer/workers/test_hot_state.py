"""Which minutes the copier copies, without Redis."""

from __future__ import annotations

from datetime import UTC, datetime

from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from firstcause.hot_state.records import HORIZON_MS, HotState
from firstcause.storage.window_metrics import StreamProgress
from log_analyzer.workers.hot_state import PAUSE_SECONDS, WHOLE_SECONDS, HotStateCopier

NOW_MS = 1_000 * MINUTE_MS + 30_000
MINUTE = 1_000


class Written:
    """Stands for Redis."""

    def __init__(self) -> None:
        self.minutes: dict[tuple[str, int], WindowMetrics | None] = {}
        self.states: list[HotState] = []
        self.lost = False

    def has_all(self) -> bool:
        return bool(self.states) and not self.lost

    def put(self, minutes: dict) -> None:
        self.minutes.update(minutes)

    def seal(self, state: HotState) -> None:
        self.states.append(state)
        self.lost = False

    def taken(self) -> list[int]:
        """The numbers of the minutes written since the last look."""
        found = sorted({start_ms // MINUTE_MS for _, start_ms in self.minutes})
        self.minutes.clear()
        return found


class World:
    """A clock, windows, and a copier of them."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.seconds = 0.0
        self.written = Written()
        self.windows: list[WindowMetrics] = []
        self.stream: StreamProgress | None = StreamProgress(998 * MINUTE_MS + 1, NOW_MS)
        self.heard = {"cart": datetime.fromtimestamp(1, UTC)}
        self.copier = HotStateCopier(
            windows=self,
            services=lambda: self.heard,
            open_alerts=lambda _: {"cart": 2},
            writer=self.written,
            clock_ms=lambda: self.now_ms,
            monotonic=lambda: self.seconds,
        )

    def between(
        self, service: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> list[WindowMetrics]:
        return [
            one
            for one in self.windows
            if one.service_name == service and start_ms <= one.start_ms < end_ms
        ]

    def progress(self) -> StreamProgress | None:
        return self.stream

    def later(self, seconds: float, *, stream: bool = False) -> list[int]:
        """The minutes that a pass after so long copies; `stream`: it wrote meanwhile."""
        self.seconds += seconds
        self.now_ms += int(seconds * 1_000)
        if stream:
            mark = self.stream.watermark_ms + int(seconds * 1_000)
            self.stream = StreamProgress(mark, self.now_ms)
        self.copier.run_once()
        return self.written.taken()


def a_window(service: str, minute: int) -> WindowMetrics:
    start_ms = minute * MINUTE_MS
    return WindowMetrics(service, WindowKind.MINUTE, start_ms, start_ms + MINUTE_MS, events=3)


def test_the_first_pass_copies_all_and_a_minute_ahead() -> None:
    world = World()
    world.windows = [a_window("cart", MINUTE - 3), a_window("", MINUTE - 3)]
    world.copier.run_once()
    written = dict(world.written.minutes)
    assert written["cart", (MINUTE - 3) * MINUTE_MS] == world.windows[0]
    assert written["", (MINUTE - 3) * MINUTE_MS] == world.windows[1]
    assert written["cart", (MINUTE - 2) * MINUTE_MS] is None
    assert world.written.taken() == list(range(MINUTE - HORIZON_MS // MINUTE_MS, MINUTE + 2))
    (state,) = world.written.states
    assert state == HotState(NOW_MS, NOW_MS, {"cart": 1_000}, {"cart": 2})


def test_later_passes_copy_what_may_have_changed() -> None:
    world = World()
    world.later(0)
    assert world.later(PAUSE_SECONDS / 2, stream=True) == []
    # From the watermark of the last pass on: an event that was late then may have come since.
    assert world.later(PAUSE_SECONDS, stream=True) == [998, 999, 1_000, 1_001]
    assert world.later(PAUSE_SECONDS) == []
    assert len(world.written.states) == 3
    assert world.later(60) == [1_002]
    world.stream = StreamProgress(990 * MINUTE_MS, world.now_ms)
    assert world.later(PAUSE_SECONDS) == list(range(990, 1_003))


def test_all_is_copied_once_in_a_while_or_where_redis_or_the_services_changed() -> None:
    world = World()
    world.later(0)
    assert len(world.later(WHOLE_SECONDS)) > 60
    assert world.later(PAUSE_SECONDS) == []
    world.written.lost = True
    assert len(world.later(PAUSE_SECONDS)) > 60
    world.heard["order"] = datetime.fromtimestamp(2, UTC)
    assert len(world.later(PAUSE_SECONDS)) > 60
    assert world.later(PAUSE_SECONDS) == []


def test_without_a_stream_windows_of_the_backfill_are_copied() -> None:
    world = World()
    world.stream = None
    world.later(0)
    assert world.later(60) == [1_002]
    assert world.written.states[-1].stream_ms is None
