"""Messages about a service on the topics of alerts and escalations: JSON with an id and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from firstcause.events.log_event import SERVICE_NAME_MAX_CHARS, parse_timestamp_ms


class UnreadableServiceMessage(ValueError):
    """The bytes are no such message; the text says why."""


@dataclass(frozen=True, slots=True)
class ServiceMessage:
    """A message with its own id and its service; `fields` are all as they came, unchecked."""

    message_id: UUID
    service_name: str
    fields: dict[str, Any]

    def time_ms(self, name: str) -> int:
        """The RFC 3339 time in a field, as ms since the epoch.

        Raises:
            UnreadableServiceMessage: it has none.
        """
        text = self.fields.get(name)
        found = parse_timestamp_ms(text) if isinstance(text, str) else None
        if found is None:
            raise UnreadableServiceMessage(f"{name} is no RFC 3339 time")
        return found


def read_service_message(value: bytes | None, id_field: str) -> ServiceMessage:
    """Reads a message whose id is the UUID in `id_field`.

    Raises:
        UnreadableServiceMessage: it is none. Nothing else is raised, whatever the bytes.
    """
    try:
        fields = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        raise UnreadableServiceMessage("not JSON") from None
    if not isinstance(fields, dict):
        raise UnreadableServiceMessage("not a JSON object")
    try:
        message_id = UUID(fields[id_field])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise UnreadableServiceMessage(f"{id_field} is no UUID") from None
    service_name = fields.get("service_name")
    if not isinstance(service_name, str) or not 0 < len(service_name) <= SERVICE_NAME_MAX_CHARS:
        raise UnreadableServiceMessage("service_name is no name")
    return ServiceMessage(message_id, service_name, fields)
