"""What a source's entry in the mapping file says of a record, which wins over its format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ingest.draft import Draft
from ingest.fields.lookup import find
from ingest.sources import Source

_TARGETS = {"service": "service_name", "trace": "trace_id"}


def apply(source: Source, document: Mapping[str, Any] | None, draft: Draft) -> None:
    """Sets the fields that the source maps, before the layers below are read.

    A path that the record lacks, or whose value cannot be what it should be, leaves the field to
    the format.
    """
    if source.time_zone != "UTC":
        draft.zone = ZoneInfo(source.time_zone)
    if document is None:
        return
    pinned = set()
    for name, path in source.fields.items():
        value = find(document, path)
        if value is None:
            continue
        target = _TARGETS.get(name, name)
        if name == "message":
            draft.body = value
            draft.is_raw_line = False
        elif name == "time":
            draft.time = None
            draft.take_time(path, value)
            if draft.time is None:
                continue
        elif name == "level":
            before, draft.level = draft.level, None
            draft.take_level(path, value)
            if draft.level is None:
                draft.level = before
                continue
        elif name == "trace":
            draft.take_trace(target, path, value)
        else:
            draft.take(target, value)
        pinned.add(target)
    draft.pinned = frozenset(pinned)
