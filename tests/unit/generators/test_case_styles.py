"""The same faults, logged in other ways."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from firstcause.errors import FirstcauseError
from generators.cases.files import write_cases
from generators.cases.styles import STYLES
from root_cause.evaluation.labelled_cases import read_cases, read_events, read_spans


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("styles")
    for style in STYLES:
        write_cases(root / style, 2, 5, style=style)
    return {style: root / style for style in STYLES}


def test_the_same_faults_happen_in_each_style(folders: dict[str, Path]) -> None:
    def labels(folder: Path) -> list[tuple[object, ...]]:
        return [(one.culprit, one.fault, one.inject_ms, one.paths) for one in read_cases(folder)]

    assert all(labels(folder) == labels(folders["plain"]) for folder in folders.values())


def test_each_style_logs_as_it_says(folders: dict[str, Path]) -> None:
    logs = {
        style: [event for case in read_cases(folder)
                for event in read_events(case.folder / "logs.jsonl.gz")]
        for style, folder in folders.items()
    }  # fmt: skip
    assert all(event.trace_id is None for event in logs["untraced"])
    services: dict[str, set[str]] = {}
    for event in logs["boundaries"]:
        if event.trace_id is not None:
            services.setdefault(event.trace_id, set()).add(event.service_name)
    assert max(map(len, services.values())) == 1
    assert sum(one.level == "DEBUG" for one in logs["flooded"]) > 1_000
    assert any("Client" in one.message or ".svc." in one.message for one in logs["aliases"])
    for style in ("boundaries", "untraced"):
        case = read_cases(folders[style])[0]
        assert not read_spans(case.folder / "spans.jsonl.gz")
    for events in logs.values():
        assert len({one.log_id for one in events}) == len(events)


def test_first_days_have_no_recording_and_unknown_styles_are_told(tmp_path: Path) -> None:
    write_cases(tmp_path / "first", 1, 5, with_recordings=False)
    assert not list((tmp_path / "first").glob("baseline*"))
    assert orjson.loads((tmp_path / "first" / "cases.json").read_bytes())
    with pytest.raises(FirstcauseError, match="is none of"):
        write_cases(tmp_path / "odd", 1, 5, style="odd")
