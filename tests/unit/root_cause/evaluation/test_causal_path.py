"""From the culprit to the symptom: chains of services, each hop with what shows it."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from firstcause.events.log_event import LogEvent
from generators.cases.files import write_cases
from root_cause.causal_path.finding import causal_path
from root_cause.causal_path.path import NOTHING_SHOWS, CausalPath, Hop, hop_sentence
from root_cause.evaluation.labelled_cases import read_cases, read_events, read_spans
from root_cause.evaluation.measure import Conditions, outcomes
from root_cause.evaluation.path_figures import path_figures
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import learn
from tests.unit.root_cause.small_traces import START_MS, Line, trace, traffic


def broken(*_: object) -> list[Line]:
    return [
        Line(0, "web", "request"),
        Line(2, "shop", "order"),
        Line(2, "stock", "count"),
        Line(9, "stock", "no such item", "ERROR"),
        Line(1, "shop", "cannot order", "ERROR"),
        Line(1, "web", "answered 500", "ERROR"),
    ]


def whole(*_: object) -> list[Line]:
    return [replace(line, level="INFO", message="done") for line in broken()]


def path(
    events: list[LogEvent], culprit: str = "stock", normal: Normal | None = None
) -> CausalPath:
    return causal_path(events, (), normal or Normal(), culprit, START_MS)


def test_a_path_goes_up_to_the_last_service_that_complains() -> None:
    found = path(traffic(broken, 5))
    assert found.services == ("stock", "shop", "web")
    assert (found.culprit, found.symptom) == ("stock", "web")
    assert (found.requests, found.of_requests) == (5, 5)
    said = {event.log_id: event.message for event in traffic(broken, 5)}
    shown = [(said[hop.before.id], said[hop.after.id]) for hop in found.hops
             if hop.before and hop.after]  # fmt: skip
    assert shown == [("no such item", "cannot order"), ("cannot order", "answered 500")]


def test_hops_tell_how_many_requests_of_how_many_went_wrong() -> None:
    before = traffic(whole, 20, first=200, at_ms=START_MS - 60_000)
    events = traffic(broken, 5) + traffic(whole, 7, first=100) + before
    (hop, _) = path(events).hops
    assert (hop.failed, hop.calls) == (5, 12)
    assert (hop.failed_otherwise, hop.calls_otherwise) == (0, 20)
    assert "shop goes wrong in 5 of 12 requests that reach stock, in 0 of 20 others" in (
        hop_sentence(hop)
    )


def test_a_culprit_that_nobody_else_minds_is_a_path_of_its_own() -> None:
    lines = [Line(0, "web", "request"), Line(1, "stock", "broken", "ERROR"), Line(1, "web", "done")]
    assert path(trace(1, lines, START_MS)) == CausalPath(("stock",), (), 1, 1)


def test_errors_of_good_times_are_no_symptom() -> None:
    usual = [Line(0, "web", "request"), Line(1, "web", "no cookie", "ERROR"), Line(1, "shop", "x")]
    normal = learn(traffic(lambda *_: usual, 50), ())
    lines = [
        *usual,
        Line(1, "stock", "y"),
        Line(1, "shop", "no stock", "ERROR"),
        Line(1, "web", "z"),
    ]
    events = traffic(lambda *_: lines, 5)
    assert path(events, normal=normal).services == ("stock", "shop")
    assert path(events).services == ("stock", "shop", "web")


def test_a_culprit_that_was_never_reached_begins_the_path_of_who_names_it() -> None:
    lines = [
        Line(0, "web", "request"),
        Line(1, "shop", "asking stock"),
        Line(1, "shop", "cannot connect to stock: refused", "ERROR"),
        Line(1, "web", "answered 500", "ERROR"),
    ]
    found = path(traffic(lambda *_: lines, 3))
    assert found.services == ("stock", "shop", "web")
    assert all(hop.is_shown for hop in found.hops)


def test_without_requests_to_follow_names_lead_on() -> None:
    told = [
        Line(0, "stock", "disk is full", "ERROR"),
        Line(5, "shop", "stock did not answer", "ERROR"),
        Line(5, "web", "shop did not answer", "ERROR"),
    ]
    events = [replace(one, trace_id=None, span_id=None) for one in trace(1, told, START_MS)]
    found = path(events)
    assert found.services == ("stock", "shop", "web")
    assert [hop.before and hop.before.log_id for hop in found.hops] == [
        event.log_id for event in events[:2]
    ]
    other_words = replace(events[1], message="http://stock:8080 did not answer")
    assert path([events[0], other_words, events[2]]).services == ("stock", "shop", "web")
    silent = path(events[1:])
    assert silent.services == ("stock", "shop", "web")
    assert hop_sentence(silent.hops[0]) == f"stock -> shop: {NOTHING_SHOWS}."


def test_nothing_is_invented_where_nothing_is_seen() -> None:
    assert path([]) == CausalPath(("stock",), ())
    assert path(traffic(whole, 5)) == CausalPath(("stock",), ())


def test_services_that_call_each_other_make_no_endless_path() -> None:
    lines = [Line(0, "a", "x"), Line(1, "b", "y", span="b1"), Line(1, "a", "z", span="a2"),
             Line(1, "b", "w", span="b2"), Line(1, "a", "broken", "ERROR", span="a2"),
             Line(1, "b", "broken", "ERROR", span="b1")]  # fmt: skip
    found = path(trace(1, lines, START_MS), culprit="b")
    assert len(found.services) == len(set(found.services))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    write_cases(folder / "cases", 24, 5)
    return folder / "cases"


@pytest.mark.parametrize("with_spans", [False, True])
def test_paths_of_generated_faults_are_the_true_ones(folder: Path, with_spans: bool) -> None:
    figures = path_figures(list(outcomes(folder, Conditions(with_spans=with_spans))))
    assert figures is not None
    assert figures.hops_right >= 0.9 * figures.hops
    assert figures.right_path >= 0.75 * figures.right_service


@pytest.mark.parametrize("with_spans", [False, True])
def test_ids_exist_and_come_in_the_order_of_time(folder: Path, with_spans: bool) -> None:
    dice = random.Random(1)
    for case in read_cases(folder):
        events = read_events(case.folder / "logs.jsonl.gz")
        spans = read_spans(case.folder / "spans.jsonl.gz") if with_spans else []
        if case.culprit is None:
            continue
        found = causal_path(events, spans, Normal(), case.culprit, case.inject_ms)
        logs = {event.log_id: event for event in events}
        ids = {span.span_id for span in spans}
        assert [(hop.origin, hop.to) for hop in found.hops] == list(pairwise(found.services))
        for hop in found.hops:
            if hop.before is not None and hop.after is not None:
                assert hop.before.at_ms <= hop.after.at_ms
                for sight in (hop.before, hop.after):
                    known = logs.get(sight.log_id)
                    assert (
                        (sight.span_id in ids)
                        if known is None
                        else (
                            (known.timestamp_ms, known.service_name)
                            == (sight.at_ms, sight.service_name)
                        )
                    )
        shuffled = causal_path(
            dice.sample(events, len(events)),
            dice.sample(spans, len(spans)),
            Normal(),
            case.culprit,
            case.inject_ms,
        )
        assert shuffled == found


def test_a_hop_that_nothing_shows_says_so() -> None:
    assert hop_sentence(Hop("a", "b")) == "a -> b: nothing shows this hop."
