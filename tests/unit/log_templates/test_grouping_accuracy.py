from __future__ import annotations

import gzip

import orjson
import pytest

from bench.template_miner import TRAINTICKET, grouping_accuracy
from log_templates.miner import TemplateMiner

RECORDING = sorted(TRAINTICKET.glob("baseline_logs-*.jsonl.gz"))


@pytest.mark.parametrize(
    ("groups", "truth", "share"),
    [
        ("aabbc", "xxyyz", 1.0),
        # One line astray spoils both groups that it touches.
        ("aabbb", "xxxyy", 0.0),
        ("aabbcc", "xxyyyy", 1 / 3),
    ],
)
def test_a_line_is_right_if_its_group_is_exactly_the_true_one(groups, truth, share) -> None:
    assert grouping_accuracy(groups, truth) == pytest.approx(share)


@pytest.mark.skipif(not RECORDING, reason="the TrainTicket recording is not there")
def test_lines_of_a_real_system_are_grouped_by_the_source_line_that_logged_them() -> None:
    miner, groups, truth = TemplateMiner(), [], []
    for file in RECORDING:
        for event in map(orjson.loads, gzip.decompress(file.read_bytes()).splitlines()):
            service = event["service_name"]
            groups.append((service, miner.add(event["message"]).template_id))
            truth.append((service, event["logger"], event["attributes"]["line"]))
    # Two source lines that print the same text can't be told apart, so not all can be right.
    assert grouping_accuracy(groups, truth) > 0.9
