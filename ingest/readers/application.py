"""What a logger wrote as JSON, told by the names of its fields.

pino, bunyan, zap, zerolog, logrus, winston, structlog, Serilog, log4j 2, logback's encoder, ECS
loggers and their like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from firstcause.events.message_json import text_of
from ingest.draft import Draft
from ingest.fields.levels import level_of
from ingest.fields.lookup import find
from ingest.readers import exceptions

_LEVELS: Final = (
    "log.level", "level", "severity", "levelname", "severity_text", "severityText", "lvl",
    "loglevel", "logLevel", "log_level", "level_name", "@l", "Level", "LEVEL", "Severity",
    "level_value", "severity_number",
)  # fmt: skip
# Objects beside the text in which some loggers keep the level.
_CONTEXTS: Final = ("context", "meta", "metadata", "extra", "fields", "properties", "attributes")
_TIMES: Final = (
    "@timestamp", "timestamp", "time", "ts", "@t", "instant", "datetime", "timeMillis",
    "eventTime", "event_time", "date", "asctime", "Timestamp", "t",
)  # fmt: skip
_MESSAGES: Final = (
    "message", "msg", "@m", "event", "short_message", "text", "rest", "log", "MESSAGE", "Message",
    "body", "textPayload", "@mt",
)  # fmt: skip
_LOGGERS: Final = (
    "log.logger", "logger", "logger_name", "loggerName", "SourceContext", "class", "component",
)  # fmt: skip
_SERVICES: Final = (
    "service.name", "dd.service", "service_name", "serviceName", "service", "app", "application",
    "app_name", "appName", "application_name", "applicationName", "appname", "Application",
)  # fmt: skip
_INSTANCES: Final = ("service.instance.id", "instance", "pod", "hostname", "host.name", "host")
_TRACES: Final = (
    "trace.id", "trace_id", "traceId", "traceid", "TraceId", "@tr", "otelTraceID", "dd.trace_id",
    "trace", "logging.googleapis.com/trace", "X-B3-TraceId", "contextMap.traceId",
    "contextMap.trace_id", "mdc.traceId", "context.traceId", "traceparent",
)  # fmt: skip
_SPANS: Final = (
    "span.id", "span_id", "spanId", "spanid", "SpanId", "@sp", "otelSpanID", "dd.span_id", "span",
    "logging.googleapis.com/spanId", "X-B3-SpanId", "contextMap.spanId", "mdc.spanId",
)  # fmt: skip
_PARENTS: Final = ("parent.id", "parent_span_id", "parentSpanId", "parentId", "parent_id", "parent")
_TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "request_id": ("request_id", "requestId", "req_id", "reqId", "RequestId", "http.request.id",
                   "correlation_id", "correlationId"),
    "user_id": ("user_id", "userId", "user.id", "usr.id"),
    "session_id": ("session_id", "sessionId", "session.id"),
    "error_code": ("error_code", "errorCode", "error.code", "err.code"),
    "region": ("region", "cloud.region"),
    "cloud_provider": ("cloud.provider", "cloud_provider"),
}  # fmt: skip
_STATUS_CODES: Final = (
    "status_code", "statusCode", "http.response.status_code", "http.status_code", "http_status",
    "res.statusCode", "httpRequest.status",
)  # fmt: skip
# Names of durations and what one of them is in ms.
_LATENCIES: Final[tuple[tuple[str, float], ...]] = (
    ("latency_ms", 1.0), ("duration_ms", 1.0), ("elapsed_ms", 1.0), ("responseTime", 1.0),
    ("event.duration", 1e-6),
)  # fmt: skip
_LOG_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MUSTACHE = re.compile(r"\{([@$]?[A-Za-z_]\w*)(?:[,:][^}]*)?\}")


def matches(document: Mapping[str, Any]) -> bool:
    """Whether an object looks like a log record: it has a text, and a level or a time."""
    return (
        _first_name(document, _MESSAGES) is not None
        or _first_name(document, exceptions.STACKS) is not None
    ) and (_first_name(document, _LEVELS) is not None or _first_name(document, _TIMES) is not None)


def read(document: Mapping[str, Any], draft: Draft) -> None:
    """Adds to the draft what the logger told; the draft's body becomes the text of the record.

    Fields that have no place in the log event become attributes. Raises nothing.
    """
    used: set[str] = set()
    log_id = document.get("log_id")
    if isinstance(log_id, str) and _LOG_ID.fullmatch(log_id):
        draft.log_id = log_id.lower()
        used.add("log_id")
    _read_level(document, draft, used)
    if name := _first_name(document, _TIMES):
        draft.take_time(name, find(document, name))
        used.add(name)
    exceptions.read_exception(document, draft, used)
    _read_names(document, draft, used)
    for target, names in (
        ("trace_id", _TRACES), ("span_id", _SPANS), ("parent_span_id", _PARENTS)
    ):  # fmt: skip
        name = _first_name(document, names)
        if name is not None and not isinstance(find(document, name), Mapping):
            draft.take_trace(target, name, find(document, name))
            used.add(name)
    _read_numbers(document, draft, used)
    draft.body = _message(document, used)
    draft.keep(document, used)


def _read_level(document: Mapping[str, Any], draft: Draft, used: set[str]) -> None:
    # Of several the first that means a level: `level: 35` beside `level_value: 40000`.
    names = [name for name in _LEVELS if find(document, name) is not None]
    if "@t" in document and "@l" not in document:
        # Serilog's compact form leaves out the level of what is for information.
        draft.level = "INFO"
    for name in names:
        value = find(document, name)
        if level_of(value) is not None:
            draft.take_level(name, value)
            draft.is_raw_line = False
            used.add(name)
            return
    for context in _CONTEXTS:
        inner = document.get(context)
        if isinstance(inner, Mapping):
            for name in _LEVELS:
                if level_of(inner.get(name)) is not None:
                    draft.take_level(f"{context}.{name}", inner[name])
                    draft.is_raw_line = False
                    used.add(f"{context}.{name}")
                    return
    for name in names:
        if not isinstance(find(document, name), Mapping):
            draft.take_level(name, find(document, name))
            used.add(name)


def _read_names(document: Mapping[str, Any], draft: Draft, used: set[str]) -> None:
    for target, paths in (("logger", _LOGGERS), ("service_name", _SERVICES)):
        for name in paths:
            value = find(document, name)
            if isinstance(value, str) and value.strip():
                draft.take(target, value)
                used.add(name)
                break
    name_field = document.get("name")
    if isinstance(name_field, str) and name_field.strip() and "name" not in used:
        # bunyan and pino call the service `name`; Python's loggers call themselves so.
        is_bunyan = "v" in document or "pid" in document or isinstance(document.get("level"), int)
        target = "service_name" if is_bunyan else "logger"
        if target not in draft.fields or is_bunyan:
            draft.take(target, name_field)
            used.add("name")
    targets: list[tuple[str, tuple[str, ...]]] = [("instance", _INSTANCES), *_TEXTS.items()]
    for target, names in targets:
        for name in names:
            value = find(document, name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                if target != "instance" or "instance" not in draft.fields:
                    draft.take(target, value)
                    used.add(name)
                break


def _read_numbers(document: Mapping[str, Any], draft: Draft, used: set[str]) -> None:
    if name := _first_name(document, _STATUS_CODES):
        draft.take_number("status_code", name, find(document, name))
        used.add(name)
    for name, factor in _LATENCIES:
        value = find(document, name)
        if value is not None:
            draft.take_number("latency_ms", name, value, factor)
            used.add(name)
            return


def _message(document: Mapping[str, Any], used: set[str]) -> Any:
    for name in _MESSAGES:
        value = find(document, name)
        if value is None or isinstance(value, Mapping) or name in used:
            continue
        used.add(name)
        if name == "@mt" and isinstance(value, str):
            used.discard(name)
            return _MUSTACHE.sub(lambda match: _property(document, match), value)
        if isinstance(value, str):
            return value
        return text_of(value)
    return ""


def _property(document: Mapping[str, Any], match: re.Match[str]) -> str:
    value = document.get(match[1].lstrip("@$"))
    return match[0] if value is None else text_of(value) or ""


def _first_name(document: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((name for name in names if find(document, name) is not None), None)
