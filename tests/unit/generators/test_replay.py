"""Replay: the bytes of the lines, their keys, their times, their pace."""

from __future__ import annotations

import gzip
import time

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import read_log_event
from generators.output.json_lines import write_json_lines
from generators.output.message_batch import MessageBatch, paced
from generators.replay import Replay, ReplayOptions

LINES = [
    b'{"log_id":"9cb24416-d568-59d4-ab5f-a6622d4d8f69","timestamp":"2023-01-29T09:33:19.169123Z",'
    b'"service_name":"ts-travel","level":"INFO","message":"one"}',
    b'{"timestamp" : "2023-01-29T10:33:20+01:00", "attributes": {"timestamp":"2001"}, '
    b'"service_name":"caf\\u00e9","level":"SEVERE","message":"2023-01-29T10:33:20+01:00"}',
    b"not json \x00\xff",
    b'["2023-01-29T09:33:19Z"]',
    b'{"service_name":5,"timestamp":"2023-01-29T09:33:25"}',
    b'{"service_name":"a","timestamp":"2023-01-29T09:33:1\\u0039Z"}\r',
]


def replayed(path, **options):
    job = Replay([path], ReplayOptions(**options))
    batches = list(job.batches())
    return (
        [value for batch in batches for value in batch.values],
        [key for batch in batches for key in batch.keys],
        job.counts,
    )


@pytest.mark.parametrize("name", ["logs.jsonl", "logs.jsonl.gz"])
def test_lines_are_sent_as_they_are(tmp_path, name):
    path = tmp_path / name
    content = b"\n".join([LINES[0], b"", *LINES[1:3], b"  \t", *LINES[3:]])
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    values, keys, counts = replayed(path)
    assert values == LINES
    assert keys == [b"ts-travel", "café".encode(), None, None, None, b"a"]
    assert (counts.lines, counts.blank_lines, counts.lines_without_service) == (6, 2, 3)
    assert counts.first_error_ms == 1674984800000


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip())))
def test_any_bytes_pass_unchanged(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("replay") / "any.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    assert replayed(path)[0] == lines


def test_shift_moves_the_timestamps_alone(tmp_path):
    path = tmp_path / "logs.jsonl"
    path.write_bytes(b"\n".join(LINES))
    before = time.time()
    values, _, _ = replayed(path, shift_to_now=True)
    after = time.time()
    first = read_log_event(values[0], 2**53)
    # The last event is now, to the second; the first was a second (and a bit) before it.
    assert before - 3 <= first.timestamp_ms / 1000 <= after
    assert orjson.loads(values[0])["timestamp"].endswith(".169123Z")
    assert first.log_id == "9cb24416-d568-59d4-ab5f-a6622d4d8f69"
    moved = orjson.loads(values[1])
    assert moved["timestamp"].endswith("+01:00")
    assert moved["attributes"] == {"timestamp": "2001"}
    assert moved["message"] == "2023-01-29T10:33:20+01:00"
    assert values[1] == LINES[1].replace(
        b'"timestamp" : "2023-01-29T10:33:20+01:00"',
        f'"timestamp" : "{moved["timestamp"]}"'.encode(),
    )
    assert values[2:5] == LINES[2:5]
    assert not orjson.loads(values[5])["timestamp"].startswith("2023")


def test_shift_at_a_pace_lets_the_first_event_be_now(tmp_path):
    path = tmp_path / "logs.jsonl"
    path.write_bytes(LINES[0])
    (value,), _, _ = replayed(path, shift_to_now=True, speed=1.0)
    assert abs(read_log_event(value, 2**53).timestamp_ms / 1000 - time.time()) < 60


def test_files_follow_each_other_and_progress_reaches_the_end(tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    first.write_bytes(LINES[0])
    second.write_bytes(gzip.compress(LINES[1]))
    job = Replay([first, second], ReplayOptions())
    seen: list[int] = []
    values = [value for batch in job.batches(seen.append) for value in batch.values]
    assert values == LINES[:2]
    assert seen == sorted(seen)
    assert seen[-1] == job.total_bytes == first.stat().st_size + second.stat().st_size


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(FirstcauseError, match="There is no file"):
        Replay([tmp_path / "none.jsonl"], ReplayOptions())
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(LINES[0] * 50)[:60])
    with pytest.raises(FirstcauseError, match="broken gzip file"):
        replayed(broken)
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_bytes(LINES[0])
    with pytest.raises(FirstcauseError, match="broken gzip file"):
        replayed(plain)
    long = tmp_path / "long.jsonl"
    long.write_bytes(LINES[0] + b"\n" + b"x" * 5000)
    with pytest.raises(FirstcauseError, match=r"long.jsonl:2: the line has 5000 bytes"):
        replayed(long, max_value_bytes=4096)
    with pytest.raises(FirstcauseError, match="speed"):
        ReplayOptions(speed=0)


def batch_of(times_s: list[float]) -> MessageBatch:
    return MessageBatch(
        [None] * len(times_s),
        [str(time_s).encode() for time_s in times_s],
        np.array([int(time_s * 1_000_000) for time_s in times_s], dtype=np.int64),
        np.zeros(len(times_s), dtype=np.bool_),
    )


@given(
    st.lists(st.lists(st.floats(0, 500), max_size=20), max_size=6),
    st.floats(0.1, 1000),
)
def test_pacing_sends_everything_in_order_and_never_early(lists, speed):
    now = [100.0]

    def sleep(seconds: float) -> None:
        assert seconds > 0
        now[0] += seconds

    times = sorted(time_s for times_s in lists for time_s in times_s)
    batches, at = [], 0
    for times_s in lists:
        batches.append(batch_of(times[at : at + len(times_s)]))
        at += len(times_s)
    sent: list[bytes] = []
    for part in paced(batches, origin_us=0, speed=speed, clock=lambda: now[0], sleep=sleep):
        assert len(part)
        assert part.times_us[-1] <= (now[0] - 100.0) * speed * 1_000_000 + 1
        sent += part.values
    assert sent == [str(time_s).encode() for time_s in times]


def test_a_written_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "out.jsonl.gz"
    assert write_json_lines(path, [batch_of([1, 2]), batch_of([3])]) == 3
    assert gzip.decompress(path.read_bytes()) == b"1\n2\n3\n"
    again = tmp_path / "again.jsonl.gz"
    write_json_lines(again, [batch_of([1, 2]), batch_of([3])])
    assert again.read_bytes() == path.read_bytes()

    def breaks():
        yield batch_of([1])
        raise FirstcauseError("the source broke")

    with pytest.raises(FirstcauseError, match="broke"):
        write_json_lines(tmp_path / "never.jsonl", breaks())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.jsonl.gz", "out.jsonl.gz"]
    with pytest.raises(FirstcauseError, match="cannot be written"):
        write_json_lines(tmp_path / "none" / "out.jsonl", [batch_of([1])])
