from __future__ import annotations

import dataclasses
import random
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.incidents.view import ErrorGroup
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.suspects.trace_spans import calls_of
from log_analyzer.suspects.trace_suspects import rank_suspects
from log_templates.miner import TemplateMiner
from tests.unit.log_analyzer.context.incident_parts import START, START_MS, a_log, in_traces


def groups(logs: list[LogEvent]) -> list[ErrorGroup]:
    miner, found = TemplateMiner(), {}
    for log in logs:
        if log.is_error:
            key = (log.service_name, miner.add(log.message).text)
            count, first, last = found.get(key, (0, log.timestamp_ms, 0))
            last = max(last, log.timestamp_ms)
            found[key] = (count + 1, min(first, log.timestamp_ms), last)
    return [ErrorGroup(derived_id("group", *key), *key, *rest) for key, rest in found.items()]


def a_scenario(name: str, seed: int) -> tuple[str, list[LogEvent]]:
    """The true culprit, and what all services log while the fault begins."""
    stream = EventStream(GeneratorParameters(100, 45, scenario=name, seed=seed, start=START))
    assert stream.scenario is not None
    logs = [read_log_event(value, 2**42) for batch in stream.batches() for value in batch.values]
    return stream.scenario.culprit, logs


def ranked(logs: list[LogEvent]) -> list[str]:
    traces = [trace for trace in in_traces(logs) if any(log.is_error for log in trace)][:24]
    graph = CallGraph(calls_of(in_traces(logs)[:100]))
    return [one.service_name for one in rank_suspects(traces, groups(logs), graph)]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", failing_scenario_names())
def test_the_culprit_of_every_scenario_comes_first_also_the_one_without_errors(
    name: str, seed: int
) -> None:
    culprit, logs = a_scenario(name, seed)
    assert ranked(logs)[0] == culprit


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_service_that_has_gone_silent_is_blamed_by_those_who_waited_for_it(seed: int) -> None:
    culprit, logs = a_scenario("slow_dependency", seed)
    silent = [
        log for log in logs if log.service_name != culprit or log.timestamp_ms < START_MS + 20_000
    ]
    assert ranked(silent)[0] == culprit


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["db_pool_exhausted", "bad_deployment", "slow_dependency"])
def test_without_attributes_and_status_codes_messages_and_spans_are_enough(
    name: str, seed: int
) -> None:
    culprit, logs = a_scenario(name, seed)
    bare = [dataclasses.replace(log, attributes={}, status_code=None) for log in logs]
    assert ranked(bare)[0] == culprit


def test_reasons_are_sentences_with_figures_and_log_ids() -> None:
    first = a_log("payment", 10, "ERROR", "card refused", span="p", parent="o", trace="t")
    trace = [
        a_log("gateway", 0, "INFO", "POST /orders", span="g", trace="t"),
        first,
        a_log("order", 12, "ERROR", "payment answered 500", span="o", parent="g", trace="t"),
        a_log("gateway", 13, "ERROR", "order answered 502", span="g", trace="t"),
    ]
    group = ErrorGroup(uuid.UUID(int=1), "payment", "card refused", 43, START_MS + 10, START_MS)
    suspects = rank_suspects([trace], [group], CallGraph(calls_of([trace])))
    assert [one.service_name for one in suspects] == ["payment", "order", "gateway"]
    assert suspects[0].reasons == (
        f"payment failed first in 1 of 1 failing trace (log {first.log_id}); gateway and order "
        "fail above it.",
        "payment logged 43 errors since 2026-03-01 12:00:00 UTC, among the first.",
    )
    assert (suspects[0].score, suspects[0].log_ids) == (1.0, (first.log_id,))
    assert suspects[1].reasons == ("order fails above payment in 1 of 1 failing trace.",)


def test_a_callee_that_answered_well_is_not_blamed_for_its_callers_error() -> None:
    trace = [
        a_log("order", 0, "INFO", "place", span="o", trace="t"),
        a_log("payment", 5, "INFO", "done", span="p", parent="o", trace="t", status_code=200),
        a_log("order", 9, "ERROR", "payment answer timeout parsed badly", span="o", trace="t"),
    ]
    assert rank_suspects([trace], [], CallGraph())[0].service_name == "order"


def test_a_caller_that_is_named_in_an_error_is_no_callee() -> None:
    trace = [
        a_log("order", 0, "ERROR", "payment failed", span="o", trace="t"),
        a_log("payment", 5, "ERROR", "cannot charge for order 7", span="p", parent="o", trace="t"),
    ]
    graph = CallGraph([("order", "payment")])
    assert rank_suspects([trace], [], graph)[0].service_name == "payment"


def test_without_traces_the_call_graph_goes_before_the_clock() -> None:
    early = ErrorGroup(uuid.UUID(int=1), "order", "x", 5, START_MS, START_MS)
    late = ErrorGroup(uuid.UUID(int=2), "payment", "y", 5, START_MS + 800, START_MS + 900)
    alone = ErrorGroup(uuid.UUID(int=3), "mail", "z", 5, START_MS + 900, START_MS + 900)
    suspects = rank_suspects([], [early, late, alone], CallGraph([("order", "payment")]))
    assert [one.service_name for one in suspects] == ["payment", "mail", "order"]
    assert suspects[0].reasons == (
        "payment logged 5 errors since 2026-03-01 12:00:00 UTC, 0.8 s after the first.",
    )


names = st.sampled_from(["a", "b", "c", "d"])
spans = st.sampled_from(["1", "2", "3", "4", "5"])
any_log = st.builds(
    a_log,
    service=names,
    at=st.integers(0, 50),
    level=st.sampled_from(["INFO", "WARN", "ERROR"]),
    message=st.sampled_from(["ok", "b timeout", "no answer", "c answered 500"]),
    span=st.none() | spans,
    parent=st.none() | spans,
    trace=st.sampled_from(["t1", "t2", "t3"]),
    status_code=st.none() | st.sampled_from([200, 404, 499, 503]),
    log_id=st.uuids().map(str),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(any_log, max_size=25), st.sets(st.tuples(names, names)), st.randoms())
def test_the_order_of_arrival_makes_no_difference_whatever_the_spans_say(
    logs: list[LogEvent], calls: set[tuple[str, str]], chance: random.Random
) -> None:
    # Loops among the parents, and spans of two services, are possible here.
    graph, found = CallGraph(calls), groups(logs)
    before = rank_suspects(in_traces(logs), found, graph)
    chance.shuffle(logs)
    chance.shuffle(found)
    traces = in_traces(logs)
    chance.shuffle(traces)
    assert rank_suspects(traces, found, graph) == before
    named = [one.service_name for one in before]
    assert len(named) == len(set(named))
    assert {one.service_name for one in found} <= set(named)
    assert sum(one.score for one in before) == pytest.approx(0, abs=1e-9) or sum(
        one.score for one in before
    ) == pytest.approx(1, abs=0.01)
