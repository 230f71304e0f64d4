"""Collects the complaints of services: errors, and warnings about a peer. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS, LogEvent
from root_cause.evidence.peer_names import PeerNames, head_of
from root_cause.normal.learner import DEBUG_LEVELS
from root_cause.traces.event_key import event_key

# How much a line of its kind says by itself.
ERROR_WEIGHT: Final = 1.0
PEER_WEIGHT: Final = 0.5
WARNING_WEIGHT: Final = 0.25

# A peer that was not reached or gave no answer, in the words that clients of all kinds use.
NOT_REACHED: Final = re.compile(
    r"refus|unknown ?host|unavailab|tim(?:ed?|ing)[ -]?out|unreachable|no route|name resolution"
    r"|not resolve|no such host|did(?: not|n't) (?:answer|respond)|not responding|no answer"
    r"|no response|connection (?:was |is )?(?:reset|closed|aborted|lost|failed|error)"
    r"|reset by|(?:can ?not|could not|can't|couldn't|failed to|unable to|error while) "
    r"(?:connect|reach|dial)|deadline exceeded|no (?:healthy|available|instance)|bad gateway"
    r"|broken pipe|unexpected (?:eof|end of)|max retries|circuit ?breaker|lost connection"
    r"|no connection|\bretry(?:ing)?\b|trying again|handshake|\b(?:ssl|tls|pkix|x509)\b"
    r"|certificate\W+(?:\w+\W+){0,2}(?:expired|invalid|not|unknown|verif|reject|fail|error|revoked)"
    r"|(?:expired|invalid|bad|unknown|untrusted|self[- ]signed|verif\w*|trusted|valid)"
    r"\W+(?:\w+\W+)?certificate",
    re.IGNORECASE,
)
# What a service keeps its data in, in the words of drivers: without a name of its own it is a part
# of who uses it.
RESOURCE: Final = re.compile(
    r"\b(?:sql\w*|jdbc\w*|database|statement|quer(?:y|ies)|transaction|deadlock|lock wait|pool\w*"
    r"|hikari\w*|disk|no space|postgres\w*|psql\w*|mysql\w*|mongo\w*|redis\w*|jedis\w*|cassandra"
    r"|memcached?)\b",
    re.IGNORECASE,
)
# An answer of another that was no good: the failure is told, not made here.
TOLD: Final = re.compile(
    r"\b(?:status|http|code|answered|returned|error|response|with)\W{1,3}"
    r"(?:(?:status|code)\W{1,3})*5\d\d\b"
    r"|\b5\d\d (?:internal|bad gateway|service|server)|internal ?server ?error|remote ?error"
    r"|server (?:has )?(?:either )?(?:erred|error|returned)|downstream|upstream|\brpc error\b"
    r"|(?:answer|respon[sd]|reply|result) (?:from|of|by)|invalid (?:answer|response)"
    r"|\bHTTP 4\d\d\b|call (?:of|to) \S+ failed",
    re.IGNORECASE,
)
# A frame of a stack trace: the code that failed is this service's.
_FRAME: Final = re.compile(
    r"Traceback \(most recent call last\)|^\s*at [\w$.<>]+\(|\n\s*at [\w$.<>]+\("
    r"|\n\s*File \"[^\"]+\", line \d+|goroutine \d+ \[|panic:",
)
_STACK_CHARS: Final = 4_000


@dataclass(slots=True)
class Complaint:
    """Lines of one service that complain of the same, over a window.

    Attributes:
        weight: how much one line of it says, 0 to 1, by its level alone.
        text: the first of them, for people; may hold anything.
        not_reached: it says that a peer was not reached or did not answer in time.
        told: it reports that a peer's answer was an error.
        resource: it speaks of a database, a pool or a disk.
        outside: it contains an address, and names no service.
        own_code: it holds a stack trace.
        named: how many of its lines name each other service.
        hinted: the other services that it speaks of, if it tells of a peer and names none.
        events: its lines, in order of time.
    """

    key: str
    service_name: str
    level: str
    weight: float
    text: str
    not_reached: bool
    told: bool
    own_code: bool = False
    resource: bool = False
    outside: bool = False
    named: Counter[str] = field(default_factory=Counter)
    hinted: frozenset[str] = frozenset()
    events: list[LogEvent] = field(default_factory=list)

    @property
    def first_ms(self) -> int:
        """When it came first (event time)."""
        return self.events[0].timestamp_ms

    @property
    def is_own(self) -> bool:
        """True for a stack trace that mentions no peer: this service's own code failed."""
        return self.own_code and not self.not_reached and not self.told

    @property
    def traces(self) -> int:
        """In how many requests it came; a line without one counts for itself."""
        return len({event.trace_id or event.log_id for event in self.events})


def complaint_weight(event: LogEvent, text: str) -> float:
    """The weight of a line as a complaint; 0 if it is not one."""
    if event.level in ERROR_LEVELS:
        return ERROR_WEIGHT
    if NOT_REACHED.search(text):
        return PEER_WEIGHT
    return WARNING_WEIGHT if event.level == "WARN" else 0.0


def complaints_of(events: Iterable[LogEvent], names: PeerNames) -> list[Complaint]:
    """The complaints in some events, those that came first at the front."""
    found: dict[tuple[str, float], Complaint] = {}
    for event in sorted(events, key=lambda one: (one.timestamp_ms, one.message, one.log_id)):
        if event.level in DEBUG_LEVELS:
            continue
        head = head_of(event)
        weight = complaint_weight(event, head)
        if not weight:
            continue
        mark = (event_key(event), weight)
        complaint = found.get(mark)
        if complaint is None:
            complaint = found[mark] = Complaint(
                key=mark[0],
                service_name=event.service_name,
                level=event.level,
                weight=weight,
                text=head,
                not_reached=bool(NOT_REACHED.search(head)),
                told=bool(TOLD.search(head)),
                resource=bool(RESOURCE.search(head)),
            )
            if complaint.not_reached or complaint.told:
                complaint.hinted = names.hinted(head) - {event.service_name}
        complaint.events.append(event)
        complaint.named.update(names.named(head) - {event.service_name})
        complaint.outside = complaint.outside or "://" in head
        if not complaint.own_code and event.is_error:
            complaint.own_code = bool(
                _FRAME.search(event.message[:_STACK_CHARS])
                or (event.exception and _FRAME.search(event.exception[:_STACK_CHARS]))
            )
    return list(found.values())
