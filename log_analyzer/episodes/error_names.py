"""Finds the services, hosts and resources that an error names, by form and position. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.workload import workload_of
from log_analyzer.episodes.alerts import AlertEvent

NAMES_KEPT: Final = 20
MESSAGE_CHARS: Final = 1_000
NAME_CHARS: Final = 100

# Where OpenTelemetry and its predecessors keep what was called.
PEER_ATTRIBUTES: Final = (
    "server.address",
    "net.peer.name",
    "peer.service",
    "callee",
    "db.name",
    "db.namespace",
    "messaging.destination.name",
)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*[A-Za-z0-9]")
_HOST_OF_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/@]*@)?([^\s/:?#\"'<>)\]]+)", re.I)
_ADDRESS: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_WITH_PORT: Final = re.compile(r"(?<![\w.:-])([A-Za-z][\w.-]*):\d{2,5}(?!\w)")
_INTERNAL_HOST: Final = re.compile(
    r"(?<![\w.@-])(?!(?:com|org|net|io|java|javax)\.)(?:[a-z0-9][\w-]*\.)+(?:com|net|org|io|local|lan|internal|cloud|svc|cluster)\b"
)
# What stands behind such a word is what could not be reached or used; it has two parts at least.
_REACHED: Final = re.compile(
    r"\b(?:reach|connect(?:ion)?(?: to| with)?|to|from|at|on|with|against|by|host|server|database"
    r"|db|cluster|node|broker|queue|topic|cache|replica|pool|resolve|lookup|of|for)[ :=]+"
    r"[\"'`\[(]?([A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)+)(?!\.?[\w-])",
    re.I,
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "0.0.0.0"})  # noqa: S104
# A part of a name with so many digits is an id: it names one thing among thousands.
_ID: Final = re.compile(r"\d{4,}|(?=[a-z]*\d)(?=\d*[a-z])[0-9a-f]{6,}", re.I)


def names_of(event: LogEvent, services: Collection[str]) -> frozenset[str]:
    """The names in an error, at most `NAMES_KEPT`; hosts and resources in lower case.

    Known services are found anywhere as a word; hosts and addresses by their form, with or without
    a port; other resources behind a word that says that they are reached. An event's own service is
    no name, but for an alert it is the only one: that is what it complains of.
    """
    if isinstance(event, AlertEvent):
        return frozenset({workload_of(event.service_name)})
    text = event.message[:MESSAGE_CHARS]
    found = {*_HOST_OF_URL.findall(text), *_ADDRESS.findall(text), *_WITH_PORT.findall(text)}
    found.update(_INTERNAL_HOST.findall(text))
    found.update(name for name in _REACHED.findall(text) if not _ID.search(name))
    found.update(value for key in PEER_ATTRIBUTES if (value := event.attributes.get(key)))
    names = {name if name in services else name[:NAME_CHARS].lower() for name in found}
    names.update(word for word in _WORD.findall(text) if word in services)
    own = {event.service_name, workload_of(event.service_name)}
    return frozenset(sorted(names - _LOOPBACK - own)[:NAMES_KEPT])
