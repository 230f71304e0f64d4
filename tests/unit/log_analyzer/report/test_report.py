from __future__ import annotations

import dataclasses
import io
import shlex
import uuid

import pytest
from rich.console import Console

from firstcause.incidents.records import EarlierIncident, Escalation
from firstcause.incidents.view import (
    EARLIER_SHOWN,
    ContextLog,
    ErrorGroup,
    ErrorMinute,
    IncidentContext,
    RateChange,
    Suspect,
    TimelineEntry,
)
from firstcause.text.event_time import iso
from log_analyzer.notify.preview.terminal import incident_detail
from log_analyzer.report.deterministic import deterministic_report, incident_json
from log_analyzer.report.sections import (
    AROUND_MS,
    next_actions,
    report_sections,
    seen_before,
    suspect_names,
)
from log_analyzer.report.timeline import timeline
from log_analyzer.suspects.onset import PAUSE_MS
from tests.unit.log_analyzer.context.incident_parts import START_MS, an_error, an_incident

MINUTE_MS = 60_000
DAY_MS = 86_400_000
POOL = Suspect(
    "inventory",
    ("inventory failed first in 22 of 24 failing traces (log 4f); order fails above it.",),
    0.917,
    ("4f", "50", "51"),
)
CONTEXT = IncidentContext(
    gathered_ms=START_MS + 4_000,
    suspects=(POOL, Suspect("order", ("order fails above inventory in 22 of 24.",))),
    timeline=(
        TimelineEntry(START_MS - 9_000, "inventory", "first WARN not seen before: pool full", "4a"),
    ),
    trace_logs=(ContextLog("4f", START_MS - 20, "inventory", "ERROR", "No connection", "bb"),),
    logs_before=(ContextLog("4a", START_MS - 9_000, "inventory", "WARN", "pool full"),),
    rate_changes=(RateChange("inventory", "WARN", "pool full", 0.2, 84.0, 300.0, 12.0),),
)
EARLIER = tuple(
    EarlierIncident(
        uuid.UUID(int=number),
        START_MS - number * DAY_MS,
        START_MS - number * DAY_MS + 600_000,
        "inventory",
        f"the pool leaked ({number})",
        "likely",
    )
    for number in (2, 1, 3)
)


def lines_of(view, title: str) -> tuple[str, ...]:
    return next((one.lines for one in report_sections(view) if one.title == title), ())


def test_without_context_the_report_has_suspects_timeline_and_commands() -> None:
    view = an_incident()
    report = deterministic_report(view, "note")
    assert (report.culprit_service, report.confidence) == ("payment", "likely")
    assert [one.title for one in report_sections(view)] == ["Suspects", "Timeline", "What to do"]
    assert "payment" in lines_of(view, "Suspects")[0]
    assert len(lines_of(view, "Timeline")) == 2
    assert any("firstcause logs --service payment" in one for one in report.actions)
    assert any("firstcause logs --trace aa" in one for one in report.actions)


def test_the_context_gives_the_culprit_its_reasons_and_its_evidence() -> None:
    view = an_incident(context=CONTEXT)
    report = deterministic_report(view, "note")
    assert (report.culprit_service, report.confidence) == ("inventory", "likely")
    assert report.root_cause.startswith("inventory failed first in 22 of 24 failing traces")
    assert "84 a minute, 0.2 before (samples of 12 s and 300 s)" in report.root_cause
    assert report.evidence[:3] == ("4f", "50", "51")
    assert set(report.evidence[3:]) == {one.log_id for one in view.evidence}
    assert suspect_names(view) == ("inventory", "order", "payment")
    assert incident_json(view, model_configured=False)["suspects"] == list(suspect_names(view))


@pytest.mark.parametrize("weak", [{"log_ids": ("4f",)}, {"score": 0.4}])
def test_one_trace_or_a_minority_of_them_is_inconclusive(weak: dict[str, object]) -> None:
    context = dataclasses.replace(CONTEXT, suspects=(dataclasses.replace(POOL, **weak),))
    assert deterministic_report(an_incident(context=context), "n").confidence == "inconclusive"


def test_the_timeline_goes_from_the_first_change_to_the_quiet() -> None:
    view = an_incident(
        context=CONTEXT,
        status="resolved",
        last_ms=START_MS + 6 * MINUTE_MS,
        groups=(
            ErrorGroup(uuid.uuid4(), "order", "Order <*>", 90, START_MS, START_MS + 1),
            ErrorGroup(uuid.uuid4(), "mail", "Mail <*>", 9, START_MS + MINUTE_MS, START_MS),
        ),
        error_minutes=(
            ErrorMinute("order", START_MS, 4),
            ErrorMinute("order", START_MS + MINUTE_MS, 30),
            ErrorMinute("payment", START_MS + 2 * MINUTE_MS, 50),
            ErrorMinute("order", START_MS + 3 * MINUTE_MS, 10),
            ErrorMinute("order", START_MS + 4 * MINUTE_MS, 90),
        ),
        escalations=(
            Escalation(
                uuid.uuid4(), "order", 3, START_MS + 3 * MINUTE_MS, START_MS + 4 * MINUTE_MS
            ),
        ),
    )
    told = [(one.service_name, one.text.split(":")[0], one.log_id) for one in timeline(view)]
    assert told == [
        ("inventory", "first WARN not seen before", "4a"),
        ("inventory", "first error", "4f"),
        ("order", "first error", view.evidence[0].log_id),
        ("payment", "first error", view.evidence[1].log_id),
        ("mail", "first error", None),
        ("payment", "grows", None),
        ("order", "escalated after 3 alerts", None),
        ("order", "worst minute", None),
        ("order", "last of 120 errors; quiet since, resolved", None),
    ]
    [grown] = [one for one in timeline(view) if one.text.startswith("grows")]
    assert "50 errors a minute, 4 in the first" in grown.text


def test_an_incident_that_never_grew_has_no_line_of_growth() -> None:
    minutes = (ErrorMinute("order", START_MS, 4), ErrorMinute("order", START_MS + MINUTE_MS, 3))
    texts = [one.text for one in timeline(an_incident(error_minutes=minutes))]
    assert not any(text.startswith(("grows", "worst")) for text in texts)


def test_earlier_incidents_are_counted_and_the_last_is_quoted() -> None:
    view = an_incident(earlier=EARLIER)
    said = "Seen 3 times before, last on 2026-02-28 12:00:00 UTC; then it was inventory (likely)"
    assert seen_before(view) == f"{said}: the pool leaked (1)"
    assert seen_before(view) in deterministic_report(view, "n").root_cause
    assert f"firstcause incidents {uuid.UUID(int=1)}" in next_actions(view)[-1]
    assert len(lines_of(view, "Earlier")) == 4
    assert seen_before(an_incident()) is None
    unknown = dataclasses.replace(EARLIER[0], culprit_service="", root_cause="")
    once = seen_before(an_incident(earlier=(unknown,)))
    assert once == "Seen once before, last on 2026-02-27 12:00:00 UTC."
    # Its number means nothing beside the placeholders of this incident.
    hidden = dataclasses.replace(EARLIER[0], root_cause="<EMAIL_1> left")
    assert str(seen_before(an_incident(earlier=(hidden,)))).endswith(": <EMAIL> left")
    # No more were looked for.
    assert "at least 5 times" in str(seen_before(an_incident(earlier=(unknown,) * EARLIER_SHOWN)))


def test_of_what_came_back_the_new_beginning_is_to_be_read() -> None:
    back_ms = START_MS - START_MS % MINUTE_MS + PAUSE_MS + 2 * MINUTE_MS
    minutes = tuple(ErrorMinute("order", at_ms, 4) for at_ms in (START_MS, back_ms))
    view = an_incident(error_minutes=minutes, last_ms=back_ms + 10_000)
    start, end = iso(back_ms - AROUND_MS), iso(back_ms + AROUND_MS)
    assert next_actions(view)[0].endswith(f"--from {start} --to {end}")
    # Only what can be done: no "look at what changed", no "see your runbook".
    assert all(": firstcause " in one for one in next_actions(view))


def test_a_service_name_cannot_smuggle_a_command_into_the_shell() -> None:
    name = "pay; rm -rf $(HOME) `x` 'y'"
    view = an_incident(suspects=(name,), service_name=name)
    [command] = [
        one.split(": ", 1)[1] for one in next_actions(view) if "firstcause logs --service" in one
    ]
    words = shlex.split(command)
    assert words[:4] == ["firstcause", "logs", "--service", name]
    assert words[4::2] == ["--from", "--to"]


def test_the_terminal_shows_the_whole_report_and_log_text_moves_no_cursor() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    evil = dataclasses.replace(
        CONTEXT,
        logs_before=(ContextLog("4a", START_MS, "inventory", "WARN", "\x1b[2J[bold]pool\r full"),),
    )
    view = an_incident(context=evil, earlier=EARLIER)
    console.print(incident_detail(view, model_configured=False))
    shown = console.export_text()
    for title in ("Suspects", "Timeline", "What changed", "Logged just before", "Earlier"):
        assert title in shown
    assert "[2J[bold]pool  full" in shown
    assert "\x1b" not in shown


def test_an_incident_without_any_evidence_still_has_a_report() -> None:
    view = an_incident(evidence=(), suspects=(), services=())
    report = deterministic_report(view, "n")
    assert (report.culprit_service, report.evidence) == ("order", ())
    assert report.actions
    assert suspect_names(view) == ("order",)
    assert an_error("order", 0).log_id not in report.root_cause
