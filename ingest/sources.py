"""The mapping file `sources.yaml`: which topics hold records of other formats, and how they map."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pydantic

from firstcause.checked_yaml import CheckedYaml, StrictModel
from ingest.formats import FORMAT_NAMES

SHIPPED: Final = Path(__file__).resolve().parent / "sources.yaml"

FieldName = Literal["service", "level", "time", "trace", "message"]


class Source(StrictModel):
    """One topic of records."""

    topic: str = pydantic.Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    format: str = "auto"
    service: str | None = None
    fields: dict[FieldName, str] = pydantic.Field(default_factory=dict)
    time_zone: str = "UTC"

    @pydantic.field_validator("format")
    @classmethod
    def _known_format(cls, name: str) -> str:
        if name not in FORMAT_NAMES:
            raise ValueError(f"there is no format {name!r}; `firstcause ingest formats` lists them")
        return name

    @pydantic.field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name


class Sources(StrictModel):
    """The whole file."""

    sources: list[Source] = pydantic.Field(min_length=1)


def load_sources(path: Path) -> dict[str, Source]:
    """The sources of a mapping file by topic.

    Raises:
        FirstcauseError: the file is missing or has a mistake, named with its line.
    """
    file = CheckedYaml(path)
    found: dict[str, Source] = {}
    for index, source in enumerate(file.validated(Sources).sources):
        if source.topic in found:
            raise file.mistake(("sources", index, "topic"), f"{source.topic} stands twice")
        found[source.topic] = source
    return found
