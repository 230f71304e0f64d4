"""OpenTelemetry's log records (ExportLogsServiceRequest), from JSON or from protobuf.

opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding": names in lowerCamelCase, ids
in hex, 64-bit integers as text or numbers. Protobuf is decoded into the same objects.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from firstcause.events.message_json import text_of
from ingest.draft import Draft
from ingest.fields.levels import Numbers, level_of
from ingest.fields.services import workload_of_pod

# Attributes of a resource that have a place of their own.
_INSTANCES: Final = ("service.instance.id", "k8s.pod.name", "host.name", "container.id")
_WORKLOADS: Final = (
    "service.name", "k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name",
    "k8s.job.name", "k8s.container.name", "container.name",
)  # fmt: skip
_STATUS_CODES: Final = ("http.response.status_code", "http.status_code")
_PLACED: Final = frozenset({*_WORKLOADS, *_INSTANCES, "cloud.region", "cloud.provider"})
_NONE: Final[frozenset[str]] = frozenset()
# The lists of a request down to its log records or spans.
_LISTS: Final = (
    ("resourceLogs", "scopeLogs", "logRecords"), ("resourceSpans", "scopeSpans", "spans")
)  # fmt: skip
# Nested values deeper than this are cut.
MAX_DEPTH: Final = 20


def matches(document: Mapping[str, Any]) -> bool:
    """Whether it is a request to export logs."""
    return isinstance(document.get("resourceLogs"), list)


def read(document: Mapping[str, Any]) -> list[Draft]:
    """All log records of a request, in order. What is not of OTLP's form is passed over."""
    return list(_records(document))


def records_in(document: Mapping[str, Any]) -> int:
    """How many log records and spans a request holds; 0 of what is none. Builds nothing."""
    return sum(
        sum(1 for _ in _objects(scope.get(records)))
        for resources, scopes, records in _LISTS
        for resource in _objects(document.get(resources))
        for scope in _objects(resource.get(scopes))
    )


def _records(document: Mapping[str, Any]) -> Iterator[Draft]:
    for resource_logs in _objects(document.get("resourceLogs")):
        resource = attributes_of(_object(resource_logs.get("resource")).get("attributes"))
        about = ResourceFacts.of(resource)
        for scope_logs in _objects(resource_logs.get("scopeLogs")):
            scope = _object(scope_logs.get("scope")).get("name")
            for record in _objects(scope_logs.get("logRecords")):
                number = record.get("severityNumber")
                if isinstance(number, str) and number.startswith("SEVERITY_NUMBER_"):
                    number = number.removeprefix("SEVERITY_NUMBER_").rstrip("234")
                yield draft_of(
                    LogRecord(
                        body=any_value(record.get("body")),
                        attributes=attributes_of(record.get("attributes")),
                        time_ns=record.get("timeUnixNano"),
                        observed_ns=record.get("observedTimeUnixNano"),
                        severity_number=number,
                        severity_text=record.get("severityText"),
                        trace_id=record.get("traceId"),
                        span_id=record.get("spanId"),
                        scope=scope,
                    ),
                    about,
                )


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """What a resource tells of all its records; worked out once for a request."""

    service: str | None
    instance: str | None
    fields: Mapping[str, Any]
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> ResourceFacts:
        """Reads the attributes of a resource by OpenTelemetry's semantic conventions."""
        service = next((resource[name] for name in _WORKLOADS if resource.get(name)), None)
        if service is None and resource.get("k8s.pod.name"):
            service = workload_of_pod(str(resource["k8s.pod.name"]))
        instance = next((resource[name] for name in _INSTANCES if resource.get(name)), None)
        draft = Draft(body="")
        draft.take("service_name", service)
        draft.take("instance", instance)
        draft.take("region", resource.get("cloud.region"))
        draft.take("cloud_provider", resource.get("cloud.provider"))
        draft.keep(resource, _PLACED)
        return cls(
            draft.fields.get("service_name"),
            draft.fields.get("instance"),
            draft.fields,
            draft.attributes,
        )


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log record with plain values, from JSON or protobuf; None is absent."""

    body: Any
    attributes: dict[str, Any]
    time_ns: Any
    observed_ns: Any
    severity_number: Any
    severity_text: Any
    trace_id: Any
    span_id: Any
    scope: Any


def draft_of(record: LogRecord, about: ResourceFacts) -> Draft:
    """The draft of a record of a resource."""
    body, attributes = record.body, record.attributes
    draft = Draft(
        body=body if isinstance(body, str | Mapping) else text_of(body) or "",
        fields=dict(about.fields),
        attributes=dict(about.attributes),
    )
    draft.take_time("observedTimeUnixNano", record.observed_ns)
    draft.take_time("timeUnixNano", record.time_ns)
    # The number is normative; the text is the source's own word.
    if level_of(record.severity_number, Numbers.OTEL) is not None:
        draft.take_level("severityNumber", record.severity_number, Numbers.OTEL)
    else:
        draft.take_level("severityText", record.severity_text or None)
    draft.is_raw_line = draft.level is None
    draft.take("logger", record.scope)
    if record.trace_id:
        draft.take_trace("trace_id", "traceId", record.trace_id)
    if record.span_id:
        draft.take_trace("span_id", "spanId", record.span_id)
    if attributes:
        stack = attributes.pop("exception.stacktrace", None)
        kind, text = attributes.get("exception.type"), attributes.get("exception.message")
        draft.take("exception", stack or ": ".join(str(part) for part in (kind, text) if part))
        for name in _STATUS_CODES:
            if name in attributes:
                draft.take_number("status_code", name, attributes.pop(name))
        draft.keep(attributes, _NONE)
    return draft


def attributes_of(pairs: Any) -> dict[str, Any]:
    """OTLP's list of key and AnyValue as a mapping of plain values."""
    return {
        str(pair.get("key")): any_value(pair.get("value"))
        for pair in _objects(pairs)
        if pair.get("key")
    }


def any_value(value: Any, depth: int = 0) -> Any:
    """An AnyValue as a plain value: text, number, boolean, list, mapping or None."""
    if not isinstance(value, Mapping) or depth > MAX_DEPTH:
        return value if isinstance(value, str) else None
    for name, item in value.items():
        if read := _VALUES.get(name):
            return read(item, depth + 1)
    return None


def _int_value(item: Any, _: int) -> Any:
    return int(item) if str(item).lstrip("-").isdecimal() and len(str(item)) < 20 else item  # noqa: PLR2004


def _array_value(item: Any, depth: int) -> list[Any]:
    return [any_value(inner, depth) for inner in _list(_object(item).get("values"))]


def _kvlist_value(item: Any, depth: int) -> dict[str, Any]:
    return {
        str(pair.get("key")): any_value(pair.get("value"), depth)
        for pair in _objects(_object(item).get("values"))
    }


def _bytes_text(item: Any) -> str:
    try:
        return base64.b64decode(item, validate=True).decode("utf-8", "replace")
    except (ValueError, TypeError):
        return text_of(item) or ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in _list(value) if isinstance(item, Mapping))


_VALUES: Final[dict[str, Callable[[Any, int], Any]]] = {
    "stringValue": lambda item, _: item,
    "boolValue": lambda item, _: item,
    "doubleValue": lambda item, _: item,
    "intValue": _int_value,
    "bytesValue": lambda item, _: _bytes_text(item),
    "arrayValue": _array_value,
    "kvlistValue": _kvlist_value,
}
