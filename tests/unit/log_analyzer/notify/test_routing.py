from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from firstcause.errors import FirstcauseError
from firstcause.incidents.view import Analysis, IncidentContext, Suspect
from firstcause.settings import PROJECT_ROOT
from log_analyzer.notify.routing import load_router
from tests.hostile_lines import HOSTILE_LINES
from tests.unit.log_analyzer.notify.test_message import a_view

EXAMPLE = PROJECT_ROOT / "deploy" / "slack_routes.example.yaml"


def routes(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("severity", "suspect", "channel"),
    [
        ("critical", "payment", "#payments-oncall"),
        ("high", "billing", "#payments-oncall"),
        ("medium", "payment", "#incidents"),
        ("low", "payment", "#incidents-quiet"),
        ("critical", "order", "#incidents"),
        ("high", "Payment", "#incidents"),
        ("high", "payment ", "#incidents"),
    ],
)
def test_the_example_routes_by_severity_and_first_suspect(severity, suspect, channel) -> None:
    view = a_view(severity=severity, suspects=(suspect, "payment"))
    assert load_router(EXAMPLE, "#incidents").channel_of(view, 0) == channel


def test_the_suspect_that_the_context_found_goes_before_those_of_the_errors() -> None:
    context = IncidentContext(1, (Suspect("billing", ("It gave no answer.",)),))
    view = a_view(severity="critical", suspects=("order",), context=context)
    assert load_router(EXAMPLE, "#incidents").channel_of(view, 0) == "#payments-oncall"


def test_without_a_file_all_goes_to_the_one_channel(tmp_path) -> None:
    assert load_router(tmp_path / "none.yaml", "#incidents").channel_of(a_view(), 0) == "#incidents"


def test_nothing_that_a_log_or_the_model_says_changes_the_route() -> None:
    router = load_router(EXAMPLE, "#incidents")
    for line in HOSTILE_LINES:
        said = Analysis("mistral", line.text, "billing", "confirmed", (), (line.text,))
        view = a_view(line.text, template=line.text, analyses=(said,), suspects=("order",))
        assert router.channel_of(view, 0) == "#incidents"
        # A service of such a name is only that: no route names it.
        assert (
            router.channel_of(dataclasses.replace(view, suspects=(line.text,)), 0) == "#incidents"
        )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("routes:\n  - chanel: '#a'\n", r"routes.yaml:2: routes.0.chanel: Extra inputs"),
        ("routes:\n  - severities: [bad]\n    channel: '#a'\n", r"routes.yaml:2: .*severities"),
        ("routes:\n  - channel: '#a'\n    severities: []\n", r"routes.yaml:3: .*severities"),
        ("routes:\n  - channel: here\n", r"routes.yaml:2: routes.0.channel: String should match"),
        ("routes:\n  - channel: '<!channel>'\n", r"routes.yaml:2: routes.0.channel"),
        ("routes:\n  - channel: '#a'\n  - channel: '#b'\n", r"routes.yaml:2: .*takes everything"),
        ("routes: [\n", r"routes.yaml:2: not YAML"),
        ("", r"routes.yaml:1: the file is empty"),
        ("- channel: '#a'\n", r"routes.yaml:1: the file"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(tmp_path, text, mistake) -> None:
    with pytest.raises(FirstcauseError, match=mistake):
        load_router(routes(tmp_path / "routes.yaml", text), "#incidents")
