"""Who is told of which alerts; a mistake in the file is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from log_analyzer.webhooks.receivers import load_notifications
from tests.unit.firstcause.yaml_mistakes import assert_named_by_its_line

GOOD = """\
version: 1
receivers:
  - name: oncall
    pagerduty: {routing_key_file: key}
  - name: hub
    webhook: {url: "https://hub.example/alerts"}
routes:
  - receivers: [oncall]
    severities: [high, critical]
    kinds: [objective, pipeline]
  - receivers: [hub, oncall]
    services: [cart]
  - receivers: [hub]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("R0UT1NG")
    path = tmp_path / "notifications.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    ("severity", "kind", "service", "names"),
    [
        ("high", "objective", "order", ["oncall", "hub"]),
        ("medium", "objective", "order", ["hub"]),
        ("high", "threshold", "order", ["hub"]),
        ("high", None, "order", ["hub"]),
        ("low", None, "cart", ["oncall", "hub"]),
    ],
)
def test_every_route_that_takes_an_alert_has_it_and_a_receiver_is_told_once(
    file: Path, severity: str, kind: str | None, service: str, names: list[str]
) -> None:
    found = load_notifications(file).receivers_of(severity, kind, service)
    assert [one.name for one in found] == names


def test_files_of_keys_are_found_beside_the_file(file: Path) -> None:
    (oncall, _) = load_notifications(file).receivers
    assert oncall.pagerduty is not None
    assert oncall.pagerduty.routing_key_file == file.with_name("key")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("routing_key_file: key", "routing_key_file: nokey", 4, "cannot be read"),
        ("name: hub", "name: oncall", 5, "two receivers are called oncall"),
        ("[oncall]", "[nobody]", 8, "there is no receiver nobody"),
        ("https://hub", "hub", 6, "url"),
        ('    webhook: {url: "https://hub.example/alerts"}\n', "", 5, "one of webhook"),
        ("[high, critical]", "[loud]", 9, "severities"),
        ("[objective, pipeline]", "[objectiv]", 10, "kinds"),
        ("version: 1", "version: 2", 1, "version"),
    ],
)
def test_a_mistake_is_named_by_its_line(
    file: Path, old: str, new: str, line: int, said: str
) -> None:
    assert_named_by_its_line(load_notifications, file, GOOD, (old, new), line, said)


def test_without_the_file_nobody_is_told(tmp_path: Path) -> None:
    assert load_notifications(tmp_path / "none.yaml").routes == ()
