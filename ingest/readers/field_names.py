"""What loggers call the fields of a log record, the surest names first.

A name is found as it stands here, dotted or nested, and else in any other spelling of its letters:
`traceID`, `TraceId` and `trace_id` are one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ingest.fields.lookup import find

LEVELS: Final = (
    "log.level", "level_name", "level", "severity", "levelname", "severity_text", "severityText",
    "lvl", "loglevel", "logLevel", "log_level", "@l", "level_value", "severity_number", "L",
)  # fmt: skip
# Numbers of syslog, where there is no word.
SYSLOG_LEVELS: Final = ("syslogseverity", "log.syslog.severity.code", "syslog.severity")
# Objects beside the text in which some loggers keep the level and the text.
CONTEXTS: Final = (
    "context", "meta", "metadata", "extra", "fields", "properties", "attributes", "record",
)  # fmt: skip
TIMES: Final = (
    "@timestamp", "timestamp", "time", "ts", "@t", "instant", "datetime", "timeMillis",
    "eventTime", "event_time", "date", "asctime", "timereported", "t", "record.time.timestamp",
    "T",
)  # fmt: skip
MESSAGES: Final = (
    "formattedMessage", "message", "msg", "@m", "event", "short_message", "text", "rest", "log",
    "MESSAGE", "body", "textPayload", "renderedMessage", "@mt", "M", "messageTemplate",
)  # fmt: skip
LOGGERS: Final = (
    "log.logger", "logger", "logger_name", "loggerName", "SourceContext",
    "properties.SourceContext", "Properties.SourceContext", "record.name", "class", "component",
    "channel", "Category", "@module", "N",
)  # fmt: skip
SERVICES: Final = (
    "service.name", "dd.service", "service_name", "serviceName", "serviceContext.service",
    "service", "app", "application", "app_name", "application_name", "programname",
    "properties.appName",
)  # fmt: skip
INSTANCES: Final = ("service.instance.id", "instance", "pod", "hostname", "host.name", "host")
TRACES: Final = (
    "trace.id", "trace_id", "traceId", "traceid", "@tr", "otelTraceID", "dd.trace_id", "trace",
    "logging.googleapis.com/trace", "X-B3-TraceId", "contextMap.traceId", "contextMap.trace_id",
    "mdc.traceId", "mdc.trace_id", "context.traceId", "traceparent",
)  # fmt: skip
SPANS: Final = (
    "span.id", "span_id", "spanId", "spanid", "@sp", "otelSpanID", "dd.span_id", "span",
    "logging.googleapis.com/spanId", "X-B3-SpanId", "contextMap.spanId", "contextMap.span_id",
    "mdc.spanId", "mdc.span_id",
)  # fmt: skip
PARENTS: Final = ("parent.id", "parent_span_id", "parentSpanId", "parentId", "parent_id", "parent")
TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "request_id": ("request_id", "requestId", "req_id", "reqId", "http.request.id",
                   "correlation_id", "correlationId"),
    "user_id": ("user_id", "userId", "user.id", "usr.id"),
    "session_id": ("session_id", "sessionId", "session.id"),
    "error_code": ("error_code", "errorCode", "error.code", "err.code"),
    "region": ("region", "cloud.region"),
    "cloud_provider": ("cloud.provider", "cloud_provider"),
}  # fmt: skip
STATUS_CODES: Final = (
    "status_code", "statusCode", "http.response.status_code", "http.status_code", "http_status",
    "res.statusCode", "httpRequest.status",
)  # fmt: skip
# Names of durations and what one of them is in ms.
LATENCIES: Final[tuple[tuple[str, float], ...]] = (
    ("latency_ms", 1.0), ("duration_ms", 1.0), ("elapsed_ms", 1.0), ("responseTime", 1.0),
    ("event.duration", 1e-6),
)  # fmt: skip

# Names of few letters mean many things in other spellings.
_SHORTEST: Final = 3
# No logger calls a field by more; keys are a source's own, of any length.
_LONGEST: Final = 64


class FieldNames:
    """Finds fields of one document by their names, in any spelling."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._spellings: dict[str, str] | None = None

    def first(self, names: tuple[str, ...]) -> str | None:
        """The document's own name of the first that it has; None without any."""
        document = self._document
        if may_have(document, names):
            for name in names:
                if find(document, name) is not None:
                    return name
        return next(self._other_spellings(names), None)

    def all(self, names: tuple[str, ...]) -> list[str]:
        """All names that the document has, exact ones first."""
        document, found = self._document, []
        if may_have(document, names):
            found = [name for name in names if find(document, name) is not None]
        found += self._other_spellings(names)
        return list(dict.fromkeys(found))

    def _other_spellings(self, names: tuple[str, ...]) -> Iterator[str]:
        if self._spellings is None:
            self._spellings = {
                _letters(key): key
                for key, value in self._document.items()
                if len(key) <= _LONGEST and value is not None and value != ""
            }
        spellings = self._spellings
        letters = _letters_of_all(names)
        if not letters.keys().isdisjoint(spellings):
            yield from (spellings[one] for one in letters if one in spellings)


def may_have(document: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Whether a document has a key with which one of the names begins: most have none."""
    return not _beginnings(names).isdisjoint(document)


@functools.cache
def _beginnings(names: tuple[str, ...]) -> frozenset[str]:
    """The keys under which a name may be found: `log.level` under `log` and `log.level`."""
    parts = [name.split(".") for name in names]
    return frozenset(".".join(one[:end]) for one in parts for end in range(1, len(one) + 1))


@functools.cache
def _letters_of_all(names: tuple[str, ...]) -> dict[str, None]:
    return dict.fromkeys(_letters(name) for name in names if len(name) >= _SHORTEST)


@functools.lru_cache(maxsize=8_192)
def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace("@", "").lower()
