"""Google Cloud Logging: a LogEntry with textPayload, jsonPayload or protoPayload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from ingest.draft import Draft
from ingest.fields.lookup import find, first_text

_PAYLOADS: Final = ("jsonPayload", "textPayload", "protoPayload")
_SERVICES: Final = (
    "resource.labels.service_name", "resource.labels.function_name", "resource.labels.job_name",
    "resource.labels.module_id", "labels.k8s-pod/app", "resource.labels.container_name",
)  # fmt: skip
_INSTANCES: Final = (
    "resource.labels.pod_name", "resource.labels.revision_name", "resource.labels.instance_id",
)  # fmt: skip
_USED: Final = frozenset(
    {*_PAYLOADS, "severity", "timestamp", "receiveTimestamp", "insertId", "trace", "spanId",
     "traceSampled", "httpRequest.status", "httpRequest.latency"}
)  # fmt: skip


def matches(document: Mapping[str, Any]) -> bool:
    """Whether it is a LogEntry: one of the payloads, and an insertId or a logName."""
    return any(name in document for name in _PAYLOADS) and (
        "insertId" in document or "logName" in document
    )


def read(document: Mapping[str, Any]) -> list[Draft]:
    """One entry; insertId, timestamp and log name are its identity, so a repetition is the same.

    `severity` is often what the agent guessed from the output stream, so what the payload says
    wins; DEFAULT says nothing.
    """
    payload = next(document[name] for name in _PAYLOADS if name in document)
    draft = Draft(body=payload)
    severity = document.get("severity")
    if severity != "DEFAULT":
        draft.take_level("severity", severity)
    for name in ("receiveTimestamp", "timestamp"):
        draft.take_time(name, document.get(name))
    draft.take("service_name", first_text(document, _SERVICES))
    draft.take("instance", first_text(document, _INSTANCES))
    draft.take_trace("trace_id", "trace", document.get("trace"))
    draft.take_trace("span_id", "spanId", document.get("spanId"))
    status = find(document, "httpRequest.status")
    if status is not None:
        draft.take_number("status_code", "httpRequest.status", status)
    latency = find(document, "httpRequest.latency")
    if isinstance(latency, str) and latency.endswith("s"):
        draft.take_number("latency_ms", "httpRequest.latency", latency[:-1], 1_000.0)
    if document.get("insertId"):
        draft.identity = (
            "google_cloud",
            str(document["insertId"]),
            str(document.get("timestamp")),
            str(document.get("logName")),
        )
    draft.keep(document, _USED)
    if isinstance(document.get("logName"), str):
        draft.attributes["logName"] = unquote(document["logName"])
    return [draft]
