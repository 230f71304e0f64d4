"""What a query asks for, as data. Every engine translates this tree, and nothing else.

Text is compared without regard to case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# `text` stands for what a person reads: message, exception and attributes, whichever has it.
TextField = Literal["text", "message", "exception", "attributes"]
KeywordField = Literal["service", "level", "log_id", "trace_id", "error_code", "logger", "instance"]
NumberField = Literal["status_code", "latency_ms", "timestamp_ms"]


@dataclass(frozen=True, slots=True)
class Everything:
    """Every log."""


@dataclass(frozen=True, slots=True)
class Words:
    """These words one after the other.

    In the field `text` one of the identifying keywords that equals the whole text is a match too:
    a trace id that is pasted alone finds its logs.

    Attributes:
        field: where they stand.
        text: the words as typed; what divides words in a log divides them here.
        prefix: the last word may go on.
    """

    field: TextField
    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of this name whose value holds these words one after the other."""

    name: str
    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Keyword:
    """A field that is, or with `prefix` begins with, this value as a whole."""

    field: KeywordField
    value: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """A number in these bounds; None is no bound. A log without the field is no match."""

    field: NumberField
    lower: float | int | None = None
    upper: float | int | None = None
    include_lower: bool = True
    include_upper: bool = True


@dataclass(frozen=True, slots=True)
class Present:
    """The field has a value."""

    field: KeywordField | NumberField | Literal["exception"]


@dataclass(frozen=True, slots=True)
class And:
    """All of these, at least two."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these, at least two."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Every log that is no match of the part."""

    part: Node


Node = Everything | Words | Attribute | Keyword | Between | Present | And | Or | Not
