"""The data classes of a message, independent of any channel. Pure.

A plain `str` is wording of ours. Whatever a log, a model or a person may have chosen is `Quoted`,
`Strong` or `Code`: the channel's renderer makes it harmless and cuts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

NAME_CHARS: Final = 60


@dataclass(frozen=True, slots=True)
class Quoted:
    """Foreign text on one line, at most `limit` characters."""

    text: str
    limit: int = NAME_CHARS


@dataclass(frozen=True, slots=True)
class Strong:
    """Emphasised text, ours or foreign."""

    text: str
    limit: int = NAME_CHARS


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be read or copied as it is: a log line, a command."""

    text: str
    limit: int = 220


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, ms since the epoch, shown in the reader's time zone if the channel can.

    `with_day` adds the date; without it the time has seconds.
    """

    at_ms: int
    with_day: bool = True

    @property
    def utc(self) -> str:
        """The same in UTC, for channels that know no time zones."""
        moment = datetime.fromtimestamp(self.at_ms / 1_000, UTC)
        if self.with_day:
            return f"{moment:%H:%M} UTC, {moment.day} {moment:%b %Y}"
        return f"{moment:%H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Link:
    """An address of ours or of the channel's own, never one from a log."""

    url: str
    label: str


Span = str | Quoted | Strong | Code | Moment | Link
Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing that is read: a mark and words of ours, then foreign text."""

    lead: str
    title: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of text; `small` is for what may be overlooked."""

    lines: tuple[Line, ...]
    small: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """A button: `action` names what it does, `value` the object that it acts on."""

    action: str
    label: str
    value: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Buttons:
    """A row of buttons; channels without buttons leave it out."""

    row: tuple[Button, ...]


Part = Headline | Paragraph | Buttons


@dataclass(frozen=True, slots=True)
class Note:
    """A message or a reply: one line for notifications, and its parts."""

    text: str
    parts: tuple[Part, ...]


def paragraph(*lines: Iterable[Span], small: bool = False) -> Paragraph:
    """A paragraph of these lines."""
    return Paragraph(tuple(tuple(line) for line in lines), small)


def plain_text(parts: Iterable[Part]) -> str:
    """The parts as lines of plain text without any markup; foreign text as it came."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Headline):
            lines.append(f"{part.lead}{part.title}")
        elif isinstance(part, Paragraph):
            lines += ["".join(map(_plain, line)) for line in part.lines]
    return "\n".join(lines)


def _plain(span: Span) -> str:
    if isinstance(span, str):
        return span
    if isinstance(span, Moment):
        return span.utc
    if isinstance(span, Link):
        return f"{span.label} ({span.url})"
    return span.text
