"""Builds the content of an incident's message. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.notify.messages import alerts, culprit, incident_parts
from log_analyzer.notify.messages.content import Headline, Note, Part, Quoted, paragraph
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.messages.wording import plural
from log_analyzer.report.sections import suspect_names
from log_analyzer.suspects.onset import onset_ms

SEVERITY_MARKS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "⚪"}
RESOLVED_MARK: Final = "✅"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message ready to be sent, for any channel.

    `text` is one line for notifications, as foreign as its title. `shape` changes with what a
    reader must learn soon (status, severity, suspects, analysis), `handling` with what people did,
    `digest` with anything, counts included.
    """

    text: str
    parts: tuple[Part, ...]
    shape: str
    digest: str
    handling: str = ""

    @property
    def note(self) -> Note:
        """What a channel needs of it."""
        return Note(self.text, self.parts)


@dataclass(frozen=True, slots=True)
class NoticeOptions:
    """How messages look in this installation.

    `buttons`: somebody listens to them; else the commands are named. `incident_url`: a page of
    our own, with `{incident_id}`; but for the channel's own links the only one in a message.
    """

    buttons: bool = False
    incident_url: str | None = None


DEFAULT_OPTIONS: Final = NoticeOptions()


def render_notice(
    view: IncidentView,
    analysis: Analysis,
    options: NoticeOptions = DEFAULT_OPTIONS,
    told: Told | None = None,
) -> Notice:
    """The incident's message, the same for equal input: nothing in it depends on the clock.

    Args:
        view: the incident.
        analysis: the analysis to show.
        options: of this installation.
        told: what its readers know already; None for a message that stands alone.
    """
    parts = _merged(view) if view.merged_into else _whole(view, analysis, options, told)
    done = " (resolved)" if view.status == "resolved" else ""
    text = f"{view.severity}{done}: {_counted(view)}, {view.title}"
    return Notice(
        text=text,
        parts=tuple(parts),
        shape=digest_of(
            view.status,
            view.severity,
            *suspect_names(view),
            "",
            *view.services,
            "",
            analysis.source,
            analysis.note,
            analysis.analysed_ms,
            view.context is not None,
            len(view.earlier),
            len(view.escalations),
            view.merged_into,
        ),
        digest=digest_of(text, *map(repr, parts)),
        handling=digest_of(view.handling),
    )


def _whole(
    view: IncidentView, analysis: Analysis, options: NoticeOptions, told: Told | None
) -> list[Part]:
    parts = (
        [_headline(view)],
        incident_parts.facts(view),
        alerts.alerts(view),
        culprit.suspect(view, analysis, told),
        incident_parts.what_to_do(view, analysis),
        incident_parts.earlier(view),
        incident_parts.escalations(view),
        incident_parts.handling(view, analysis),
        incident_parts.source(
            view, analysis, told, incident_url=options.incident_url, buttons=options.buttons
        ),
        incident_parts.doors(view, analysis) if options.buttons else [],
    )
    return [part for group in parts for part in group]


def _counted(view: IncidentView) -> str:
    """The errors of the present fault."""
    errors = incident_parts.errors_since(view, onset_ms(view))
    return f"{errors} {plural(errors, 'error')}"


def _headline(view: IncidentView) -> Headline:
    severity = view.severity.upper()
    if view.status == "resolved":
        mark, state = RESOLVED_MARK, f"RESOLVED ({severity})"
    else:
        mark, state = SEVERITY_MARKS[view.severity], severity
    # What varies from line to line has no place in a headline.
    return Headline(f"{mark} {state} · ", view.title.replace("<*>", "…"))


def _merged(view: IncidentView) -> list[Part]:
    key = Quoted(str(view.merged_into))
    return [
        Headline("↪️ MERGED · ", view.title),
        paragraph(["This has the same cause as incident ", key, ". What follows stands there."]),
        paragraph([f"Incident {view.incident_id}"], small=True),
    ]


def digest_of(*values: object) -> str:
    """A digest that changes with any of the values."""
    text = "\x1f".join(map(str, values))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
