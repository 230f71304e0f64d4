"""Finds the other service that an error message names. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from firstcause.events.log_event import LogEvent
from root_cause.evidence.peer_names import PeerNames, head_of
from root_cause.traces.event_key import event_key


def services_named_in_errors(events: Iterable[LogEvent], names: PeerNames) -> Mapping[str, str]:
    """By the key of an error, the one other service that its messages name.

    Errors that name several, or none, are left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.is_error:
            told = names.named(head_of(event)) - {event.service_name}
            if told:
                found[event_key(event)] |= told
    return {key: told.pop() for key, told in found.items() if len(told) == 1}
