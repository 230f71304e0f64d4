"""Locks a streaming job's checkpoint, and checks that Kafka still has its offsets."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TextIO
from uuid import UUID

from firstcause.errors import FirstcauseError

TOPIC_ID_FILE: Final = "topic_id.json"


class UnusableCheckpoint(FirstcauseError):
    """No restart mends it: a person has to decide what happens to the checkpoint."""


class CheckpointLock:
    """For a `with` block: one driver owns a checkpoint at a time.

    Does not wait. The lock ends with the block, or with the process, however that ends.

    Raises (on entering):
        FirstcauseError: another driver holds it.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._path = checkpoint.with_name(checkpoint.name + ".lock")
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise FirstcauseError(
                f"Another driver (pid {owner}) works on {self._path.stem}: stop it first."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True)
class LostOffsets:
    """Messages of one partition that the checkpoint names and Kafka no longer has.

    `first` is the next offset that the job wanted; `end` is the first that Kafka has from there
    on, or the end of Kafka's log if the topic was re-created and is shorter.
    """

    topic: str
    partition: int
    first: int
    end: int

    def __str__(self) -> str:
        if self.end < self.first:
            return (
                f"{self.topic}/{self.partition}: wanted offset {self.first}, but the topic ends "
                f"at {self.end} (it was made anew)"
            )
        return f"{self.topic}/{self.partition}: offsets {self.first} to {self.end - 1}"


def committed_offsets(checkpoint: Path) -> dict[tuple[str, int], int]:
    """The offsets at which the job goes on: next offset by (topic, partition).

    Those of the newest finished batch; an unfinished one is read again from there. Empty
    for a new checkpoint. Follows Spark 3.5's offset log: a version line, a metadata line, one
    line of JSON a source.

    Raises:
        UnusableCheckpoint: the offset log is damaged.
    """
    finished = _newest(checkpoint / "commits")
    if finished is None:
        # Batch 0 never finished: it starts again where its offset log says it started.
        return {}
    return offsets_of(checkpoint, finished)


def newest_finished(checkpoint: Path) -> int:
    """The newest finished batch; -1 before the first."""
    found = _newest(checkpoint / "commits")
    return -1 if found is None else found


def is_new(checkpoint: Path) -> bool:
    """True when no batch was ever planned: the job begins at the earliest offset."""
    return _newest(checkpoint / "offsets") is None


def topic_made_anew(checkpoint: Path, topic: str, topic_id: str) -> bool:
    """True when the checkpoint was made for another topic of the same name.

    Offsets do not show this: a re-created topic may be longer than before. Stores `topic_id`
    in the checkpoint where none is known.
    """
    path = checkpoint / TOPIC_ID_FILE
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        return bool(known != {topic: topic_id})
    checkpoint.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({topic: topic_id}), encoding="utf-8")
    temporary.replace(path)
    return False


def other_topics(checkpoint: Path, topic: str) -> set[str]:
    """Topics that the newest planned batch names and the job does not read.

    Raises:
        UnusableCheckpoint: the offset log is damaged.
    """
    planned = _newest(checkpoint / "offsets")
    if planned is None:
        return set()
    return {name for name, _ in offsets_of(checkpoint, planned)} - {topic}


def offsets_of(checkpoint: Path, batch_id: int) -> dict[tuple[str, int], int]:
    """Where a planned batch ends: next offset by (topic, partition).

    Raises:
        UnusableCheckpoint: the offset log is damaged, or has it no longer (Spark keeps 100).
    """
    path = checkpoint / "offsets" / str(batch_id)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        by_topic: Mapping[str, Mapping[str, int]] = json.loads(lines[2])
        return {
            (topic, int(partition)): offset
            for topic, offsets in by_topic.items()
            for partition, offset in offsets.items()
        }
    except (OSError, IndexError, ValueError, AttributeError) as error:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} is damaged ({path.name}: {error}): move it away and "
            "start the job again. It then reads from the earliest offset, and what is stored stays "
            "once."
        ) from error


def planned_at_ms(checkpoint: Path, batch_id: int) -> int | None:
    """When batch `batch_id` was first planned, ms since the epoch; None if it never was."""
    return _metadata_of(checkpoint, batch_id, "batchTimestampMs")


def watermark_ms(checkpoint: Path, batch_id: int) -> int | None:
    """The watermark of a planned batch, ms since the epoch (0: none yet); None if it never was."""
    return _metadata_of(checkpoint, batch_id, "batchWatermarkMs")


def _metadata_of(checkpoint: Path, batch_id: int, name: str) -> int | None:
    path = checkpoint / "offsets" / str(batch_id)
    try:
        return int(json.loads(path.read_text(encoding="utf-8").splitlines()[1])[name])
    except (OSError, IndexError, ValueError, KeyError):
        return None


def query_id(checkpoint: Path) -> UUID:
    """The id that Spark gave the query with the checkpoint's first start.

    Raises:
        UnusableCheckpoint: it has none.
    """
    path = checkpoint / "metadata"
    try:
        return UUID(json.loads(path.read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError) as error:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} is damaged ({path.name}: {error}): move it away."
        ) from error


def lost_offsets(
    committed: Mapping[tuple[str, int], int],
    available: Mapping[tuple[str, int], tuple[int, int]],
) -> list[LostOffsets]:
    """The offsets that the checkpoint needs and Kafka no longer has.

    Args:
        committed: next offset wanted by (topic, partition).
        available: (earliest, end) offsets in Kafka by (topic, partition); a partition that is
            not there is missing.
    """
    lost = []
    for (topic, partition), wanted in sorted(committed.items()):
        earliest, end = available.get((topic, partition), (0, 0))
        if wanted > end:
            lost.append(LostOffsets(topic, partition, wanted, end))
        elif wanted < earliest:
            lost.append(LostOffsets(topic, partition, wanted, earliest))
    return lost


def explain_loss(checkpoint: Path, lost: list[LostOffsets]) -> str:
    """One line for people: what was lost and how to go on."""
    what = "; ".join(map(str, lost))
    return (
        f"Kafka no longer has what the checkpoint wants next: {what}. They are lost to this "
        f"job unless you can produce them again (`firstcause replay`). To go on, move "
        f"{checkpoint} away and start the job again: it reads from the earliest offset, and "
        "what is stored already stays once. Then raise the topic's retention."
    )


def explain_made_anew(checkpoint: Path, topic: str) -> str:
    """One line for people: the topic was deleted and made again, and how to go on."""
    return (
        f"The topic {topic} was made anew since the checkpoint {checkpoint} was: its offsets count "
        "from 0 again, and going on would skip messages. Move the checkpoint away and start the "
        "job again: it reads from the earliest offset, and what is stored already stays once."
    )


def explain_other_topics(checkpoint: Path, topic: str, others: set[str]) -> str:
    """One line for people: the checkpoint belongs to another topic, and how to go on."""
    return (
        f"The checkpoint {checkpoint} was made for {', '.join(sorted(others))}, and the job reads "
        f"{topic}: set KAFKA_LOGS_TOPIC or KAFKA_SPANS_TOPIC back, or move the checkpoint away and "
        "start the job again. It then reads from the earliest offset; what is stored stays once."
    )


def _newest(folder: Path) -> int | None:
    if not folder.is_dir():
        return None
    return max((int(path.name) for path in folder.iterdir() if path.name.isdigit()), default=None)
