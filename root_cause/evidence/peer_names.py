"""Finds the other services that a message names: by name, address, or client class.

Pure. Names of services are data; nothing here knows any of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from firstcause.events.log_event import LogEvent

# A stack trace after the message names code, not a peer.
_HEAD_CHARS: Final = 600
# What a service's name may end with, or a client's class: it says nothing of which service it is.
_KIND: Final = r"(?:service|svc|server|client|api|proxy|stub|host|backend)"
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LEAST_STEM_CHARS: Final = 3
# A word that so many of the names share is part of how services are named.
_SHARED_BY: Final = 0.5
_LEAST_SERVICES: Final = 3
_PEER: Final = "<peer>"
_REMEMBERED: Final = 20_000
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STACK: Final = re.compile(r"\n\s*(?:at |Traceback|File \"|\.\.\. \d+ more|goroutine )|^Traceback")
# Attributes in which instrumentations tell the peer (OpenTelemetry's, old and new).
PEER_ATTRIBUTES: Final = (
    "peer.service",
    "server.address",
    "net.peer.name",
    "http.url",
    "url.full",
    "http.host",
    "rpc.service",
)


def head_of(event: LogEvent) -> str:
    """What an event says before its stack trace, with the peer that its attributes tell."""
    message = event.message[:_HEAD_CHARS]
    stack = _STACK.search(message)
    if stack is not None and stack.start() > 0:
        message = message[: stack.start()]
    told = [event.attributes[name] for name in PEER_ATTRIBUTES if name in event.attributes]
    cause = event.exception.split("\n", 1)[0][:_HEAD_CHARS] if event.exception else ""
    return " ".join((message, cause, *told))


class PeerNames:
    """Finds the names of some services in text.

    A service is named by its whole name as a word (also as the host of an address), or by the part
    of it that tells it from the others where that stands with a word such as service or client
    (`OrderClient`, `order_service` for `ts-order-service`) or as the host of an address.
    """

    def __init__(self, services: Iterable[str]) -> None:
        names = sorted(set(filter(None, services)), key=lambda name: (-len(name), name))
        self._names = {name.lower(): name for name in names}
        self._whole = _any_of(map(re.escape, self._names), r"(?<![\w\-])(?:{})(?![\w\-])")
        self._stems = _stems(names)
        stems = [_loose(stem) for stem in self._stems]
        self._by_kind = _any_of(stems, rf"(?<![a-z0-9])(?:{{}})[-_ ]?{_KIND}(?![a-z0-9])")
        self._by_host = _any_of(
            self._stems, r"(?<=//)(?:{})(?=[:/.\s]|$)|(?<![\w\-./])(?:{})(?=:\d)"
        )
        # As a word of an operation, a name may be all that a service has: `check_ledger`.
        self._words = self._names | self._stems
        self._by_word = _any_of(map(_loose, self._words), r"(?<![a-z0-9])(?:{})s?(?![a-z0-9])")
        self._known: dict[str, frozenset[str]] = {}

    def named(self, text: str) -> frozenset[str]:
        """The services that a text names."""
        found = self._known.get(text)
        if found is None:
            found = frozenset(self._find(text))
            if len(self._known) < _REMEMBERED:
                self._known[text] = found
        return found

    def hinted(self, text: str) -> frozenset[str]:
        """The services whose distinguishing word stands anywhere in a text: `getLedger failed`.

        That is weaker than a name: people speak of orders without meaning the order service.
        """
        if self._by_word is None:
            return frozenset()
        found = (match.group() for match in self._by_word.finditer(_spaced(text)))
        stems = (_stem_in(one, self._words) for one in found)
        return frozenset(self._words[stem] for stem in stems if stem is not None)

    def masked(self, text: str) -> str:
        """The text with each whole name as one variable: the same complaint about another peer."""
        return self._whole.sub(_PEER, text) if self._whole is not None else text

    def _find(self, text: str) -> set[str]:
        found: set[str] = set()
        if self._whole is not None:
            found.update(self._names[one.lower()] for one in self._whole.findall(text))
        for pattern in (self._by_kind, self._by_host):
            if pattern is None:
                continue
            for match in pattern.finditer(_spaced(text) if pattern is self._by_kind else text):
                stem = _stem_in(match.group(), self._stems)
                if stem is not None:
                    found.add(self._stems[stem])
        return found


def _spaced(text: str) -> str:
    """`OrderClient` as `Order-Client`, so that words of code are words."""
    return _CAMEL.sub("-", text)


def _stem_in(text: str, stems: Mapping[str, str]) -> str | None:
    plain = text.lower()
    return next((stem for stem in stems if re.match(_loose(stem), plain)), None)


def _loose(stem: str) -> str:
    return r"[-_ ]?".join(map(re.escape, stem.split("-")))


def _any_of(options: Iterable[str], pattern: str) -> re.Pattern[str] | None:
    """The pattern with all options, which are patterns too, in place of `{}`; None for none."""
    joined = "|".join(options)
    return re.compile(pattern.replace("{}", joined), re.IGNORECASE) if joined else None


def words_of(name: str) -> list[str]:
    """The words of a service's name, in small letters."""
    return [word.lower() for word in _WORD.findall(name)]


def _stems(names: Collection[str]) -> dict[str, str]:
    """What tells each service from the others, where that is one service's alone."""
    words = {name: words_of(name) for name in names}
    counts = Counter(word for found in words.values() for word in set(found))
    shared = {
        word
        for word, count in counts.items()
        if count >= max(_LEAST_SERVICES, _SHARED_BY * len(words))
    }
    stems: dict[str, list[str]] = {}
    for name, found in words.items():
        own = [word for word in found if word not in shared and not re.fullmatch(_KIND, word)]
        stem = "-".join(own)
        # Names that are written as one word: `cartservice`.
        if len(own) == 1:
            stem = re.sub(rf"(?<=...){_KIND}$", "", stem)
        if len(stem) >= _LEAST_STEM_CHARS and stem != name.lower():
            stems.setdefault(stem, []).append(name)
    return {
        stem: found[0]
        for stem, found in sorted(stems.items(), key=lambda item: (-len(item[0]), item[0]))
        if len(found) == 1
    }
