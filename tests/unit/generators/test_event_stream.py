"""The stream through its public doors: equal, readable, agreeing traces, faults that spread."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent, read_log_event
from generators.fault_drill import FaultDrill
from generators.scenario import failing_scenario_names, load_scenario, scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from generators.topology import OperationRef, Topology
from generators.topology_file import load_topology

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
RECEIVED_MS = int((START + timedelta(hours=1)).timestamp() * 1000)


def parameters(
    scenario: str | None = None, *, seed: int = 7, rate: float = 300, duration: float = 8
) -> GeneratorParameters:
    fault = {"fault_start_seconds": 3.0, "fault_duration_seconds": 60.0} if scenario else {}
    return GeneratorParameters(rate, duration, scenario, seed, START, **fault)


def messages(of: GeneratorParameters) -> list[tuple[bytes | None, bytes]]:
    return [
        pair
        for batch in EventStream(of).batches()
        for pair in zip(batch.keys, batch.values, strict=True)
    ]


def events(of: GeneratorParameters) -> list[LogEvent]:
    return [read_log_event(value, RECEIVED_MS) for _, value in messages(of)]


def callers_of(topology: Topology, culprit: str) -> set[str]:
    """Services whose operations come to the culprit, directly or not."""
    return {
        ref.service
        for name, service in topology.services.items()
        for ref in (OperationRef(name, operation) for operation in service.operations)
        if any(reached.service == culprit for reached in topology.reachable(ref))
    } - {culprit}


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(min_value=0, max_value=2**40),
    scenario=st.sampled_from([None, *scenario_names()]),
)
def test_equal_parameters_make_equal_bytes_and_unique_ids(seed, scenario):
    first = messages(parameters(scenario, seed=seed, rate=150))
    assert first == messages(parameters(scenario, seed=seed, rate=150))
    ids = [read_log_event(value, RECEIVED_MS).log_id for _, value in first]
    assert len(set(ids)) == len(ids) > 0


def test_another_seed_makes_other_events():
    assert not set(messages(parameters(seed=1))) & set(messages(parameters(seed=2)))


def test_bytes_do_not_depend_on_the_process():
    program = (
        "import hashlib, datetime as d\n"
        "from generators.stream.event_stream import EventStream, GeneratorParameters\n"
        "p = GeneratorParameters(200, 5, None, 3, d.datetime(2026, 1, 1, tzinfo=d.UTC))\n"
        "h = hashlib.sha256()\n"
        "for b in EventStream(p).batches():\n    h.update(b''.join(b.values))\n"
        "print(h.hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_stream_in_many_blocks_is_in_order_and_complete(monkeypatch):
    whole = messages(parameters(duration=60))
    monkeypatch.setattr("generators.stream.event_stream.REQUESTS_PER_BLOCK", 100)
    latest = 0
    count = 0
    for batch in EventStream(parameters(duration=60)).batches():
        times = batch.times_us.tolist()
        assert times == sorted(times)
        assert times[0] >= latest
        latest = times[-1]
        count += len(batch)
        for time_us, value in zip(times, batch.values, strict=True):
            assert read_log_event(value, RECEIVED_MS).timestamp_ms == time_us // 1000
    assert count == pytest.approx(len(whole), rel=0.1)


def test_the_rate_is_what_was_asked_for():
    assert len(messages(parameters(rate=500, duration=60))) == pytest.approx(30_000, rel=0.05)


# Of a service whose logs are lost the traces have nothing.
@pytest.mark.parametrize(
    "scenario", [None, *(one for one in scenario_names() if one != "silent_service")]
)
def test_traces_agree(scenario):
    traces: dict[str, list[LogEvent]] = defaultdict(list)
    keyed = messages(parameters(scenario))
    for key, value in keyed:
        event = read_log_event(value, RECEIVED_MS)
        assert key == event.service_name.encode()
        if event.trace_id:
            traces[event.trace_id].append(event)
    assert len(traces) > 100
    for trace in traces.values():
        check_trace(trace)


def check_trace(trace: list[LogEvent]) -> None:
    times = [event.timestamp_ms for event in trace]
    assert times == sorted(times)
    assert len({(event.request_id, event.user_id, event.session_id) for event in trace}) == 1
    spans: dict[str, list[LogEvent]] = defaultdict(list)
    for event in trace:
        assert event.span_id
        spans[event.span_id].append(event)
    ends = {}
    for span_id, told in spans.items():
        assert len({(event.service_name, event.parent_span_id) for event in told}) == 1
        (end,) = [event for event in told if event.status_code is not None]
        assert end is told[-1]
        assert end.latency_ms is not None
        # A timestamp is rounded down to the ms when it is read.
        assert end.latency_ms == pytest.approx(end.timestamp_ms - told[0].timestamp_ms, abs=2)
        ends[span_id] = end
    assert sum(end.parent_span_id is None for end in ends.values()) == 1
    for span_id, end in ends.items():
        if end.parent_span_id is None:
            continue
        parent = ends[end.parent_span_id]
        assert end.latency_ms < parent.latency_ms
        assert end.timestamp_ms <= parent.timestamp_ms
        assert spans[span_id][0].timestamp_ms >= spans[end.parent_span_id][0].timestamp_ms
        if 400 <= end.status_code < 499:
            assert parent.status_code == end.status_code
        if end.status_code >= 499:
            told_of_it = [
                event
                for event in spans[end.parent_span_id]
                if event.attributes.get("callee") == end.service_name
                and event.level in {"WARN", "ERROR"}
            ]
            assert told_of_it
            if any(event.is_error for event in told_of_it):
                assert parent.status_code >= 500
                assert all(
                    event.exception and event.error_code for event in told_of_it if event.is_error
                )
    for span_id, told in spans.items():
        if any(event.is_error for event in told):
            assert ends[span_id].status_code >= 499


def test_healthy_traffic_has_no_error_and_few_warnings():
    healthy = events(parameters(rate=2000, duration=15))
    assert not [event for event in healthy if event.is_error]
    assert {event.level for event in healthy} == {"TRACE", "DEBUG", "INFO", "WARN"}
    assert sum(event.level == "WARN" for event in healthy) < len(healthy) / 500
    assert {event.service_name for event in healthy} == set(load_topology().services)


@pytest.mark.parametrize("name", failing_scenario_names())
def test_a_fault_spreads_to_callers_alone_and_the_culprit_says_what_is_declared(name):
    topology = load_topology()
    scenario = load_scenario(name, topology)
    of = parameters(name, rate=1000)
    said = events(of)
    wrong = {event.service_name for event in said if event.is_error}
    assert wrong <= callers_of(topology, scenario.culprit) | {scenario.culprit}
    assert wrong & callers_of(topology, scenario.culprit)
    assert (scenario.culprit in wrong) == scenario.culprit_logs_errors
    fault_start = EventStream(of).fault_times[0].timestamp() * 1000
    assert not [event for event in said if event.is_error and event.timestamp_ms < fault_start]
    assert [event for event in said if event.status_code and event.status_code >= 500]


def test_a_drill_knows_its_answers():
    drill = FaultDrill(parameters("bad_deployment"))
    said = [
        read_log_event(value, RECEIVED_MS)
        for batch in drill.batches(real_time=False)
        for value in batch.values
    ]
    assert drill.culprit == "payment"
    assert drill.culprit_logs_errors
    assert drill.events_yielded == len(said)
    assert drill.first_error_ms == next(event.timestamp_ms for event in said if event.is_error)


def test_values_out_of_range_are_refused():
    for wrong in (
        {"rate_per_second": 0},
        {"duration_seconds": -1},
        {"seed": -1},
        {"start": datetime(2026, 1, 1)},
    ):
        values = {"rate_per_second": 1, "duration_seconds": 1, **wrong}
        with pytest.raises(FirstcauseError):
            GeneratorParameters(**values)
    with pytest.raises(FirstcauseError, match="take a longer duration"):
        EventStream(GeneratorParameters(10, 5, "bad_deployment"))
    with pytest.raises(FirstcauseError, match="no scenario nothing: take one of bad_deployment"):
        EventStream(GeneratorParameters(10, 5, "nothing"))
    with pytest.raises(FirstcauseError, match="A drill needs a scenario"):
        FaultDrill(parameters())
