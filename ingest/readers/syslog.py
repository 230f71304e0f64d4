"""Syslog as text (RFC 5424 and the older RFC 3164), and GELF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ingest.draft import Draft
from ingest.fields.levels import Numbers
from ingest.fields.timestamps import SourceTime

_RFC5424 = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<process>\S+) "
    r"(?P<id>\S+) (?P<rest>.*)",
    re.DOTALL,
)
_RFC3164 = re.compile(
    r"<(?P<priority>\d{1,3})>(?P<time>[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}) (?P<host>\S+) "
    r"(?P<app>[^\s:\[]{1,64})(?:\[(?P<process>[^\]]*)\])?: ?(?P<rest>.*)",
    re.DOTALL,
)
_STRUCTURED = re.compile(r'\[(?P<id>[^\s\]=]+)(?P<parameters>(?: [^\s=\]]+="(?:\\.|[^"\\])*")*)\]')
_PARAMETER = re.compile(r'([^\s=\]]+)="((?:\\.|[^"\\])*)"')
_ESCAPED = re.compile(r'\\(["\\\]])')
_NIL: Final = "-"
_MAX_PRIORITY: Final = 191


def matches_text(text: str) -> bool:
    """Whether a line begins as one of both forms."""
    return text.startswith("<") and (
        _RFC5424.match(text) is not None or _RFC3164.match(text) is not None
    )


def read_text(text: str, received_ms: int) -> Draft | None:
    """A line of syslog; None when it is none. `received_ms` tells the year that RFC 3164 omits."""
    if match := _RFC5424.match(text):
        draft = _read_header(match)
        if draft is not None:
            draft.take_time("timestamp", None if match["time"] == _NIL else match["time"])
            draft.body = _without_structured_data(draft, match["rest"])
        return draft
    if match := _RFC3164.match(text):
        draft = _read_header(match)
        if draft is not None:
            draft.time = _time_of_this_year(match["time"], received_ms)
            draft.body = match["rest"]
        return draft
    return None


def _read_header(match: re.Match[str]) -> Draft | None:
    priority = int(match["priority"])
    if priority > _MAX_PRIORITY:
        return None
    draft = Draft(body="")
    draft.take_level("severity", priority % 8, Numbers.SYSLOG)
    for name, target in (("app", "service_name"), ("host", "instance")):
        if match[name] != _NIL:
            draft.take(target, match[name])
    if match["process"] and match["process"] != _NIL:
        draft.attributes["process.pid"] = match["process"]
    return draft


def _without_structured_data(draft: Draft, rest: str) -> str:
    if rest.startswith(_NIL):
        return rest[1:].removeprefix(" ").removeprefix("\ufeff")
    position = 0
    while match := _STRUCTURED.match(rest, position):
        for name, value in _PARAMETER.findall(match["parameters"]):
            draft.attributes[f"{match['id']}.{name}"[:200]] = _ESCAPED.sub(r"\1", value)[:4_096]
        position = match.end()
    return rest[position:].removeprefix(" ").removeprefix("\ufeff")


def _time_of_this_year(text: str, received_ms: int) -> SourceTime | None:
    now = datetime.fromtimestamp(received_ms / 1_000, UTC)
    for year in (now.year, now.year - 1):
        try:
            time = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            continue
        if (time - now).days < 1:
            return SourceTime(int(time.timestamp()) * 1_000, has_zone=False)
    return None


def is_gelf(document: Mapping[str, Any]) -> bool:
    """Whether it is Graylog's form: `version` 1.x, `host` and `short_message`."""
    return "short_message" in document and "host" in document


def read_gelf(document: Mapping[str, Any]) -> list[Draft]:
    """One GELF message; its own fields begin with an underscore."""
    own = {key.removeprefix("_"): value for key, value in document.items() if key.startswith("_")}
    draft = Draft(body=document.get("short_message"))
    draft.is_raw_line = "level" not in document
    draft.take_time("timestamp", document.get("timestamp"))
    draft.take_level("level", document.get("level"), Numbers.SYSLOG)
    draft.take("instance", document.get("host"))
    service = (
        own.get("service_name")
        or own.get("service")
        or own.get("app")
        or (own.get("application") or own.get("container_name") or document.get("facility"))
    )
    draft.take("service_name", service)
    for name, target in (("trace_id", "trace_id"), ("span_id", "span_id")):
        if name in own:
            draft.take_trace(target, f"_{name}", own.pop(name))
    if "logger" in own:
        draft.take("logger", own.pop("logger"))
    full = document.get("full_message")
    if isinstance(full, str) and full.strip() and full != document.get("short_message"):
        draft.take("exception", full)
    draft.keep(own, frozenset())
    return [draft]
