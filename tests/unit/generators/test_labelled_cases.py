"""Labelled cases through their files: complete, equal by seed, honest about who was at fault."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import orjson
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import ERROR_LEVELS, read_log_event
from firstcause.settings import PROJECT_ROOT
from generators.cases.faults.kinds import FAULT_TYPES
from generators.cases.files import write_cases
from generators.cases.plan import plan_cases
from generators.cases.system.vocabulary import AMBIENT_BACKGROUND_LINES, AMBIENT_REQUEST_LINES
from generators.commands import register

COUNT = 20
EVENT_FIELDS = {
    "log_id", "timestamp", "service_name", "instance", "level", "message", "logger",
    "trace_id", "span_id", "parent_span_id", "attributes", "exception", "status_code",
    "latency_ms",
}  # fmt: skip
SPAN_FIELDS = {
    "trace_id", "span_id", "parent_span_id", "service_name", "operation", "start_ns",
    "duration_us",
}  # fmt: skip
AMBIENT = tuple(
    line.partition(" ")[2].partition("{")[0]
    for line in (*AMBIENT_BACKGROUND_LINES, *AMBIENT_REQUEST_LINES)
)


def lines(path: Path) -> list[dict]:
    return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def moment_ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


def errors(events: list[dict]) -> list[dict]:
    """The errors that are not known noise."""
    return [
        event
        for event in events
        if event["level"] in ERROR_LEVELS and not event["message"].startswith(AMBIENT)
    ]


class Written:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary = write_cases(folder, COUNT, 5)
        self.labels = orjson.loads((folder / "cases.json").read_bytes())
        self.logs = {
            label["case"]: lines(folder / label["case"] / "logs.jsonl.gz") for label in self.labels
        }
        self.spans = {
            label["case"]: lines(folder / label["case"] / "spans.jsonl.gz") for label in self.labels
        }

    def faulty(self) -> list[dict]:
        return [label for label in self.labels if label["fault"] != "none"]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Written:
    return Written(tmp_path_factory.mktemp("cases") / "new")


def test_the_layout_is_that_of_a_recorded_data_set(written):
    assert len(written.labels) == COUNT == written.summary.cases
    days = {label["inject_time"][:10] for label in written.labels}
    assert len(days) == written.summary.systems > 1
    assert {path.name for path in written.folder.iterdir()} == {
        "cases.json",
        *(f"case-{number:03}" for number in range(COUNT)),
        *(f"baseline_{kind}-{day}.jsonl.gz" for kind in ("logs", "spans") for day in days),
    }
    for label in written.labels:
        assert label["events"] == len(written.logs[label["case"]])
        assert label["spans"] == len(written.spans[label["case"]])
        assert (label["service_name"] is None) == (label["fault"] == "none")


def test_cases_are_of_the_wanted_size_and_time(written):
    for label in written.labels:
        events, spans = written.logs[label["case"]], written.spans[label["case"]]
        inject_ms = moment_ms(label["inject_time"])
        times = [moment_ms(event["timestamp"]) for event in events]
        assert times == sorted(times)
        assert inject_ms - 60_000 <= times[0] < inject_ms - 50_000
        assert inject_ms + 165_000 < times[-1] < inject_ms + 180_000
        starts = [span["start_ns"] / 1e6 for span in spans]
        assert starts == sorted(starts)
        assert starts[0] >= inject_ms - 60_000
        assert 1_500 < len(events) < 8_000


def test_every_line_is_a_log_event_or_a_span_and_no_field_tells_the_answer(written):
    for events in written.logs.values():
        for event in events:
            assert set(event) <= EVENT_FIELDS
            assert set(event["attributes"]) <= {"line"}
            read = read_log_event(orjson.dumps(event), 2**53)
            assert read.message == event["message"]
            told = f"{event['message']} {event['logger']} {event['instance']}".lower()
            assert not re.search(r"culprit|inject|harmless|chaos|simulat", told)
            assert not any(name in told for name in FAULT_TYPES if "_" in name)
    for spans in written.spans.values():
        assert all(set(span) == SPAN_FIELDS for span in spans)


def test_ids_are_never_used_twice(written):
    ids = [event["log_id"] for events in written.logs.values() for event in events]
    assert len(set(ids)) == len(ids)
    spans = [span["span_id"] for spans in written.spans.values() for span in spans]
    assert len(set(spans)) == len(spans)


def test_a_silent_culprit_says_no_error_and_others_do(written):
    silent = [label for label in written.labels if label["silent"]]
    assert silent
    for label in silent:
        events = written.logs[label["case"]]
        of_culprit = [one for one in events if one["service_name"] == label["service_name"]]
        assert not [one for one in of_culprit if one["level"] in ERROR_LEVELS]
        assert errors(events)


def test_a_loud_culprit_says_errors_once_its_fault_is_there(written):
    for label in written.faulty():
        if label["silent"]:
            continue
        said = [
            event
            for event in errors(written.logs[label["case"]])
            if event["service_name"] == label["service_name"]
        ]
        assert said
        after = [
            one for one in said if moment_ms(one["timestamp"]) >= moment_ms(label["inject_time"])
        ]
        assert len(after) >= 0.8 * len(said)


def test_a_fault_makes_requests_fail_that_did_not_fail_before(written):
    before = after = 0
    for label in written.faulty():
        inject_ms = moment_ms(label["inject_time"])
        told = errors(written.logs[label["case"]])
        late = {
            event.get("trace_id") for event in told if moment_ms(event["timestamp"]) >= inject_ms
        }
        assert len(late) >= 6
        after += len(late)
        before += sum(moment_ms(event["timestamp"]) < inject_ms for event in told)
    assert before < after / 20


def test_quiet_times_and_baselines_have_known_noise_alone(written):
    quiet = [label for label in written.labels if label["fault"] == "none"]
    assert quiet
    assert {label["harmless_change"] for label in quiet} == {True, False}
    for label in quiet:
        assert len(errors(written.logs[label["case"]])) <= 6
    noise = 0
    for path in written.folder.glob("baseline_logs-*"):
        events = lines(path)
        assert len(errors(events)) <= len(events) / 200
        noise += sum(event["level"] in ERROR_LEVELS for event in events)
    assert noise


def test_spans_and_log_events_agree(written):
    compared = 0
    for case, events in written.logs.items():
        spans = {span["span_id"]: span for span in written.spans[case]}
        last: dict[str, float] = defaultdict(float)
        for event in events:
            # A request that the case's end or a killed process cut off has no span.
            span = spans.get(event.get("span_id", ""))
            if span is None:
                continue
            compared += 1
            assert event["trace_id"] == span["trace_id"]
            assert event["service_name"] == span["service_name"]
            assert event.get("parent_span_id") == span["parent_span_id"]
            begin_ms = span["start_ns"] / 1e6
            end_ms = begin_ms + span["duration_us"] / 1e3
            at_ms = moment_ms(event["timestamp"])
            assert begin_ms - 1.01 <= at_ms <= end_ms + 1.01
            assert at_ms >= last[span["span_id"]]
            last[span["span_id"]] = at_ms
            if "latency_ms" in event:
                assert event["latency_ms"] == pytest.approx(span["duration_us"] / 1000)
    assert compared > 0.9 * sum(map(len, written.logs.values()))


def test_a_trace_has_one_root_and_callers_stand_above_their_callees(written):
    for case, spans in written.spans.items():
        by_id = {span["span_id"]: span for span in spans}
        roots = Counter(span["trace_id"] for span in spans if span["parent_span_id"] is None)
        assert set(roots.values()) == {1}
        for span in spans:
            parent = by_id.get(span["parent_span_id"])
            if parent is not None:
                assert parent["trace_id"] == span["trace_id"], case
                assert parent["start_ns"] <= span["start_ns"]


def test_equal_seeds_write_equal_files_and_another_seed_others(tmp_path):
    def digest(name: str, seed: int) -> str:
        write_cases(tmp_path / name, 1, seed)
        parts = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()

    assert digest("a", 3) == digest("b", 3) != digest("c", 4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**40))
def test_two_hundred_cases_have_the_shares_that_are_promised(seed):
    plans = plan_cases(200, seed)
    assert [plan.number for plan in plans] == list(range(200))
    faulty = [plan for plan in plans if plan.fault]
    counts = Counter(plan.fault for plan in faulty)
    assert set(counts) == set(FAULT_TYPES)
    assert max(counts.values()) <= 4 * min(counts.values())
    assert sum(plan.silent for plan in plans) == 50
    assert sum(plan.harmless_change for plan in faulty) == 50
    assert len(plans) - len(faulty) == 20
    assert sum(plan.harmless_change for plan in plans if not plan.fault) == 10


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(FirstcauseError, match="not empty"):
        write_cases(tmp_path, 1, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (1, -1)])
def test_values_out_of_range_are_refused(tmp_path, count, seed):
    with pytest.raises(FirstcauseError, match="at least one"):
        write_cases(tmp_path, count, seed)


def test_the_command_writes_cases_and_counts_them(tmp_path):
    program = typer.Typer()
    register(program)
    folder = tmp_path / "out"
    shown = CliRunner().invoke(
        program, ["generate-cases", str(folder), "--count", "1", "--seed", "2", "--json"]
    )
    assert shown.exit_code == 0, shown.output
    result = orjson.loads(shown.stdout)
    (label,) = orjson.loads((folder / "cases.json").read_bytes())
    assert result["cases"] == 1
    assert result["events"] == label["events"]
    assert CliRunner().invoke(program, ["generate-cases"]).exit_code == 2


def test_every_fault_type_is_described_and_every_source_that_is_named_is_listed():
    text, sources = (
        (PROJECT_ROOT / "docs" / "fault-types.md").read_text("utf-8").split("\n## Sources\n")
    )
    headings = " ".join(line for line in text.splitlines() if line.startswith("### "))
    assert set(re.findall(r"`(\w+)`", headings)) == set(FAULT_TYPES)
    named = {
        " ".join(name.split(",")[0].split()) for name in re.findall(r"\[([^\]]+)\](?!\()", text)
    }
    assert named == set(re.findall(r"^- \[([^\]]+)\]", sources, re.MULTILINE))
