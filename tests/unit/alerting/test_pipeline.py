"""Firstcause's own pipeline: what is an alert, what is none, and what a restart changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.alert import Alert
from alerting.pipeline import JobReading, PipelineJudge, PipelineLimits, Reading
from alerting.windows import MINUTE_MS

START_MS = 1_767_225_600_000
LIMITS = PipelineLimits(silent_ms=15 * MINUTE_MS, stalled_ms=10 * MINUTE_MS)


def reading(
    at: int,
    *,
    quiet: float | None = 0,
    letters: int | None = 0,
    jobs: Sequence[tuple[str, float, float, int | None]] = (),
) -> Reading:
    """Minutes since the last log, since heartbeats and since progress; all before `at`."""
    at_ms = START_MS + at * MINUTE_MS

    def ago(minutes: float) -> int:
        return at_ms - int(minutes * MINUTE_MS)

    return Reading(
        at_ms,
        None if quiet is None else ago(quiet),
        letters,
        [JobReading(job, ago(beat), ago(done), lag) for job, beat, done, lag in jobs],
    )


def judged(readings: Sequence[Reading], judge: PipelineJudge | None = None) -> dict[str, Alert]:
    judge = judge or PipelineJudge(LIMITS, since_ms=0)
    last: dict[str, Alert] = {}
    for one in readings:
        last.update((alert.rule, alert) for alert in judge.judge(one))
    return last


def ended(alert: Alert) -> int | None:
    return None if alert.resolved_ms is None else (alert.resolved_ms - START_MS) // MINUTE_MS


def test_no_log_from_any_source_is_an_alert_until_one_comes() -> None:
    readings = [reading(at, quiet=at) for at in range(1, 21)]
    assert judged(readings[:15]) == {}
    (alert,) = judged(readings).values()
    assert (alert.rule, alert.severity, alert.service_name, alert.kind) == (
        "no_logs",
        "high",
        "firstcause",
        "pipeline",
    )
    assert "no log came from any source for 16 min, as of 00:16 UTC" in alert.sentence
    (alert,) = judged([*readings, reading(21)]).values()
    assert ended(alert) == 21


def test_while_nobody_ever_sent_a_log_or_kafka_is_away_nothing_is_said() -> None:
    assert judged([reading(at, quiet=None, letters=None) for at in range(60)]) == {}
    # An alert that lasts is not over because nobody knows.
    readings = [reading(20, quiet=20), *(reading(at, quiet=None) for at in range(21, 60))]
    (alert,) = judged(readings).values()
    assert alert.resolved_ms is None


@pytest.mark.parametrize(
    ("beat", "done", "said"),
    [(11, 11, "gives no sign of life for 11 min"), (0, 12, "makes no progress for 12 min")],
)
def test_a_job_that_hangs_is_an_alert(beat: float, done: float, said: str) -> None:
    alerts = judged([reading(30, jobs=[("store_logs", beat, done, 0), ("spans", 0, 0, 0)])])
    (alert,) = alerts.values()
    assert (alert.rule, alert.severity) == ("job_stalled:store_logs", "high")
    assert said in alert.sentence


def test_a_job_that_was_off_for_a_day_or_is_gone_is_not_missed() -> None:
    assert judged([reading(30, jobs=[("spans", 25 * 60, 25 * 60, 0)])]) == {}
    readings = [reading(30, jobs=[("spans", 11, 11, 0)]), *(reading(at) for at in (31, 32))]
    (alert,) = judged(readings).values()
    assert ended(alert) == 32


def since_start() -> PipelineJudge:
    """The analyzer has begun at minute 30, beside a stream that was stopped with the machine."""
    return PipelineJudge(LIMITS, since_ms=START_MS + 30 * MINUTE_MS)


def after_a_night(at: int) -> Reading:
    since = 600 + at
    return reading(at, quiet=since, jobs=[("spans", since, since, 0)])


def test_silence_counts_from_the_start_of_the_watch_on() -> None:
    assert judged([after_a_night(at) for at in range(30, 41)], since_start()) == {}
    alerts = judged([after_a_night(at) for at in range(30, 46 + 1)], since_start())
    assert sorted(alerts) == ["job_stalled:spans", "no_logs"]
    # So long, and no longer, has it been missed.
    assert "gives no sign of life for 11 min" in alerts["job_stalled:spans"].sentence
    assert "no log came from any source for 16 min" in alerts["no_logs"].sentence


def test_what_lasted_before_a_restart_is_not_over_because_of_it() -> None:
    before = judged([after_a_night(29)])
    assert len(before) == 2
    judge = since_start()
    judge.resume(before.values(), START_MS + 30 * MINUTE_MS)
    assert judged([after_a_night(at) for at in range(30, 40)], judge) == {}
    after = judged([after_a_night(at) for at in range(40, 50)], judge)
    assert {one.alert_id for one in after.values()} == {one.alert_id for one in before.values()}


def test_a_job_that_somebody_stopped_is_not_missed_and_what_it_had_is_over() -> None:
    stopped = JobReading("spans", None, None, None, is_stopped=True)
    lags = [(at, 5_000 * at) for at in range(11)]
    readings = [reading(at, jobs=[("spans", at, at, lag)]) for at, lag in lags]
    readings += [replace(reading(at), jobs=[stopped]) for at in range(11, 40)]
    alerts = judged([*readings[:10], reading(10, jobs=[("spans", 11, 11, 50_000)]), *readings[11:]])
    assert {name: ended(one) for name, one in alerts.items()} == {
        "job_behind:spans": 15,
        "job_stalled:spans": 12,
    }


def test_what_was_never_read_here_is_left_to_whoever_reads_it() -> None:
    (alert,) = judged([reading(30, jobs=[("spans", 11, 11, 0)])]).values()
    other = PipelineJudge(LIMITS, since_ms=0)
    for at in range(31, 60):
        other.resume([alert], START_MS + at * MINUTE_MS)
        assert other.judge(reading(at)) == []
    # Once the stream is read here too, its end is seen here too.
    other.resume([alert], START_MS + 60 * MINUTE_MS)
    alerts = judged([reading(at, jobs=[("spans", 0, 0, 0)]) for at in (60, 61)], other)
    assert ended(alerts["job_stalled:spans"]) is not None


def test_an_end_that_another_instance_saw_is_not_undone() -> None:
    (alert,) = judged([reading(30, jobs=[("spans", 11, 11, 0)])]).values()
    other = PipelineJudge(LIMITS, since_ms=0)
    other.resume([alert], START_MS + 31 * MINUTE_MS)
    other.judge(reading(31))
    other.resume([replace(alert, resolved_ms=alert.window_end_ms)], START_MS + 32 * MINUTE_MS)
    (anew,) = judged([reading(90, jobs=[("spans", 11, 11, 0)])], other).values()
    assert anew.alert_id != alert.alert_id


def lagging(lags: Sequence[int | None]) -> list[Reading]:
    return [reading(at, jobs=[("store_logs", 0, 0, lag)]) for at, lag in enumerate(lags)]


def test_a_lag_that_grows_is_an_alert_and_one_that_shrinks_is_none() -> None:
    growing = [5_000 * at for at in range(11)]
    (alert,) = judged(lagging(growing)).values()
    assert alert.rule == "job_behind:store_logs"
    assert "50,000 messages behind, 50,000 more than 10 min ago" in alert.sentence
    # Back to nothing: over after five minutes that are no worse than ten minutes before.
    (alert,) = judged(lagging([*growing, *[0] * 20])).values()
    assert ended(alert) is not None
    assert judged(lagging([900_000 - 50_000 * at for at in range(15)])) == {}
    assert judged(lagging([900 * at for at in range(12)])) == {}
    assert judged(lagging([None] * 20)) == {}


@pytest.mark.parametrize(
    "lags",
    [
        # After a burst it comes and goes as before, or a little more.
        [*[100] * 10, 50_000, *(300 + 300 * (at % 3) for at in range(20))],
        # It is worked off to less than half, where it wavers.
        [*(5_000 * at for at in range(11)), *(20_000 + 700 * (at % 3) for at in range(20))],
    ],
)
def test_a_lag_that_is_worked_off_is_over_though_it_wavers(lags: list[int]) -> None:
    (alert,) = judged(lagging(lags)).values()
    assert ended(alert) == 15


def test_a_lag_that_stays_where_it_has_grown_to_is_not_over() -> None:
    (alert,) = judged(lagging([*[100] * 10, *(50_000 + 100 * at for at in range(30))])).values()
    assert ended(alert) is None


def test_dead_letters_of_an_hour_are_one_alert() -> None:
    counts = [0, 3, 3, 4, *[4] * 59]
    (alert,) = judged([reading(at, letters=count) for at, count in enumerate(counts)]).values()
    assert (alert.rule, alert.severity, alert.observed) == ("dead_letters", "medium", 3)
    assert "firstcause: 3 messages became dead letters, as of 00:01 UTC" in alert.sentence
    assert alert.resolved_ms is None
    readings = [reading(at, letters=count) for at, count in enumerate([*counts, 4])]
    (alert,) = judged(readings).values()
    assert ended(alert) == 63


@given(st.lists(st.integers(0, 30), min_size=2, max_size=40), st.data())
def test_a_restart_or_another_instance_goes_on_with_the_same_alerts(
    quiet: list[int], data: st.DataObject
) -> None:
    readings = [reading(at, quiet=minutes) for at, minutes in enumerate(quiet)]
    cut = data.draw(st.integers(1, len(readings) - 1))
    whole, before = PipelineJudge(LIMITS, since_ms=0), PipelineJudge(LIMITS, since_ms=0)
    expected = {one.alert_id: one for at in readings for one in whole.judge(at)}
    found = {one.alert_id: one for at in readings[:cut] for one in before.judge(at)}
    after = PipelineJudge(LIMITS, since_ms=0)
    for at in readings[cut:]:
        # What is stored is read before each look.
        after.resume(list(found.values()), at.at_ms - MINUTE_MS)
        found.update((one.alert_id, one) for one in after.judge(at))
    assert found == expected
