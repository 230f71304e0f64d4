"""What `down --wipe` may remove, and what a start may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.local import home


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "data").write_text("data")


def test_what_a_start_has_made_is_removed_and_the_jars_stay(tmp_path: Path) -> None:
    fill(tmp_path, "jars")
    home.claim(tmp_path)
    fill(tmp_path, "kafka", "postgres", "logs")
    (tmp_path / "slack_preview.jsonl").touch()
    assert home.wipe(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [home.MARK, "jars"]
    home.claim(tmp_path)  # and it can be used again
    fill(tmp_path, "kafka")
    assert home.wipe(tmp_path) == []
    assert not (tmp_path / "kafka").exists()


@pytest.mark.parametrize("name", ["kafka", "cassandra", "postgres", "airflow"])
def test_a_folder_with_somebody_elses_service_is_not_used(tmp_path: Path, name: str) -> None:
    fill(tmp_path, name)
    with pytest.raises(FirstcauseError, match=f"{name}, which firstcause did not make"):
        home.claim(tmp_path)
    with pytest.raises(FirstcauseError, match="by hand"):
        home.wipe(tmp_path)
    assert (tmp_path / name / "data").exists()


def test_generic_folders_that_were_there_before_are_left_and_named(tmp_path: Path) -> None:
    fill(tmp_path, "logs", "run")
    home.claim(tmp_path)
    fill(tmp_path, "kafka")
    assert home.wipe(tmp_path) == ["logs", "run"]
    assert (tmp_path / "logs" / "data").exists()
    assert not (tmp_path / "kafka").exists()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, "elsewhere")
    folder = tmp_path / "home"
    home.claim(folder)
    (folder / "kafka").symlink_to(tmp_path / "elsewhere")
    home.wipe(folder)
    assert (tmp_path / "elsewhere" / "data").exists()


def test_an_installation_of_an_earlier_version_is_ours(tmp_path: Path) -> None:
    fill(tmp_path, "kafka", "logs")
    (tmp_path / home.LOCK).touch()
    home.claim(tmp_path)
    assert home.wipe(tmp_path) == []
    assert not (tmp_path / "kafka").exists()
