"""OTLP in protobuf: log records as drafts, spans as the flat spans of the topic `spans`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.decoding import MAX_EVENTS, TooManyEventsError
from ingest.draft import Draft
from ingest.readers import otlp


class NotOtlpError(ValueError):
    """The bytes are no request of OTLP."""


def parsed_logs(value: bytes) -> ExportLogsServiceRequest:
    """A request to export logs, as it is.

    Raises:
        NotOtlpError: the bytes are none.
        TooManyEventsError: it holds more than `MAX_EVENTS`. Nothing else is raised.
    """
    request = ExportLogsServiceRequest()
    _parse(value, request)
    _check_count(
        (len(scope.log_records) for scope in resource.scope_logs)
        for resource in request.resource_logs
    )
    return request


def parsed_spans(value: bytes) -> ExportTraceServiceRequest:
    """A request to export spans, as it is.

    Raises:
        NotOtlpError: the bytes are none.
        TooManyEventsError: it holds more than `MAX_EVENTS`. Nothing else is raised.
    """
    request = ExportTraceServiceRequest()
    _parse(value, request)
    _check_count(
        (len(scope.spans) for scope in resource.scope_spans) for resource in request.resource_spans
    )
    return request


def _parse(value: bytes, request: Any) -> None:
    try:
        request.ParseFromString(value)
    except DecodeError as error:
        raise NotOtlpError(str(error)) from error


def _check_count(resources: Iterable[Iterable[int]]) -> None:
    """Counts the records by resource and scope; one without any takes time as one does."""
    found = 0
    for scopes in resources:
        found += max(1, sum(max(1, records) for records in scopes))
        if found > MAX_EVENTS:
            raise TooManyEventsError


def read_logs(value: bytes) -> list[Draft]:
    """All log records of an `ExportLogsServiceRequest`, in order.

    Raises:
        NotOtlpError: the bytes are none.
        TooManyEventsError: it holds more than `MAX_EVENTS`. Nothing else is raised.
    """
    return list(_drafts(parsed_logs(value)))


def _drafts(request: ExportLogsServiceRequest) -> Iterator[Draft]:
    for resource_logs in request.resource_logs:
        about = otlp.ResourceFacts.of(attributes_of(resource_logs.resource.attributes))
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                plain = otlp.LogRecord(
                    body=any_value(record.body),
                    attributes=attributes_of(record.attributes),
                    time_ns=record.time_unix_nano or None,
                    observed_ns=record.observed_time_unix_nano or None,
                    severity_number=record.severity_number or None,
                    severity_text=record.severity_text or None,
                    trace_id=record.trace_id.hex() or None,
                    span_id=record.span_id.hex() or None,
                    scope=scope_logs.scope.name or None,
                )
                yield otlp.draft_of(plain, about)


def read_spans(value: bytes) -> list[dict[str, Any]]:
    """The spans of an `ExportTraceServiceRequest` as flat spans, in order.

    Raises:
        NotOtlpError: the bytes are none.
        TooManyEventsError: it holds more than `MAX_EVENTS`. Nothing else is raised.
    """
    return list(_spans(parsed_spans(value)))


def _spans(request: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    for resource_spans in request.resource_spans:
        about = otlp.ResourceFacts.of(attributes_of(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                flat = {
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "service_name": about.service or "unknown_service",
                    "operation": span.name,
                    "start_ns": span.start_time_unix_nano,
                    "duration_us": max(0, span.end_time_unix_nano - span.start_time_unix_nano)
                    // 1_000,
                }
                if span.parent_span_id:
                    flat["parent_span_id"] = span.parent_span_id.hex()
                yield flat


def attributes_of(pairs: Any) -> dict[str, Any]:
    """A list of KeyValue as a mapping of plain values."""
    return {pair.key: any_value(pair.value) for pair in pairs}


def any_value(value: Any, depth: int = 0) -> Any:
    """An AnyValue as a plain value; what is nested too deep is cut."""
    kind = value.WhichOneof("value")
    if kind is None or depth > otlp.MAX_DEPTH:
        return None
    if kind == "kvlist_value":
        return {pair.key: any_value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "array_value":
        return [any_value(item, depth + 1) for item in value.array_value.values]
    if kind == "bytes_value":
        return value.bytes_value.decode("utf-8", "replace")
    return getattr(value, kind)
