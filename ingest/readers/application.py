"""What a logger wrote as JSON, told by the names of its fields.

pino, bunyan, zap, zerolog, logrus, winston, structlog, Serilog, log4j 2, logback's encoder, ECS
loggers and their like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from firstcause.events.message_json import text_of
from ingest.draft import MAX_TEXT_CHARS, Draft
from ingest.fields.levels import Numbers, level_of
from ingest.fields.lookup import find
from ingest.readers import exceptions
from ingest.readers import field_names as names

# Words that mean a level where a field `status` says it, as Datadog has it; `failed` is no level.
_STATUS_LEVELS: Final = frozenset(
    {"trace", "debug", "info", "notice", "warn", "warning", "error", "err", "critical", "alert",
     "emergency", "fatal"}
)  # fmt: skip
_TARGETS: Final[dict[str, tuple[str, ...]]] = {"instance": names.INSTANCES, **names.TEXTS}
_LATENCIES: Final = tuple(name for name, _ in names.LATENCIES)
_HTTP_CODES: Final = range(100, 600)
_LOG_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MUSTACHE = re.compile(r"\{([@$]?[A-Za-z_]\w*)(?:[,:][^{}]{0,100})?\}")


def matches(document: Mapping[str, Any]) -> bool:
    """Whether an object looks like a log record: it has a text, and a level or a time."""
    own = names.FieldNames(document)
    return (own.first(names.MESSAGES) is not None or own.first(exceptions.STACKS) is not None) and (
        own.first(names.LEVELS) is not None or own.first(names.TIMES) is not None
    )


def read(document: Mapping[str, Any], draft: Draft) -> None:
    """Adds to the draft what the logger told; the draft's body becomes the text of the record.

    Fields that have no place in the log event become attributes. Raises nothing.
    """
    own = names.FieldNames(document)
    used: set[str] = set()
    log_id = document.get("log_id")
    if isinstance(log_id, str) and _LOG_ID.fullmatch(log_id):
        draft.log_id = log_id.lower()
        used.add("log_id")
    _read_level(document, own, draft, used)
    if time := own.first(names.TIMES):
        draft.take_time(time, find(document, time))
        used.add(time)
    elif "timestampSeconds" in document:
        # Google's agents take the time in two parts.
        parts = {"seconds": document["timestampSeconds"], "nanos": document.get("timestampNanos")}
        draft.take_time("timestampSeconds", parts)
        used |= {"timestampSeconds", "timestampNanos"}
    exceptions.read_exception(document, draft, used)
    _read_names(document, own, draft, used)
    for target, spellings in (
        ("trace_id", names.TRACES), ("span_id", names.SPANS), ("parent_span_id", names.PARENTS)
    ):  # fmt: skip
        source = own.first(spellings)
        if source is not None and not isinstance(find(document, source), Mapping):
            draft.take_trace(target, source, find(document, source))
            used.add(source)
    _read_numbers(document, own, draft, used)
    draft.body = _message(document, own, used)
    draft.keep(document, used)


def _read_level(
    document: Mapping[str, Any], own: names.FieldNames, draft: Draft, used: set[str]
) -> None:
    # Of several the first that means a level: `level: 35` beside `level_value: 40000`.
    found = own.all(names.LEVELS)
    if "@t" in document and "@l" not in document:
        # Serilog's compact form leaves out the level of what is for information.
        draft.level = "INFO"
    told = [(name, find(document, name)) for name in found]
    if str(document.get("status")).lower() in _STATUS_LEVELS:
        told.append(("status", document["status"]))
    if "ctx" in document and isinstance(document.get("s"), str):
        # MongoDB's letters, of which `D1` to `D5` are for debugging.
        told.append(("s", document["s"][:1]))
    for context in names.CONTEXTS:
        inner = document.get(context)
        if isinstance(inner, dict):
            told += [(f"{context}.{name}", inner.get(name)) for name in names.LEVELS]
    for name, value in told:
        word = value.get("name") if isinstance(value, Mapping) else value
        if level_of(word) is not None:
            draft.take_level(name, word)
            draft.is_raw_line = False
            used.add(name)
            return
    if number := own.first(names.SYSLOG_LEVELS):
        draft.take_level(number, find(document, number), Numbers.SYSLOG)
        used.add(number)
        return
    for name in found:
        if not isinstance(find(document, name), Mapping):
            draft.take_level(name, find(document, name))
            used.add(name)


def _read_names(
    document: Mapping[str, Any], own: names.FieldNames, draft: Draft, used: set[str]
) -> None:
    for target, paths in (("logger", names.LOGGERS), ("service_name", names.SERVICES)):
        for name in own.all(paths):
            value = find(document, name)
            if isinstance(value, str) and value.strip():
                draft.take(target, value)
                used.add(name)
                break
    name_field = document.get("name")
    if isinstance(name_field, str) and name_field.strip() and "name" not in used:
        # bunyan and pino call the service `name`; loggers of other languages call themselves so.
        is_bunyan = "v" in document or isinstance(document.get("level"), int)
        target = "service_name" if is_bunyan else "logger"
        if target not in draft.fields or is_bunyan:
            draft.take(target, name_field)
            used.add("name")
    for target, spellings in _TARGETS.items():
        for name in spellings if names.may_have(document, spellings) else ():
            value = find(document, name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                if target != "instance" or "instance" not in draft.fields:
                    draft.take(target, value)
                    used.add(name)
                break


def _read_numbers(
    document: Mapping[str, Any], own: names.FieldNames, draft: Draft, used: set[str]
) -> None:
    if code := own.first(names.STATUS_CODES):
        draft.take_number("status_code", code, find(document, code))
        used.add(code)
    elif type(document.get("status")) is int and document["status"] in _HTTP_CODES:
        draft.take_number("status_code", "status", document["status"])
        used.add("status")
    for name, factor in names.LATENCIES if names.may_have(document, _LATENCIES) else ():
        value = find(document, name)
        if value is not None:
            draft.take_number("latency_ms", name, value, factor)
            used.add(name)
            return


def _message(document: Mapping[str, Any], own: names.FieldNames, used: set[str]) -> Any:
    record = document.get("record")
    if isinstance(record, Mapping) and isinstance(record.get("message"), str):
        # loguru: `text` is the whole line as it was printed.
        used |= {"record.message", "text"}
        return record["message"]
    for name in own.all(names.MESSAGES):
        value = find(document, name)
        if isinstance(value, Mapping) or name in used:
            continue
        used.add(name)
        if _letters_of(name) in ("mt", "messagetemplate") and isinstance(value, str):
            used.discard(name)
            return _filled(value, document)
        return value if isinstance(value, str) else text_of(value)
    for context in names.CONTEXTS:
        inner = document.get(context)
        if not isinstance(inner, Mapping):
            continue
        text = names.FieldNames(inner).first(names.MESSAGES)
        if text is not None and isinstance(find(inner, text), str):
            used.add(f"{context}.{text}")
            return find(inner, text)
    return ""


def _letters_of(name: str) -> str:
    return name.lstrip("@").lower()


def _filled(template: str, document: Mapping[str, Any]) -> str:
    """A template with the properties in it; none are put in where the text is cut anyway."""
    parts: list[str] = []
    length = end = 0
    for match in _MUSTACHE.finditer(template):
        if length > MAX_TEXT_CHARS:
            break
        parts += (template[end : match.start()], _property(document, match))
        length += len(parts[-2]) + len(parts[-1])
        end = match.end()
    return "".join((*parts, template[end:]))


def _property(document: Mapping[str, Any], match: re.Match[str]) -> str:
    value = document.get(match[1].lstrip("@$"))
    return match[0] if value is None else text_of(value) or ""
