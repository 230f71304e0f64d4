"""Peers that complaints name and that log nothing themselves: candidates all the same. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS, LogEvent
from root_cause.evidence.complaints import NOT_REACHED, TOLD
from root_cause.evidence.peer_names import PeerNames, head_of
from root_cause.normal.learner import DEBUG_LEVELS

_LABEL: Final = r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*"
# A host inside of the system: one label, or one of a cluster's own domains.
_INSIDE: Final = (
    rf"(?P<name>{_LABEL})(?:(?:\.[a-z0-9-]+)?\.(?:svc|service)(?:\.[a-z0-9-]+)*"
    r"|\.(?:local|internal|consul))?(?![\w.-])"
)
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # The host of an address: of any scheme, behind who logs in.
        rf"(?<=://)(?:[^\s/@]*@)?{_INSIDE}",
        # A host with its port, as clients write where they wanted to go.
        rf"(?:\b(?:to|at|from|with|host|tcp|address|endpoint|dial(?:ing)?|connect)\W{{1,3}}|=|@)"
        rf"{_INSIDE}(?:/[\d.]*)?:\d{{2,5}}\b",
        # A name that was not resolved.
        rf"\b(?:lookup|unknown ?host(?:exception)?|getaddrinfo\w*|resolve(?: host(?:name)?)?)"
        rf"\W{{1,3}}(?:host\W{{1,2}})?{_INSIDE}",
        # A name that says what it is.
        r"(?<![\w./-])(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*-(?:service|svc|server|api))(?![\w-])",
    )
)
# What a name may end with that is no service but what a service keeps its data in.
_RESOURCE: Final = re.compile(
    r"(?:^|[-_])(?:db|database|sql|mysql|mariadb|postgres(?:ql)?|mongo(?:db)?|redis|memcached?"
    r"|cache|cassandra|elasticsearch|etcd|kafka|rabbitmq|rabbit|mq|queue|broker|s3|bucket)\d*$",
    re.IGNORECASE,
)
_NO_NAME: Final = frozenset({"localhost", "host", "server", "http", "https", "tcp", "service"})
# A resource of one service alone is a part of it: which of both fails, its complaints do not tell.
_LEAST_USERS: Final = 2


def with_unheard(events: Iterable[LogEvent], heard: Collection[str]) -> PeerNames:
    """The names of known services, and of peers that log nothing but are complained of.

    A peer is complained of where a line says that it was not reached, or an error that it failed.
    A database, cache or queue counts where at least two services complain of it. What is another
    word for a known service is no new name.

    Args:
        events: of a window.
        heard: the services that are known.
    """
    names = PeerNames(heard)
    complain: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.level in DEBUG_LEVELS:
            continue
        text = head_of(event)
        if NOT_REACHED.search(text) or (event.level in ERROR_LEVELS and TOLD.search(text)):
            for name in _named(text):
                complain[name].add(event.service_name)
    found = {
        name
        for name, by in complain.items()
        if not names.named(f"//{name}/ {name}") and _is_candidate(name, by)
    }
    return PeerNames({*heard, *found}) if found else names


def _is_candidate(name: str, complained: Collection[str]) -> bool:
    return not _RESOURCE.search(name) or len(complained) >= _LEAST_USERS


def _named(text: str) -> Iterator[str]:
    for form in _FORMS:
        for match in form.finditer(text):
            name = match["name"].lower()
            if name not in _NO_NAME and len(name) > 2:  # noqa: PLR2004
                yield name
