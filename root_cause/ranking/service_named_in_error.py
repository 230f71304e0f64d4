"""Finds the other service that an error message names. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from firstcause.events.log_event import LogEvent
from root_cause.traces.event_key import event_key

# As much as stands in an event's key.
_HEAD_CHARS: Final = 240
_HEAD_WORDS: Final = 12


def named_services(events: Iterable[LogEvent], services: Collection[str]) -> Mapping[str, str]:
    """By the key of an error: the one other service that its messages name.

    A name counts as a word of its own in the head of the message, as it came: behind it mostly
    stand causes of causes. In an address it does not count: that only tells whom the call was
    to. Errors that name several, or none, are left out.
    """
    names = sorted(filter(None, services), key=lambda name: (-len(name), name))
    if not names:
        return {}
    name = "|".join(map(re.escape, names))
    word = re.compile(rf"(?<![\w\-./:@])(?:{name})(?![\w\-/@]|[:.]\w)")
    found: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.is_error:
            head = " ".join(event.message[:_HEAD_CHARS].split()[:_HEAD_WORDS])
            told = set(word.findall(head)) - {event.service_name}
            if told:
                found[event_key(event)] |= told
    return {key: told.pop() for key, told in found.items() if len(told) == 1}
