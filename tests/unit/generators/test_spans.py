"""Spans of the stream: opt-in, of the same requests as the log events, with the same times."""

from __future__ import annotations

import gzip
import itertools
from collections import defaultdict
from datetime import UTC, datetime

import orjson
import pytest
import typer
from typer.testing import CliRunner

from generators.commands import register
from generators.scenario import scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def batches(scenario=None, *, with_spans: bool):
    fault = {"fault_start_seconds": 2.0} if scenario else {}
    of = GeneratorParameters(300, 10, scenario, 7, START, **fault)
    return list(EventStream(of, with_spans=with_spans).batches())


def lines(parts):
    return [
        (key, value) for part in parts for key, value in zip(part.keys, part.values, strict=True)
    ]


@pytest.mark.parametrize("scenario", [None, *scenario_names()])
def test_spans_change_no_log_event(scenario):
    plain = lines(batches(scenario, with_spans=False))
    assert plain == lines(part.logs_alone() for part in batches(scenario, with_spans=True))


@pytest.mark.parametrize("scenario", [None, "slow_dependency", "memory_leak"])
def test_spans_and_log_events_of_a_trace_agree(scenario):
    mixed = batches(scenario, with_spans=True)
    spans = {}
    for key, value in lines(part.spans_alone() for part in mixed):
        span = orjson.loads(value)
        assert key == span["trace_id"].encode()
        spans[span["span_id"]] = span
    told = defaultdict(list)
    for _, value in lines(part.logs_alone() for part in mixed):
        event = orjson.loads(value)
        if "span_id" in event:
            told[event["span_id"]].append(event)
    assert set(told) == set(spans)
    for span_id, events in told.items():
        span = spans[span_id]
        begin = span["start_ns"] / 1e6
        end = begin + span["duration_us"] / 1e3
        for event in events:
            assert event["trace_id"] == span["trace_id"]
            assert event["service_name"] == span["service_name"]
            assert event.get("parent_span_id") == span["parent_span_id"]
            moment = datetime.fromisoformat(event["timestamp"]).timestamp() * 1000
            assert begin - 1 < moment < end + 1
        assert events[-1]["latency_ms"] == pytest.approx(span["duration_us"] / 1000)
        if (parent := span["parent_span_id"]) is not None:
            assert spans[parent]["trace_id"] == span["trace_id"]
            assert spans[parent]["start_ns"] <= span["start_ns"]


def test_a_span_comes_at_its_end_and_all_is_in_order(monkeypatch):
    monkeypatch.setattr("generators.stream.event_stream.REQUESTS_PER_BLOCK", 50)
    parts = batches(with_spans=True)
    assert len(parts) > 1
    times = list(itertools.chain.from_iterable(part.times_us.tolist() for part in parts))
    assert times == sorted(times)
    for part in parts:
        of_spans = part.spans_alone()
        for time_us, value in zip(of_spans.times_us.tolist(), of_spans.values, strict=True):
            span = orjson.loads(value)
            assert time_us == span["start_ns"] // 1000 + span["duration_us"]


def test_generate_writes_spans_beside_the_logs(tmp_path):
    program = typer.Typer()
    register(program)
    common = ["--rate", "200", "--duration", "10", "--seed", "5", "--start", START.isoformat()]
    files = ["--out", str(tmp_path / "logs.jsonl"), "--spans-out", str(tmp_path / "spans.jsonl.gz")]
    shown = CliRunner().invoke(program, ["generate", *common, *files, "--json"])
    assert shown.exit_code == 0, shown.output
    spans = gzip.decompress((tmp_path / "spans.jsonl.gz").read_bytes()).splitlines()
    assert orjson.loads(shown.stdout)["spans"] == len(spans) > 100
    assert set(orjson.loads(spans[0])) == {
        "trace_id", "span_id", "parent_span_id", "service_name", "operation", "start_ns",
        "duration_us",
    }  # fmt: skip
    said = [orjson.loads(line) for line in (tmp_path / "logs.jsonl").read_bytes().splitlines()]
    of_logs = {event["trace_id"] for event in said if "trace_id" in event}
    assert of_logs == {orjson.loads(span)["trace_id"] for span in spans}


@pytest.mark.parametrize("wrong", [["--spans-out", "x"], ["--out", "x", "--spans"]])
def test_spans_go_where_the_logs_go(wrong):
    program = typer.Typer()
    register(program)
    assert CliRunner().invoke(program, ["generate", *wrong]).exit_code == 2
