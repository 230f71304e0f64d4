"""Windows, samples, changes of rates, what is kept of them, and when it is gathered."""

from __future__ import annotations

import dataclasses
import itertools
import random
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import (
    ContextLog,
    ErrorMinute,
    IncidentContext,
    IncidentView,
    NormalRanking,
    RateChange,
    Suspect,
    TimelineEntry,
)
from log_analyzer.context.assembly import ServiceSamples, make_context
from log_analyzer.context.schedule import (
    GATHER_PAUSE_MS,
    GATHERS_OF_A_STAGE,
    LATE_MS,
    Gathers,
    Standing,
    gather_due,
    standing_of,
)
from log_analyzer.context.selection import (
    LOGS_BEFORE_SHOWN,
    LOGS_OF_A_TRACE_SHOWN,
    TRACES_READ,
    choose_traces,
    learned,
    logs_before,
    trace_logs,
    with_evidence,
)
from log_analyzer.context.store import decoded, encoded
from log_analyzer.context.template_rates import new_logs, rate_changes, rate_difference, usual
from log_analyzer.context.windows import (
    MINUTE_MS,
    LogSample,
    Window,
    sampled,
    window_before,
    window_since,
    windows_of_the_hour_before,
)
from log_analyzer.episodes.tally import MINUTES_KEPT
from log_analyzer.suspects.onset import PAUSE_MS, onset_ms
from log_analyzer.suspects.window import window_around
from log_templates.miner import TemplateMiner
from tests.unit.log_analyzer.context.incident_parts import START_MS, a_log, an_error, an_incident

HOUR_MS = 60 * MINUTE_MS


def a_sample(logs: list[LogEvent], start: int, end: int, *, complete: bool = True) -> LogSample:
    return LogSample("payment", START_MS + start, START_MS + end, tuple(logs), complete)


def logs_each(period_ms: int, start: int, end: int, message: str, level: str = "INFO"):
    return [a_log("payment", at, level, message) for at in range(start, end, period_ms)]


def test_the_hour_before_is_sampled_by_whole_minutes_that_end_before_the_error() -> None:
    first = START_MS + 17_250
    windows = windows_of_the_hour_before("payment", first)
    for window in windows:
        assert window.start_ms % MINUTE_MS == 0
        assert window.end_ms - window.start_ms == MINUTE_MS
        assert first - HOUR_MS - MINUTE_MS <= window.start_ms < window.end_ms < first
    assert window_before("payment", first).end_ms == first
    assert window_since("payment", first, first).end_ms == first + 1
    assert window_since("payment", first, first + HOUR_MS).end_ms == first + MINUTE_MS + 1


def test_a_part_cut_at_its_limit_shortens_the_time_that_the_sample_stands_for() -> None:
    whole = [a_log("payment", at) for at in (0, 10_000, 50_000)]
    cut = [a_log("payment", at) for at in (55_000, 50_000, 40_000)]
    sample = sampled(Window("payment", START_MS, START_MS + MINUTE_MS), [whole, cut, []], limit=3)
    assert sample.from_ms == START_MS + 40_001
    assert [log.timestamp_ms - START_MS for log in sample.logs] == [50_000, 50_000, 55_000]
    assert sample.complete
    assert not sampled(Window("payment", START_MS, START_MS + 1), [[], None], limit=3).complete


@given(
    st.lists(st.lists(st.integers(0, 999), max_size=30), min_size=1, max_size=4), st.integers(1, 20)
)
def test_a_sample_never_claims_time_whose_logs_it_may_lack(
    parts: list[list[int]], limit: int
) -> None:
    stored = [[a_log("payment", at) for at in sorted(part, reverse=True)] for part in parts]
    read = [part[:limit] for part in stored]
    sample = sampled(Window("payment", START_MS, START_MS + 1_000), read, limit)
    there = {
        log.log_id
        for part in stored
        for log in part
        if sample.from_ms <= log.timestamp_ms < sample.end_ms
    }
    assert {log.log_id for log in sample.logs} == there


def test_a_changed_rate_is_told_with_figures_and_the_time_that_was_sampled() -> None:
    before = a_sample(
        logs_each(2_000, 0, 60_000, "charged 7 EUR")
        + logs_each(1_000, 0, 60_000, "risk is 3", "DEBUG"),
        0,
        60_000,
    )
    now = a_sample(
        logs_each(1_000, 60_000, 90_000, "risk is 4", "DEBUG")
        + logs_each(500, 60_000, 90_000, "waited 1500 ms for a connection", "WARN"),
        60_000,
        90_000,
    )
    more, less = rate_changes([before], now, TemplateMiner())
    assert (more.level, more.before_per_minute, more.now_per_minute) == ("WARN", 0.0, 120.0)
    assert more.template.startswith("waited")
    assert (less.template, less.now_per_minute) == ("charged <*> EUR", 0.0)
    assert (less.before_seconds, less.now_seconds) == (60.0, 30.0)


def test_nothing_is_said_of_rates_where_the_samples_are_too_short_or_broken() -> None:
    before = a_sample(logs_each(100, 0, 60_000, "a"), 0, 60_000)
    now = a_sample(logs_each(10, 60_000, 61_000, "b"), 60_000, 61_000)
    assert rate_changes([before], now, TemplateMiner()) == ()
    long = logs_each(10, 60_000, 90_000, "b")
    assert rate_changes([before], a_sample(long, 60_000, 90_000), TemplateMiner())
    broken = a_sample(long, 60_000, 90_000, complete=False)
    assert rate_changes([before], broken, TemplateMiner()) == ()
    assert rate_changes([], a_sample(long, 60_000, 90_000), TemplateMiner()) == ()


def test_equal_rates_seldom_pass_for_a_change() -> None:
    chance, found = random.Random(4), 0
    for _ in range(300):
        before = [a_log("payment", chance.randrange(60_000)) for _ in range(200)]
        now = [a_log("payment", 60_000 + chance.randrange(30_000)) for _ in range(100)]
        miner = TemplateMiner()
        samples = [a_sample(before, 0, 60_000)]
        found += len(rate_changes(samples, a_sample(now, 60_000, 90_000), miner))
    assert found == 0


@given(st.integers(0, 500), st.integers(0, 500), st.floats(1, 300), st.floats(1, 300))
def test_the_difference_of_two_rates_turns_its_sign_with_them(
    one: int, other: int, seconds: float, seconds_other: float
) -> None:
    there = rate_difference(one, seconds, other, seconds_other)
    back = rate_difference(other, seconds_other, one, seconds)
    assert there == pytest.approx(-back, abs=1e-6)
    assert rate_difference(one, seconds, one, seconds) == 0


def test_a_young_service_is_compared_with_the_minute_before_and_an_unheard_one_with_nothing() -> (
    None
):
    silent = a_sample([], -HOUR_MS, -HOUR_MS + MINUTE_MS)
    hour = a_sample(logs_each(1_000, -HOUR_MS, -HOUR_MS + MINUTE_MS, "a"), -HOUR_MS, -HOUR_MS + 60)
    minute = a_sample(logs_each(1_000, -60_000, 0, "a"), -60_000, 0)
    assert usual([silent, hour], minute) == (silent, hour)
    assert usual([silent], minute) == (minute,)
    assert usual([silent], a_sample([], -60_000, 0)) == ()
    assert usual([dataclasses.replace(hour, complete=False)], minute) == (minute,)


def test_the_first_log_of_a_new_kind_is_told_and_errors_and_debug_are_not() -> None:
    before = a_sample(logs_each(1_000, 0, 60_000, "charged 7 EUR"), 0, 60_000)
    deployed = a_log("payment", 61_000, "INFO", "Deployment finished: 2.14.0 is live")
    logs = [
        deployed,
        a_log("payment", 61_500, "INFO", "Deployment finished: 2.14.0 is live"),
        a_log("payment", 60_500, "INFO", "charged 8 EUR"),
        a_log("payment", 60_600, "DEBUG", "a new detail"),
        a_log("payment", 60_700, "ERROR", "cannot charge"),
    ]
    [entry] = new_logs([before], logs, TemplateMiner())
    assert (entry.log_id, entry.timestamp_ms) == (deployed.log_id, deployed.timestamp_ms)
    assert "Deployment finished" in entry.text
    assert new_logs([], logs, TemplateMiner()) == ()


def test_traces_are_the_earliest_and_those_that_touch_most_services() -> None:
    evidence = [an_error("order", number, f"{number:04x}") for number in range(60)]
    wide = [an_error(name, 59, f"{59:04x}") for name in ("payment", "gateway")]
    chosen = choose_traces([*evidence, *wide, an_error("order", 3)])
    assert len(chosen) == TRACES_READ
    assert chosen[:3] == ("0000", "0001", "0002")
    assert f"{59:04x}" in chosen
    shuffled = [*wide, *reversed(evidence)]
    assert choose_traces(shuffled) == chosen
    assert choose_traces([an_error("order", 3)]) == ()


def test_what_the_incident_keeps_completes_what_is_stored_of_its_traces() -> None:
    kept = an_error("order", 5, "aa")
    stored = a_log("order", 5, "ERROR", "whole text", trace="aa", log_id=kept.log_id)
    other = a_log("gateway", 1, "INFO", "hello", trace="aa")
    assert with_evidence([[stored, other]], [kept]) == ((other, stored),)
    [[alone]] = with_evidence([], [kept])
    assert (alone.log_id, alone.message, alone.is_error) == (kept.log_id, "order failed", True)


def test_a_long_trace_keeps_its_worst_lines_in_order_of_time() -> None:
    trace = [a_log("order", at, "DEBUG", f"step {at}", trace="aa") for at in range(100)]
    trace[70] = a_log("order", 70, "ERROR", "x" * 2_000, trace="aa")
    shown = trace_logs([trace], [trace[70].log_id])
    assert len(shown) == LOGS_OF_A_TRACE_SHOWN
    assert shown[-1].log_id == trace[70].log_id
    assert len(shown[-1].message) == 500
    assert [one.timestamp_ms for one in shown] == sorted(one.timestamp_ms for one in shown)
    assert trace_logs([trace], ["unknown"]) == ()


def test_of_the_logs_before_warnings_come_first_and_each_template_once() -> None:
    warn = a_log("payment", 0, "WARN", "pool is at 20 of 20")
    words = ["".join(letters) for letters in itertools.product("abc", "defg", "hijk")]
    chatter = [
        a_log("payment", at, "INFO", f"{word} {word[::-1]} {word * 2}")
        for at, word in enumerate(words[:39], start=1)
    ]
    again = [a_log("payment", 50 + at, "INFO", f"charged {at} EUR") for at in range(10)]
    logs = [*chatter, warn, *again]
    kept = logs_before(logs, learned(logs))
    assert len(kept) == LOGS_BEFORE_SHOWN
    assert kept[0].log_id == warn.log_id
    assert sum("charged" in one.message for one in kept) == 1
    assert kept[-1].log_id == again[-1].log_id


def test_a_context_says_what_changed_and_leaves_out_what_is_not_stored_yet() -> None:
    hour = tuple(
        a_sample(logs_each(1_000, at, at + 60_000, "charged 7 EUR"), at, at + 60_000)
        for at in (-3_600_000, -1_800_000)
    )
    minute = a_sample(logs_each(1_000, -60_000, 0, "charged 7 EUR"), -60_000, 0)
    # Errors came for a minute, but the stored logs reach only 12 s of it.
    since = a_sample(
        logs_each(1_000, 0, 12_000, "charged 7 EUR")
        + logs_each(200, 0, 12_000, "no connection", "WARN"),
        0,
        60_000,
    )
    samples = ServiceSamples(a_sample([], -60_000, 0), minute, since, hour)
    suspect = Suspect("payment", ("because",))
    context = make_context((suspect,), [], [samples], gathered_ms=5)
    [change] = context.rate_changes
    assert (change.template, change.before_per_minute) == ("no connection", 0.0)
    assert change.now_per_minute == pytest.approx(300, rel=0.1)
    assert (change.before_seconds, change.now_seconds) == (120.0, 11.8)
    [entry] = context.timeline
    assert "no connection" in entry.text
    assert [one.message for one in context.logs_before] == ["charged 7 EUR"]
    assert (context.suspects, context.gathered_ms) == ((suspect,), 5)


def test_a_context_of_nothing_is_empty() -> None:
    assert make_context((), [], [], 5) == IncidentContext(5)


AS_IT_WAS = Standing(10**8, is_over=False, size="as it was")
GROWN = replace(AS_IT_WAS, size="grown")


def gathered(count: int, now_ms: int, of: Standing = AS_IT_WAS, size: str = "") -> Gathers:
    found = Gathers()
    for _ in range(count):
        found = found.next(of, now_ms)
    return replace(found, size=size)


def test_gathering_again_takes_growth_a_pause_and_ends_after_six() -> None:
    now = 10**9
    assert gather_due(Gathers(), AS_IT_WAS, now)
    done = gathered(1, now, size=AS_IT_WAS.size)
    assert not gather_due(done, AS_IT_WAS, now + 10 * GATHER_PAUSE_MS)
    assert not gather_due(done, GROWN, now + GATHER_PAUSE_MS - 1)
    assert gather_due(done, GROWN, now + GATHER_PAUSE_MS)
    # One that died or found too little has no size.
    assert gather_due(gathered(1, now), AS_IT_WAS, now + GATHER_PAUSE_MS)
    last = gathered(GATHERS_OF_A_STAGE, now)
    assert not gather_due(last, GROWN, now + 10 * GATHER_PAUSE_MS)


@pytest.mark.parametrize(
    "later", [replace(AS_IT_WAS, is_over=True), replace(AS_IT_WAS, onset_ms=2 * 10**8)]
)
def test_what_begins_anew_or_is_over_is_gathered_up_to_six_times_more(later: Standing) -> None:
    now = 10**9
    found = gathered(GATHERS_OF_A_STAGE, now)
    for _ in range(GATHERS_OF_A_STAGE):
        assert gather_due(found, later, now + GATHER_PAUSE_MS)
        found = found.next(later, now)
    assert not gather_due(found, later, now + GATHER_PAUSE_MS)
    # A late error moves the onset a little.
    moved = replace(later, onset_ms=later.onset_ms - 30_000)
    assert not gather_due(found, moved, now + GATHER_PAUSE_MS)
    assert not gather_due(found, later, now + GATHER_PAUSE_MS - 1)


@given(
    st.builds(
        Gathers,
        st.integers(1, 50),
        st.integers(0, 2**40),
        st.integers(0, 2**45),
        st.booleans(),
        st.integers(0, 40),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    )
)
def test_how_an_incident_stood_is_stored_and_read_again(gathers: Gathers) -> None:
    assert Gathers.from_note(gathers.count, gathers.claimed_ms, gathers.note) == gathers


@pytest.mark.parametrize("note", ["", "3 groups", "1772366400000: 3 groups, 10^2 errors, order"])
def test_a_note_of_an_older_program_is_of_another_stage(note: str) -> None:
    found = Gathers.from_note(6, 5, note)
    assert gather_due(found, AS_IT_WAS, 5 + GATHER_PAUSE_MS)


MINUTE_MS = 60_000
FIRST_MINUTE_MS = START_MS - START_MS % MINUTE_MS


def with_errors(**fields: Any) -> IncidentView:
    """An incident with so many errors by minute after the first."""
    minutes: dict[int, int] = fields.pop("minutes")
    found = tuple(
        ErrorMinute("order", FIRST_MINUTE_MS + at * MINUTE_MS, count)
        for at, count in minutes.items()
    )
    last_ms = FIRST_MINUTE_MS + max(minutes) * MINUTE_MS + 10_000
    return an_incident(error_minutes=found, **{"last_ms": last_ms, **fields})


def onset_minute(view: IncidentView) -> float:
    return (onset_ms(view) - FIRST_MINUTE_MS) / MINUTE_MS


def test_what_came_back_after_a_pause_begins_anew_with_its_first_error() -> None:
    first = with_errors(minutes={0: 4})
    assert onset_ms(first) == first.first_ms
    back = PAUSE_MS // MINUTE_MS + 2
    again = with_errors(minutes={0: 4, back: 4, back + 1: 4})
    assert onset_minute(again) == back
    error = replace(an_error("7f", 0), timestamp_ms=FIRST_MINUTE_MS + back * MINUTE_MS + 58_000)
    seen = replace(again, evidence=(*again.evidence, error))
    assert onset_ms(seen) == error.timestamp_ms


def test_a_flood_out_of_errors_that_always_come_is_a_beginning() -> None:
    ambient = dict.fromkeys(range(0, 171, 10), 1)
    assert onset_ms(with_errors(minutes=ambient)) == an_incident().first_ms
    flood = with_errors(minutes={**ambient, 175: 30, 176: 400, 177: 300})
    assert onset_minute(flood) == 175
    # The storm itself, and its end, are no other.
    assert onset_minute(with_errors(minutes={0: 30, 1: 900, 2: 800, 9: 900, 20: 3})) < 1


def test_of_a_long_incident_the_beginning_that_was_compared_is_remembered() -> None:
    since, kept = 60, dict.fromkeys(range(61, 61 + MINUTES_KEPT), 5)
    forgotten = with_errors(minutes=kept)
    assert onset_ms(forgotten) == forgotten.first_ms
    window = window_around(FIRST_MINUTE_MS + since * MINUTE_MS)
    ranking = NormalRanking("stock", (), True, "v", 0, window.start_ms, window.end_ms, 9)
    context = IncidentContext(0, ranking=ranking)
    assert onset_minute(replace(forgotten, context=context)) == since


def test_an_incident_has_grown_with_services_groups_and_tenfold_counts_only() -> None:
    def standing(**fields: Any) -> Standing:
        return standing_of(an_incident(**fields), START_MS)

    view = standing(error_count=120)
    assert standing(error_count=999, status="resolved") == view
    assert standing(error_count=1_000) != view
    assert standing(error_count=120, services=("order", "payment", "mail")) != view
    assert standing(error_count=120, services=("payment", "order")) == view


def test_the_time_to_compare_is_over_when_its_late_logs_are_stored() -> None:
    view = an_incident()
    end_ms = window_around(view.first_ms).end_ms + LATE_MS
    assert not standing_of(view, end_ms - 1).is_over
    assert standing_of(view, end_ms).is_over


some_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contexts = st.builds(
    IncidentContext,
    gathered_ms=st.integers(0, 2**42),
    suspects=st.lists(
        st.builds(
            Suspect,
            some_text,
            st.lists(some_text, max_size=2).map(tuple),
            st.floats(0, 1),
            st.lists(some_text, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    timeline=st.lists(
        st.builds(
            TimelineEntry, st.integers(0, 2**42), some_text, some_text, st.none() | some_text
        ),
        max_size=2,
    ).map(tuple),
    trace_logs=st.lists(
        st.builds(
            ContextLog,
            some_text,
            st.integers(0, 2**42),
            some_text,
            some_text,
            some_text,
            st.none() | some_text,
        ),
        max_size=2,
    ).map(tuple),
    rate_changes=st.lists(
        st.builds(
            RateChange, some_text, some_text, some_text, *[st.floats(0, 1e6) for _ in range(4)]
        ),
        max_size=2,
    ).map(tuple),
)


@given(contexts)
def test_a_stored_context_is_read_as_it_was_written(context: IncidentContext) -> None:
    assert decoded(1, encoded(context), uuid.uuid4()) == context


@pytest.mark.parametrize(("version", "body"), [(2, "{}"), (None, "{}"), (1, "{}"), (1, "rubbish")])
def test_a_context_of_another_program_is_no_context(version: int | None, body: str) -> None:
    assert decoded(version, body, uuid.uuid4()) is None
