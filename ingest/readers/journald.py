"""journald: fields in capitals, MESSAGE as text or bytes, PRIORITY as a number of syslog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.draft import Draft
from ingest.fields.levels import Numbers
from ingest.fields.lookup import find, first_text

_SERVICES: Final = ("CONTAINER_NAME", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "_COMM")
_USED: Final = frozenset(
    {*_SERVICES, "MESSAGE", "PRIORITY", "_HOSTNAME", "__REALTIME_TIMESTAMP",
     "_SOURCE_REALTIME_TIMESTAMP", "_BOOT_ID", "_MACHINE_ID", "__CURSOR",
     "__MONOTONIC_TIMESTAMP", "_SOURCE_MONOTONIC_TIMESTAMP"}
)  # fmt: skip
# Filebeat's text of a message that was bytes: `[27 91 63 50]`.
_BYTES_TEXT = re.compile(r"\[\d{1,3}(?: \d{1,3})+\]")
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_MAX_BYTE: Final = 255


def matches(document: Mapping[str, Any]) -> bool:
    """Whether it is the journal's own export, or Vector's or Filebeat's of it."""
    return (
        ("MESSAGE" in document or "message" in document)
        and any(name in document for name in ("__REALTIME_TIMESTAMP", "PRIORITY", "_SYSTEMD_UNIT"))
    ) or isinstance(document.get("journald"), Mapping)


def read(document: Mapping[str, Any]) -> list[Draft]:
    """One entry of the journal."""
    message = document.get("MESSAGE", document.get("message"))
    draft = Draft(body=message_text(message))
    draft.take_level(
        "PRIORITY",
        document.get("PRIORITY", find(document, "log.syslog.priority")),
        Numbers.SYSLOG,
    )
    for name in ("_SOURCE_REALTIME_TIMESTAMP", "@timestamp", "timestamp", "__REALTIME_TIMESTAMP"):
        draft.take_time(name, document.get(name))
    if draft.time is None:
        draft.take_time("realtime", find(document, "journald.custom.realtime_timestamp"))
    service = first_text(document, _SERVICES) or first_text(
        document, ("service.name", "systemd.unit", "syslog.identifier", "process.name")
    )
    draft.take("service_name", service)
    draft.take(
        "instance", first_text(document, ("_HOSTNAME", "host.name", "host.hostname", "host"))
    )
    cursor, boot = document.get("__CURSOR"), document.get("_BOOT_ID")
    if isinstance(cursor, str):
        draft.identity = ("journald", cursor, str(boot))
    draft.keep(
        document,
        _USED
        | {
            "message",
            "@timestamp",
            "timestamp",
            "host",
            "source_type",
            "agent",
            "@metadata",
            "ecs",
            "input",
        },
    )
    return [draft]


def message_text(value: Any) -> str:
    """A journal message as text for people; bytes come as a list of numbers, or as text of one."""
    if isinstance(value, str) and _BYTES_TEXT.fullmatch(value.strip()):
        value = [int(number) for number in value.strip()[1:-1].split(" ")]
    if isinstance(value, list) and all(
        type(item) is int and 0 <= item <= _MAX_BYTE for item in value
    ):
        value = bytes(value).decode("utf-8", "replace")
        return _CONTROLS.sub("", value).strip()
    return value if isinstance(value, str) else ""
