"""Prints incidents in the terminal: as a message, as a table, or in full."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from firstcause.incidents.view import IncidentView
from firstcause.text.event_time import clock
from log_analyzer.notify.messages.content import (
    Code,
    Headline,
    Line,
    Link,
    Moment,
    Note,
    Paragraph,
    Strong,
)
from log_analyzer.notify.messages.incident import Notice, render_notice
from log_analyzer.notify.slack.text import plain
from log_analyzer.report.deterministic import current_analysis
from log_analyzer.report.sections import report_sections, suspect_names

SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


def render_for_terminal(note: Note | Notice) -> RenderableType:
    """A panel that shows a message roughly as Slack would."""
    parts: list[RenderableType] = []
    for part in note.parts:
        if isinstance(part, Headline):
            parts.append(Text(_printable(part.lead + part.title), style="bold"))
        elif isinstance(part, Paragraph) and part.small:
            parts += [Rule(style="dim"), *(_line(line, "dim") for line in part.lines)]
        elif isinstance(part, Paragraph):
            parts += [Text(""), *(_line(line) for line in part.lines)]
    return Panel(Group(*parts), title="Slack preview", title_align="left", border_style="cyan")


def _line(line: Line, style: str = "") -> Text:
    """A line with its emphasis; foreign text is cut as it is for any reader."""
    shown = Text(style=style)
    for span in line:
        if isinstance(span, str):
            shown.append(span)
        elif isinstance(span, Moment):
            shown.append(span.utc)
        elif isinstance(span, Link):
            shown.append(f"{span.label}: {span.url}")
        else:
            styles = {Strong: "bold", Code: "cyan"}
            shown.append(plain(span.text, span.limit), style=styles.get(type(span), ""))
    return shown


def print_preview(incident: UUID, note: Note, first: bool) -> None:
    """Shows a message on standard output: in full when new, one line when updated."""
    console = Console(highlight=False)
    if first:
        console.print(render_for_terminal(note))
    else:
        line = Text.assemble(("Slack preview updated ", "cyan"), _printable(note.text))
        line.append(f"  {incident}", style="dim")
        console.print(line)


def print_reply(incident: UUID, text: str) -> None:
    """Shows a reply in an incident's thread on standard output, as one line."""
    line = Text.assemble(("Slack preview, in the thread: ", "cyan"), _printable(text))
    Console(highlight=False).print(line.append(f"  {incident}", style="dim"))


def incidents_table(views: Iterable[IncidentView]) -> Table:
    """Incidents, two lines each: what it is, and the id to ask further with."""
    table = Table(title="Incidents (times in UTC)", title_justify="left")
    table.add_column("Incident", ratio=1, min_width=36, overflow="fold")
    table.add_column("State", no_wrap=True)
    table.add_column("Errors", justify="right", no_wrap=True)
    table.add_column("Suspect", overflow="fold")
    table.add_column("First, last seen", no_wrap=True)
    for view in views:
        state = Text(view.severity, style=SEVERITY_STYLES[view.severity])
        seen = "\n".join(clock(ms).removesuffix(" UTC") for ms in (view.first_ms, view.last_ms))
        table.add_row(
            Text(_printable(view.title)).append(f"\n{view.incident_id}", style="dim"),
            state.append(f"\n{view.status}", style="not bold default"),
            f"{view.error_count:,}",
            Text(_printable(suspect_names(view)[0])),
            seen,
        )
    return table


def incident_detail(view: IncidentView, *, model_configured: bool) -> RenderableType:
    """One incident with its evidence, its analyses and its message."""
    analysis = current_analysis(view, model_configured=model_configured)
    evidence = Table(title="Evidence", title_justify="left", show_lines=False)
    for name in ("Time", "Service", "Level", "Message", "Log id"):
        evidence.add_column(name, overflow="fold")
    for one in view.evidence:
        evidence.add_row(
            clock(one.timestamp_ms),
            Text(_printable(one.service_name)),
            one.level,
            Text(_printable(one.message[:200])),
            one.log_id,
        )
    analyses = Table(title="Analyses", title_justify="left")
    for name in ("Source", "Confidence", "Culprit", "Root cause", "Calls", "Tokens", "Note"):
        analyses.add_column(name, overflow="fold")
    for said in view.analyses or (analysis,):
        analyses.add_row(
            said.source,
            said.confidence,
            Text(_printable(said.culprit_service)),
            Text(_printable(said.root_cause)),
            str(said.llm_calls),
            str(said.llm_tokens),
            Text(said.note),
        )
    groups = Table(title="Groups of errors", title_justify="left")
    for name in ("Service", "Errors", "First", "Last", "Template"):
        groups.add_column(name, overflow="fold")
    for group in view.groups:
        groups.add_row(
            Text(_printable(group.service_name)),
            f"{group.error_count:,}",
            clock(group.first_ms),
            clock(group.last_ms),
            Text(_printable(group.template)),
        )
    message = view.message
    where = (
        f"Message: {message.state}, channel {message.channel}, ts {message.ts}, "
        f"sent {message.sends} times"
        + (f", last error {message.last_error}" if message.last_error else "")
        if message
        else "Message: none"
    )
    parts = [render_for_terminal(render_notice(view, analysis)), *_report(view), evidence, analyses]
    return Group(*parts, *([groups] if view.groups else []), Text(where))


def _report(view: IncidentView) -> list[RenderableType]:
    """The deterministic report, whatever the model says."""
    parts: list[RenderableType] = []
    for section in report_sections(view):
        parts.append(Text(section.title, style="bold"))
        parts += [Text(f"  {_printable(line)}") for line in section.lines]
        parts.append(Text(""))
    return parts


def _printable(text: str) -> str:
    """Text from logs never moves the cursor or changes colours."""
    return "".join(char if char.isprintable() else " " for char in text)
