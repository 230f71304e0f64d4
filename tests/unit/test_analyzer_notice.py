from __future__ import annotations

import dataclasses
import io
import json
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from log_analyzer.incident_view import Analysis, Evidence, IncidentView
from log_analyzer.notice import inert, render_notice
from log_analyzer.report import current_analysis, deterministic_report, incident_json
from log_analyzer.terminal import incident_detail, incidents_table, render_for_terminal

FIRST_ID = "cf05034d-100c-59da-b833-3aa9517affde"


def a_view(message: str = "Payment 7 failed", **changes) -> IncidentView:
    evidence = Evidence(
        FIRST_ID, 1_700_000_000_000, "payment", "ERROR", message, "PAY-1", "aa11", "b", None
    )
    view = IncidentView(
        incident_id=uuid.UUID(int=7),
        status="open",
        service_name="order",
        template="Payment <*> failed",
        title=f"order: {message}",
        severity="high",
        suspects=("payment", "order"),
        services=("order", "payment"),
        error_count=1_234,
        first_ms=1_700_000_000_000,
        last_ms=1_700_000_060_000,
        evidence=(evidence,),
        analyses=(),
        message=None,
    )
    return dataclasses.replace(view, **changes)


HOSTILE = [
    "<!channel> <!here> <@U123> @channel @here",
    "<https://evil.example|click> https://evil.example",
    "```\n*bold* _it_ `code` ~x~",
    "\x1b[31mred\x1b[0m \u202ereversed \x00 null",
    "&lt;!channel&gt; &amp;",
    "x" * 100_000,
    "&" * 20_000,
]


def texts(notice) -> list[str]:
    found = []
    for block in notice.blocks:
        found += [block["text"]["text"]] if "text" in block else []
        found += [element["text"] for element in block.get("elements", ())]
    return found


@pytest.mark.parametrize("message", HOSTILE)
def test_hostile_log_text_makes_no_mention_no_link_and_stays_in_the_limits(message: str) -> None:
    view = a_view(message, services=(message, "order"), suspects=(message,))
    analysis = Analysis("mistral", message, message, "likely", (FIRST_ID,), (message,) * 30)
    notice = render_notice(view, analysis)
    assert len(notice.blocks) <= 50
    for block in notice.blocks:
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3_000
            assert block["text"]["verbatim"] is True
    assert len(notice.blocks[0]["text"]["text"]) <= 150
    for text in [*texts(notice)[1:], notice.text]:
        assert not re.search(r"[<>]", text)
        assert not re.search(r"@\w", text)
        assert "\x1b" not in text
        assert "\u202e" not in text


@given(st.text(max_size=400), st.integers(5, 200))
def test_inert_text_is_escaped_and_never_too_long(text: str, limit: int) -> None:
    shown = inert(text, limit)
    assert len(shown) <= limit
    assert not set("<>") & set(shown)
    assert not re.search(r"&(?!amp;|lt;|gt;)", shown) or shown.endswith("…")


def test_the_same_incident_makes_the_same_notice_and_news_change_it() -> None:
    view = a_view()
    analysis = deterministic_report(view, "note")
    one = render_notice(view, analysis)
    assert one == render_notice(view, analysis)
    more = render_notice(dataclasses.replace(view, error_count=1_235), analysis)
    assert (more.shape, more.digest != one.digest) == (one.shape, True)
    done = render_notice(dataclasses.replace(view, status="resolved"), analysis)
    assert done.shape != one.shape


def test_the_rules_blame_the_deepest_service_and_say_what_they_are() -> None:
    report = current_analysis(a_view(), model_configured=False)
    assert (report.source, report.culprit_service, report.confidence) == (
        "deterministic",
        "payment",
        "likely",
    )
    assert "no model is configured" in report.note
    assert report.evidence == (FIRST_ID,)
    assert "follows" in current_analysis(a_view(), model_configured=True).note


def test_the_models_answer_goes_before_the_rules() -> None:
    said = Analysis("mistral", "It was DNS.", "payment", "likely", (), (), analysed_ms=2)
    late = Analysis("deterministic", "", "", "likely", (), (), note="late", analysed_ms=3)
    view = a_view(analyses=(late, said))
    assert current_analysis(view, model_configured=True) is said


def test_the_json_object_has_exactly_the_fields_of_the_contract() -> None:
    view = a_view(
        analyses=(Analysis("mistral", "r", "s", "likely", (), (), llm_calls=1, llm_tokens=9),)
    )
    printed = incident_json(view, model_configured=True)
    assert list(printed) == [
        "incident_id", "status", "severity", "title", "suspects", "services", "error_count",
        "first_seen", "last_seen", "analysis", "slack_channel", "slack_thread_ts", "llm_calls",
        "llm_tokens",
    ]  # fmt: skip
    assert list(printed["analysis"]) == [
        "source",
        "root_cause",
        "confidence",
        "evidence",
        "actions",
    ]
    assert (printed["llm_calls"], printed["llm_tokens"]) == (1, 9)
    assert printed["first_seen"] == "2023-11-14T22:13:20.000Z"
    json.dumps(printed)


def test_the_terminal_shows_what_slack_shows() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    view = a_view("Payment [bold]7[/] <b> & failed")
    console.print(render_for_terminal(render_notice(view, deterministic_report(view, "n"))))
    console.print(incidents_table([view]))
    console.print(incident_detail(view, model_configured=False))
    shown = console.export_text()
    assert "Payment [bold]7[/] <b> & failed" in shown
    assert "1,234" in shown
    assert FIRST_ID in shown
