"""Envelopes of container shippers: Docker's json-file, Fluent Bit, Fluentd, Vector, Filebeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ingest.draft import Draft
from ingest.fields.lookup import find, first_text
from ingest.fields.services import kubernetes_instance, kubernetes_service
from ingest.readers import application

# A little less than the 16 KiB at which Docker cuts, for characters of several bytes.
DOCKER_PIECE_CHARS: Final = 8_000

# Docker's own cut: what shippers add to its records tells of it no more.
DOCKER_CUT_BYTES: Final = 16 * 1024

# Keys of an envelope that are no news for a reader of logs.
_NOISE: Final = frozenset(
    {"@metadata", "agent", "input", "ecs", "_p", "logtag", "source_type", "@version", "ecs.version",
     "kubernetes.annotations", "kubernetes.docker_id", "kubernetes.container_hash",
     "kubernetes.container_image_id", "log.offset", "date"}
)  # fmt: skip


def is_docker(document: Mapping[str, Any]) -> bool:
    """Docker's json-file: `log`, `stream`, `time`, and `attrs` at the most."""
    return isinstance(document.get("log"), str) and document.keys() <= {
        "log", "stream", "time", "attrs",
    }  # fmt: skip


def read_docker(document: Mapping[str, Any]) -> list[Draft]:
    """One line; a piece of one where it does not end with a line break."""
    log = document["log"]
    draft = Draft(body=log)
    draft.take_time("time", document.get("time"))
    stream = document.get("stream")
    if isinstance(stream, str):
        draft.attributes["stream"] = stream
        # Docker cuts lines at 16 KiB and ends only the last piece; some shippers strip all ends.
        draft.is_piece = not log.endswith("\n") and len(log) >= DOCKER_PIECE_CHARS
    draft.stream = stream if isinstance(stream, str) else None
    attributes = document.get("attrs")
    if isinstance(attributes, Mapping):
        draft.keep(attributes, frozenset())
    return [draft]


def is_fluent(document: Mapping[str, Any]) -> bool:
    """Fluent Bit and Fluentd: the line in `log`, with `kubernetes` or a container beside it.

    With `Merge_Log` the fields of the application's JSON stand beside `kubernetes` instead.
    """
    if isinstance(document.get("kubernetes"), Mapping):
        return True
    return isinstance(document.get("log"), str) and (
        "container_name" in document or "stream" in document or "_p" in document
    )


def is_vector(document: Mapping[str, Any]) -> bool:
    """Vector tells its source as `source_type`."""
    return isinstance(document.get("source_type"), str) and "message" in document


def is_filebeat(document: Mapping[str, Any]) -> bool:
    """Elastic's shippers sign as `agent.type` or `@metadata.beat`."""
    return (
        find(document, "@metadata.beat") is not None or find(document, "agent.type") is not None
    ) and "message" in document


def read_container(document: Mapping[str, Any]) -> list[Draft]:
    """The line of a container, with what the shipper knows of where it came from.

    Filebeat merges what it parsed into its own record, so all that a logger could have written
    is read too.
    """
    draft = Draft(body="")
    used = set(_NOISE)
    kubernetes = document.get("kubernetes")
    if isinstance(kubernetes, Mapping):
        draft.take("service_name", kubernetes_service(kubernetes))
        draft.take("instance", kubernetes_instance(kubernetes))
        namespace = first_text(kubernetes, ("namespace_name", "pod_namespace", "namespace"))
        if namespace:
            draft.attributes["k8s.namespace.name"] = namespace
        used.add("kubernetes")
    container = first_text(document, ("container_name", "container.name"))
    if container and "service_name" not in draft.fields:
        draft.take("service_name", container.lstrip("/"))
        used |= {"container_name", "container.name"}
    for name in ("@timestamp", "timestamp", "time", "date"):
        if find(document, name) is not None:
            draft.take_time(name, find(document, name))
    log = document.get("log")
    line = log if isinstance(log, str) else document.get("message")
    draft.is_piece = document.get("_p", document.get("logtag")) == "P" or (
        document.get("_partial") is True
        or document.get("partial_message") in (True, "true")
        or (isinstance(log, str) and _is_cut_by_docker(log))
    )
    draft.stream = "/".join(
        part
        for part in (
            draft.fields.get("instance") or container,
            first_text(document, ("container_id", "kubernetes.container_name")),
            first_text(document, ("stream", "file", "log.file.path")),
        )
        if part
    )
    rest = {key: value for key, value in document.items() if key not in _NOISE}
    rest.pop("kubernetes", None)
    for name in ("@timestamp", "timestamp", "time"):
        rest.pop(name, None)
    application.read(rest, draft)
    draft.body = line if isinstance(line, str | Mapping) else draft.body
    return [draft]


def _is_cut_by_docker(log: str) -> bool:
    # Most lines are shorter, so their bytes are not counted.
    return (
        DOCKER_CUT_BYTES // 4 <= len(log) <= DOCKER_CUT_BYTES
        and not log.endswith("\n")
        and len(log.encode("utf-8", "surrogatepass")) == DOCKER_CUT_BYTES
    )
