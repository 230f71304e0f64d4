"""Finds e-mail and IP addresses; protects times and ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from log_analyzer.redaction.rule import Finder, Rule, Span


def _patterns(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(one, re.IGNORECASE) for one in patterns)


_NAMED_ID: Final = (
    r"[ ._-]?(?:id|number|no)[\"'\\\]]{0,3}\s{0,3}[=:]\s{0,3}[\"'\\\[]{0,3}[\w-]{1,100}"
)
# Needed to follow a request, and never anybody's number.
_IDS_AND_TIMES: Final = _patterns(
    r"(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])",
    rf"(?:trace|span|parent){_NAMED_ID}",
    # W3C trace context.
    r"(?<![\w-])[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?![\w-])",
    r"(?<!\d)\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
    r"(?:[T _-]?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?(?!\d)",
    r"(?<!\d)\d{1,2}[-/. ](?:\d{1,2}|[a-z]{3})[-/. ]\d{4}[: T]\d{1,2}:\d{2}:\d{2}"
    r"(?:[.,]\d{1,9})?(?:\s?[+-]\d{2}:?\d{2})?(?!\d)",
    r"(?<![\d:])\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?![\d:])",
    r"(?<![\w.])\d{8}T\d{6}(?:\.\d{1,9})?Z?(?!\w)",
)
# After cards: `order number: 4111 1111 1111 1111` is a card in the wrong place.
_OTHER_IDS: Final = _patterns(rf"(?:request|correlation|log|order|event|message){_NAMED_ID}")

_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])(?<!://)(?!(?:git|svn|hg)@)[\w.+%-][\w.+'%-]{0,255}?"
    # `Worker@32b260fa.run(` is an object of Java.
    r"(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,23}(?![\w(])"
)
_IPV4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
# Also with a zone (`%eth0`), a colon of the sentence, or a backslash behind it.
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?P<v>(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}\.){3}\d{1,3}"
    r"|(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?=:\d{1,5}(?!\w|:)|(?!\w|:[\w:]))"
    r"|(?:[0-9a-fA-F]{1,4}:){1,7}:(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6})?"
    r"|::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6})?)(?:%[\w.-]{1,20})?"
    r"(?!\w)(?!:(?!\d{1,5}(?:\W|$))[\w:])"
)
_VERSION: Final = re.compile(r"(?i)(?:\bv|version|release|build|jdk|driver|agent)[\"':=/ -]{0,3}$")
# Addresses of machines, not of people: private, loopback, link-local, carrier-grade NAT, multicast.
_INFRASTRUCTURE: Final = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
# What is given to anybody at all (RFC 4291, 2.4); `fe80::1`, `fd00::1` and `e2e::a1` are not in it.
_GLOBAL_IPV6: Final = ip_network("2000::/3")


def _all_of(patterns: tuple[re.Pattern[str], ...]) -> Finder:
    def find(text: str, start: int, end: int) -> Iterator[Span]:
        for pattern in patterns:
            for match in pattern.finditer(text, start, end):
                yield match.span("v" if "v" in pattern.groupindex else 0)

    return find


def _is_personal(text: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_IPV6
    return not any(address in one for one in _INFRASTRUCTURE)


def ip_addresses(text: str, start: int, end: int) -> Iterator[Span]:
    """Addresses that may be a person's: all but private, loopback, link-local and the like."""
    for match in _IPV6.finditer(text, start, end):
        if any(one.isdigit() for one in match["v"]) and _is_personal(match["v"]):
            yield match.span()
    for match in _IPV4.finditer(text, start, end):
        if _is_personal(match[0]) and not _VERSION.search(
            text, max(0, match.start() - 12), match.start()
        ):
            yield match.span()


KEPT_RULES: Final = (
    Rule(
        None,
        "times and ids of requests",
        _all_of(_IDS_AND_TIMES),
        "at 2023-01-29T08:42:09.487Z trace_id=4111111111111111",
        "from 8 to 9",
    ),
)
NAMED_ID_RULES: Final = (
    Rule(None, "other ids", _all_of(_OTHER_IDS), "order_id=49301712345678", "order 4 of 9"),
)
ADDRESS_RULES: Final = (
    Rule(
        "EMAIL",
        "e-mail address",
        _all_of((_EMAIL,)),
        "user «o'neil+x@irish.example» or «ann%40corp.example»",
        "lodash@4.17.21 com.acme.Order@6d06d69c.run() git@github.com:acme/app",
    ),
    Rule(
        "IP",
        "IP address",
        ip_addresses,
        "from «2a05:d018:8c4::22f»: to [«2001:db8::1»]:443, «8.8.8.8»:53",
        "from 10.1.2.3 fe80::1%eth0 e2e::a1 v1.2.3.4 driver 1.2.3.4 00:1A:2B:3C:4D:5E std::abc",
    ),
)
