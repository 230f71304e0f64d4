"""After a return or a burst, what is shown and asked about is the fault as it is now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firstcause.incidents.view import ErrorMinute, Evidence, IncidentView
from log_analyzer.context.selection import TRACES_READ, choose_traces
from log_analyzer.incident_history.present_evidence import present_first
from log_analyzer.prompting.renderer import DEFAULTS_DIR, PromptTemplates
from log_analyzer.report.sections import report_sections
from tests.unit.log_analyzer.notify.test_message import a_view

MINUTE_MS = 60_000
START_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
BACK_MS = START_MS + 7_200_000


def error(at_ms: int, word: str) -> Evidence:
    name = f"{at_ms % 10**12:012d}"
    return Evidence(
        f"00000000-0000-4000-8000-{name}",
        at_ms,
        "payment",
        "ERROR",
        f"Payment failed {word}",
        f"CODE_{word.upper()}",
        f"{at_ms:032x}",
        None,
        None,
    )


def an_incident(minutes: dict[int, int]) -> IncidentView:
    old = tuple(error(START_MS + n, "old") for n in range(40))
    now = tuple(error(BACK_MS + n, "now") for n in range(40))
    return a_view(
        first_ms=START_MS,
        last_ms=BACK_MS + 39,
        evidence=(*old, *now),
        error_minutes=tuple(ErrorMinute("payment", at, n) for at, n in minutes.items()),
    )


RETURN = {START_MS: 40, BACK_MS: 40}
BURST = dict.fromkeys(range(START_MS, BACK_MS, 600000), 2) | {BACK_MS: 400}


@pytest.mark.parametrize("minutes", [RETURN, BURST], ids=["back after a pause", "a burst"])
def test_the_prompt_and_the_traces_are_those_of_the_present_onset(minutes) -> None:
    view = present_first(an_incident(minutes))
    prompt = PromptTemplates(DEFAULTS_DIR).render(view).text
    lines = prompt.split("Error lines:")[1].split("Timeline:")[0]
    assert "failed now" in lines
    assert "failed old" not in lines
    chosen = choose_traces(view.evidence, BACK_MS)
    assert len(chosen) == TRACES_READ
    assert {int(one, 16) >= BACK_MS for one in chosen} == {True}
    assert view.evidence[0].error_code == "CODE_NOW"
    assert report_sections(view)


def test_an_incident_that_never_paused_keeps_its_first_errors_first() -> None:
    minutes = dict.fromkeys(range(START_MS, BACK_MS + 1, MINUTE_MS), 40)
    view = an_incident(minutes)
    assert present_first(view) == view
    alone = replace(view, error_minutes=())
    assert present_first(alone).evidence == view.evidence
