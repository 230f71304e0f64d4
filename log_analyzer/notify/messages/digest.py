"""Builds the content of a digest and of the pages in its thread. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal
from uuid import UUID

from firstcause.incidents.states import SEVERITIES, Severity
from firstcause.incidents.view import IncidentView
from log_analyzer.notify.messages.content import (
    Code,
    Headline,
    Line,
    Moment,
    Note,
    Quoted,
    paragraph,
)
from log_analyzer.notify.messages.incident import SEVERITY_MARKS, Notice, digest_of

DigestKind = Literal["old_news", "flood"]

NAMED: Final = 10
# Lines of a reply: with titles of `TITLE_CHARS` they fit into one paragraph of any channel.
PAGE: Final = 15
TITLE_CHARS: Final = 90
ID_PREFIX_CHARS: Final = 8
PAGE_REPLY: Final = "page-"


@dataclass(frozen=True, slots=True)
class Member:
    """An incident as it was when it joined the digest. Times in ms since the epoch."""

    incident_id: UUID
    joined_ms: int
    severity: Severity
    status: str
    title: str
    error_count: int
    first_ms: int
    last_ms: int


def member_of(view: IncidentView, joined_ms: int) -> Member:
    """An incident as a digest names it."""
    return Member(
        view.incident_id,
        joined_ms,
        view.worst or view.severity,
        view.status,
        view.title,
        view.error_count,
        view.first_ms,
        view.last_ms,
    )


def render_digest(kind: DigestKind, members: Sequence[Member]) -> Notice:
    """The digest's message: how many, and the worst of them by name."""
    count = len(members)
    if kind == "old_news":
        headline = Headline("🗞️ ", f"{count:,} older incidents, found while reading old logs")
        lead = "Their errors ended some time ago: they are stored and were not told one by one."
    else:
        headline = Headline("🌊 ", f"{count:,} incidents within minutes")
        lead = "So many at once are told together. One that gets worse has a message of its own."
    counts = Counter(one.severity for one in members)
    found = [one for one in reversed(SEVERITIES) if counts[one]]
    sums = [f"{SEVERITY_MARKS[one]} {counts[one]:,} {one}" for one in found]
    order = sorted(
        members, key=lambda one: (-SEVERITIES.index(one.severity), -one.last_ms, one.incident_id)
    )
    rest = f"All {count:,} are listed in the thread. " if count > NAMED else ""
    parts = (
        headline,
        paragraph([lead], [" · ".join(sums)]),
        paragraph(*map(_line, order[:NAMED])),
        paragraph([f"{rest}One of them: ", Code("firstcause incidents ID")], small=True),
    )
    shape = digest_of(kind, count)
    return Notice(f"{headline.lead}{headline.title}", parts, shape, digest_of(*map(repr, parts)))


def page_facts(members: Sequence[Member], first: int) -> dict[str, Any]:
    """What a reply with a page of the list tells, as plain JSON."""
    rows = [asdict(one) | {"incident_id": str(one.incident_id)} for one in members]
    return {"first": first, "members": rows}


def render_page(facts: Mapping[str, Any]) -> Note:
    """A page of the list, from its facts."""
    members = [
        Member(**(one | {"incident_id": UUID(one["incident_id"])})) for one in facts["members"]
    ]
    first = int(facts["first"])
    text = f"Incidents {first + 1:,} to {first + len(members):,}"
    return Note(text, (paragraph(*map(_line, members)),))


def _line(one: Member) -> Line:
    status = " resolved" if one.status == "resolved" else ""
    return (
        f"{SEVERITY_MARKS[one.severity]} ",
        Code(str(one.incident_id)[:ID_PREFIX_CHARS]),
        " ",
        Quoted(one.title, TITLE_CHARS),
        f" · {one.error_count:,} errors since ",
        Moment(one.first_ms),
        status,
    )
