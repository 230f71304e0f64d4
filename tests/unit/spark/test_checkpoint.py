"""Who owns a checkpoint, where it goes on, and what Kafka no longer has of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.settings import PROJECT_ROOT
from spark.streaming.checkpoint import (
    CheckpointLock,
    LostOffsets,
    UnusableCheckpoint,
    committed_offsets,
    explain_loss,
    explain_made_anew,
    explain_other_topics,
    is_new,
    lost_offsets,
    other_topics,
    planned_at_ms,
    topic_made_anew,
)

HOLD = """
import sys, time
from pathlib import Path
from spark.streaming.checkpoint import CheckpointLock
with CheckpointLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def write_batch(checkpoint: Path, number: int, offsets: dict, *, finished: bool) -> None:
    """As Spark 3.5 writes its offset log and its commit log."""
    for folder in ("offsets", "commits"):
        (checkpoint / folder).mkdir(parents=True, exist_ok=True)
    metadata = json.dumps({"batchTimestampMs": 1_700_000_000_000 + number})
    text = f"v1\n{metadata}\n{json.dumps(offsets)}"
    (checkpoint / "offsets" / str(number)).write_text(text)
    if finished:
        (checkpoint / "commits" / str(number)).write_text('v1\n{"nextBatchWatermarkMs":0}')


def test_a_new_checkpoint_names_no_offsets(tmp_path: Path) -> None:
    assert committed_offsets(tmp_path / "job") == {}


def test_an_unfinished_batch_is_read_again(tmp_path: Path) -> None:
    write_batch(tmp_path, 9, {"logs": {"0": 5, "1": 7}}, finished=True)
    write_batch(tmp_path, 10, {"logs": {"0": 9, "1": 9}}, finished=False)
    (tmp_path / "commits" / ".10.crc").write_text("")
    assert committed_offsets(tmp_path) == {("logs", 0): 5, ("logs", 1): 7}


def test_numbers_of_batches_are_compared_as_numbers(tmp_path: Path) -> None:
    for number in (9, 10):
        write_batch(tmp_path, number, {"logs": {"0": number}}, finished=True)
    assert committed_offsets(tmp_path) == {("logs", 0): 10}


def test_a_first_batch_that_never_finished_is_none(tmp_path: Path) -> None:
    write_batch(tmp_path, 0, {"logs": {"0": 5}}, finished=False)
    assert committed_offsets(tmp_path) == {}
    assert planned_at_ms(tmp_path, 0) == 1_700_000_000_000
    assert planned_at_ms(tmp_path, 1) is None


@pytest.mark.parametrize("text", ["", "v1\n", "v1\n{}\nnot json", "v1\n{}\n[1]", "v1\n{}\n{}x"])
def test_a_damaged_offset_log_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    write_batch(tmp_path, 3, {"logs": {"0": 5}}, finished=True)
    (tmp_path / "offsets" / "3").write_text(text)
    with pytest.raises(UnusableCheckpoint, match=r"damaged \(3: .*move it away") as caught:
        committed_offsets(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_kafka_has_still_is_not_lost() -> None:
    committed = {("logs", 0): 5, ("logs", 1): 0, ("logs", 2): 9}
    available = {("logs", 0): (5, 9), ("logs", 1): (0, 0), ("logs", 2): (0, 9), ("logs", 3): (4, 9)}
    assert lost_offsets(committed, available) == []


def test_deleted_messages_a_new_topic_and_a_missing_partition_are_lost() -> None:
    committed = {("logs", 0): 5, ("logs", 1): 50, ("logs", 2): 1}
    available = {("logs", 0): (8, 20), ("logs", 1): (0, 3)}
    assert lost_offsets(committed, available) == [
        LostOffsets("logs", 0, 5, 8),
        LostOffsets("logs", 1, 50, 3),
        LostOffsets("logs", 2, 1, 0),
    ]


def test_the_explanation_is_one_line_with_offsets_and_what_to_do() -> None:
    lost = [LostOffsets("logs", 0, 5, 8), LostOffsets("logs", 1, 50, 3)]
    text = explain_loss(Path("/data/job"), lost)
    assert "logs/0: offsets 5 to 7" in text
    assert "logs/1: wanted offset 50, but the topic ends at 3" in text
    assert "move /data/job away" in text
    assert "\n" not in text


def test_a_checkpoint_of_another_topic_is_known_by_its_newest_batch(tmp_path: Path) -> None:
    assert other_topics(tmp_path, "logs") == set()
    write_batch(tmp_path, 0, {"old": {"0": 5}}, finished=False)
    assert other_topics(tmp_path, "logs") == {"old"}
    write_batch(tmp_path, 1, {"logs": {"0": 5}}, finished=False)
    assert other_topics(tmp_path, "logs") == set()


def test_another_topic_is_explained_in_one_line_with_what_to_do(tmp_path: Path) -> None:
    text = explain_other_topics(tmp_path, "logs", {"b", "a"})
    assert str(tmp_path) in text
    assert "a, b" in text
    assert "KAFKA_LOGS_TOPIC" in text
    assert "\n" not in text


def test_one_driver_owns_a_checkpoint_until_its_process_ends(tmp_path: Path) -> None:
    checkpoint = tmp_path / "store_logs"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(checkpoint)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(FirstcauseError, match=f"pid {owner.pid}"), CheckpointLock(checkpoint):
            pytest.fail("two owners")
        owner.kill()
    with CheckpointLock(checkpoint):
        pass
    with CheckpointLock(checkpoint):
        pass


def test_a_topic_that_was_made_anew_is_known_by_its_id_and_not_by_its_length(
    tmp_path: Path,
) -> None:
    checkpoint = tmp_path / "job"
    assert is_new(checkpoint)
    assert not topic_made_anew(checkpoint, "logs", "id-1")
    assert is_new(checkpoint)
    write_batch(checkpoint, 0, {"logs": {"0": 5}}, finished=True)
    assert not is_new(checkpoint)
    assert not topic_made_anew(checkpoint, "logs", "id-1")
    assert topic_made_anew(checkpoint, "logs", "id-2")
    told = explain_made_anew(checkpoint, "logs")
    assert "logs was made anew" in told
    assert str(checkpoint) in told
    assert "\n" not in told
