"""Answers on patterns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from firstcause.storage.stored_time import datetime_from_ms
from search.patterns.comparison import Change
from search.patterns.overview import ChangedPattern, CountedPattern


class PatternAnswer(BaseModel):
    """A log template of a service."""

    template_id: UUID = Field(description="The same in all processes, and for incidents' groups")
    service_name: str
    level: str = Field(description="That it was met with last")
    text: str = Field(description="<*> stands for what varies")
    first_seen: datetime | None = Field(default=None, description="Event time, ever")
    last_seen: datetime | None = Field(default=None, description="Event time, ever")


class PatternCount(PatternAnswer):
    """A template, and how often it was met."""

    count: int


class PatternChange(PatternAnswer):
    """A template that is new, gone or shifted, and its counts in both times."""

    change: Change
    before: int
    after: int


class Patterns(BaseModel):
    """The most frequent templates of a time."""

    start: datetime
    end: datetime
    total: int = Field(description="How many there are; the answer has the most frequent")
    patterns: list[PatternCount]


class PatternDiff(BaseModel):
    """What differs in [start, end) from [before, start)."""

    before: datetime
    start: datetime
    end: datetime
    total: int = Field(description="How many changed; the answer has the strongest changes")
    changes: list[PatternChange]


def pattern_counts(found: Sequence[CountedPattern]) -> list[PatternCount]:
    """Counted patterns as answers."""
    return [PatternCount(**_named(one), count=one.count) for one in found]


def pattern_changes(found: Sequence[ChangedPattern]) -> list[PatternChange]:
    """Changed patterns as answers."""
    return [
        PatternChange(**_named(one), change=one.change, before=one.before, after=one.after)
        for one in found
    ]


def _named(one: CountedPattern | ChangedPattern) -> dict[str, Any]:
    known = one.pattern
    times = {}
    if known is not None:
        times = {
            "first_seen": datetime_from_ms(known.first_seen_ms),
            "last_seen": datetime_from_ms(known.last_seen_ms),
        }
    return {
        "template_id": one.template_id,
        "service_name": one.service_name,
        "level": known.level if known else "",
        "text": known.text if known else "",
        **times,
    }
