"""What leaves the process is redacted before anything of it is cut, whichever way it goes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from firstcause.events.log_event import LogEvent
from firstcause.incidents.records import EarlierIncident, SimilarIncident
from firstcause.incidents.view import (
    ContextLog,
    ErrorGroup,
    IncidentContext,
    IncidentView,
    RateChange,
    Suspect,
    TimelineEntry,
)
from firstcause.settings import PROJECT_ROOT
from log_analyzer.context.selection import MESSAGE_CHARS, context_log
from log_analyzer.episodes.episode import TITLE_CHARS, title
from log_analyzer.prompting.renderer import DEFAULTS_DIR, PromptTemplates
from log_analyzer.redaction.redactor import redact
from log_analyzer.report.redacted_incident import redacted_incident, shown_incident
from log_analyzer.report.sections import report_sections
from tests.unit.log_analyzer.notify.test_message import FIRST_ID, a_view

CARD = "4111 1111 1111 1111"
SECRET = "correct-horse-7"
LOG = f"paid with {CARD} by ann@corp.example, password={SECRET}"


def everywhere(text: str) -> IncidentView:
    """An incident that has this text wherever text of logs may stand."""
    view = a_view()
    one = view.evidence[0]
    suspect = Suspect(view.service_name, (f"it says: {text}",), log_ids=(FIRST_ID,))
    earlier = EarlierIncident(view.fingerprint, 0, 1, "payment", text, "likely")
    return replace(
        view,
        title=text,
        template=text,
        evidence=tuple(replace(each, message=text, error_code=text) for each in view.evidence),
        groups=(ErrorGroup(view.incident_id, "payment", text, 3, 0, 0),),
        earlier=(earlier,),
        similar=(SimilarIncident(earlier, 0.75, (f"same errors: payment: {text}", text)),),
        context=IncidentContext(
            gathered_ms=1,
            suspects=(suspect,),
            timeline=(TimelineEntry(one.timestamp_ms, "payment", text, FIRST_ID),),
            trace_logs=(ContextLog(FIRST_ID, one.timestamp_ms, "payment", "ERROR", text),),
            logs_before=(ContextLog(FIRST_ID, one.timestamp_ms, "payment", "WARN", text),),
            rate_changes=(RateChange("payment", "WARN", text, 1.0, 2.0),),
        ),
    )


def leaks(text: str) -> list[str]:
    pieces = [CARD[:size] for size in range(9, 20)] + [SECRET[:size] for size in range(4, 16)]
    return [one for one in (*pieces, "ann@", "corp.example") if one in text]


@pytest.mark.parametrize("before", range(0, 420, 19))
def test_no_cut_anywhere_lets_half_of_a_secret_through(before) -> None:
    view = everywhere("x" * before + " " + LOG + " and what follows")
    assert leaks(PromptTemplates(DEFAULTS_DIR).render(view).text) == []
    shown = shown_incident(view, personal=False)
    lines = [line for section in report_sections(shown) for line in section.lines]
    assert leaks("\n".join(lines)) == []
    assert leaks(repr(replace(shown, analyses=()))) == []


@pytest.mark.parametrize("before", range(440, 500, 7))
def test_what_is_kept_for_later_is_cut_beside_a_secret(before) -> None:
    log = context_log(replace_message("x" * before + " " + LOG + "y" * 200))
    assert len(log.message) <= MESSAGE_CHARS
    view = everywhere(log.message)
    assert leaks(repr(redacted_incident(view).view)) == []
    named = title("payment", "x" * (before - 385) + " " + LOG)
    assert len(named) <= TITLE_CHARS
    assert leaks(redact(named)) == []


def replace_message(message: str) -> LogEvent:
    return LogEvent(FIRST_ID, 1, "payment", "ERROR", message)


def test_a_channel_shows_personal_data_where_it_is_allowed_and_credentials_never() -> None:
    view = everywhere(LOG)
    hidden, shown = (shown_incident(view, personal=one) for one in (False, True))
    assert hidden.evidence[0].message == "paid with <CARD_1> by <EMAIL_1>, password=<PASSWORD_1>"
    assert (
        shown.evidence[0].message == "paid with <CARD_1> by ann@corp.example, password=<PASSWORD_1>"
    )
    assert hidden.service_name == view.service_name


def test_a_value_has_one_placeholder_in_all_texts_of_an_incident() -> None:
    view = everywhere("ann@corp.example called bob@corp.example")
    shown = redacted_incident(view).view
    assert {one.message for one in shown.evidence} == {"<EMAIL_1> called <EMAIL_2>"}
    assert shown.context and shown.context.timeline[0].text == "<EMAIL_1> called <EMAIL_2>"


def test_a_secret_broken_by_what_nobody_sees_is_found() -> None:
    view = everywhere("ann\u200b@corp.exa\u00admple")
    assert redacted_incident(view).view.evidence[0].message == "<EMAIL_1>"


def test_mypy_refuses_a_line_of_a_log_among_the_variables_of_a_prompt(tmp_path: Path) -> None:
    source = (PROJECT_ROOT / "log_analyzer" / "prompting" / "variables.py").read_text()
    raw = source.replace(
        '"message": self._line(one.message, MESSAGE_CHARS),', '"message": one.message,'
    )
    assert raw != source
    file = tmp_path / "variables.py"
    file.write_text(raw)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(file)]
    found = subprocess.run(mypy, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert 'has incompatible type "str": "str"; expected' in found.stdout, found.stdout
