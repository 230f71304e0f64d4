"""What names a person or an account: e-mail, card, IBAN, IP address, phone number.

Checksums and registries decide where there are any, so that order numbers stay whole. `ours`
finds what must never be touched: timestamps and ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

Span = tuple[int, int]

_OURS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])",
        # The name of an id, and its value.
        r"(?:trace|span|parent|request|correlation|log|order|event|message)[ ._-]?(?:id|number|no)"
        r"[\"'\\\]]{0,3}\s{0,3}[=:]\s{0,3}[\"'\\\[]{0,3}[\w-]{1,100}",
        # W3C trace context.
        r"(?<![\w-])[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?![\w-])",
        r"(?<!\d)\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
        r"(?:[T _-]?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?(?!\d)",
        r"(?<!\d)\d{1,2}[-/. ](?:\d{1,2}|[a-z]{3})[-/. ]\d{4}[: T]\d{1,2}:\d{2}:\d{2}"
        r"(?:[.,]\d{1,9})?(?:\s?[+-]\d{2}:?\d{2})?(?!\d)",
        r"(?<![\d:])\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?![\d:])",
        r"(?<![\w.])\d{8}T\d{6}(?:\.\d{1,9})?Z?(?!\w)",
    )
)

_EMAIL: Final = re.compile(
    r"(?<![\w.+'%-])[\w.+'%-]{1,256}?(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,23}(?!\w)"
)

_CARD: Final = re.compile(
    r"(?<![0-9A-Za-z])(?<!\d[.,])(?:\d{12,19}"
    r"|\d{4}(?P<a>[ \-.\u00a0])\d{4}(?P=a)\d{4}(?P=a)\d{1,7}"
    r"|\d{4}(?P<b>[ \-.\u00a0])\d{6}(?P=b)\d{4,5})(?![0-9A-Za-z]|[.,]\d)"
)
# Issuer ranges of ISO/IEC 7812 with the lengths that they issue: Visa, Mastercard,
# American Express, Diners, JCB, Discover, UnionPay, Maestro. 12 and 13 digits are not among
# them: such a number is a time in milliseconds unless it is named a card.
_ISSUED: Final = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[0-9])\d{14,17}"
)
_CARD_WORD: Final = re.compile(r"(?i)(?:card|(?<![a-z])(?:pan|cc))[\w ]{0,10}[\"'\s:=#\[]{0,6}$")

# Lengths by country: the IBAN registry of ISO 13616.
_IBAN_CHARS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV YE",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN_START: Final = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}\d{2}(?=[ \-\u00a0]?[0-9A-Za-z]{4})")

_IPV4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4})(?![\w:])"
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
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)

_SEPARATED: Final = r"(?:[ .\-/\u00a0]{0,2}\(?\d{1,8}\)?){1,8}"
_EXTENSION: Final = r"(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
_PHONES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\w+.])\+[1-9]\d{{0,2}}{_SEPARATED}(?![\w])",
        rf"(?<![\w.+-])00[1-9]\d{{0,2}}[ \-/]{_SEPARATED}(?![\w])",
        r"(?<![\w.+-])(?:1[ .-])?\([2-9]\d{2}\)\s?\d{3}[ .-]\d{4}" + _EXTENSION + r"(?![\w-])",
        r"(?<![\w.+-])(?:1(?P<s>[.-]))?[2-9]\d{2}(?P<t>[.-])\d{3}(?P=t)\d{4}"
        + _EXTENSION
        + r"(?![\w-])",
        r"(?<![\w.:+-])0[1-9](?:[ .]\d{2}){4}(?![\w:])",
        r"(?<![\w.:+-])0[1-9]\d{1,3}[ /]\d{3,4}[ -]\d{3,4}(?![\w:.-])",
        r"(?<![\w.:+-])0[1-9]\d{1,3}[ /]\d{6,8}(?![\w:.-])",
        r"(?<![\w.:+-])\(0[1-9]\d{1,4}\)[ -]?\d{4,8}(?![\w:.-])",
    )
)
_NAMED_PHONE: Final = re.compile(
    r"(?:phone|telephone|telefon|mobile|handy|msisdn|whatsapp|cellphone|(?<![a-z])(?:tel|cell|fax|sms))"
    r"[\w -]{0,12}[\"'\\\]]{0,3}\s{0,3}[=:.]?\s{0,3}[\"'\\\[]{0,3}(?P<v>\+?\(?\d[\d ()./-]{5,22}\d"
    + _EXTENSION
    + r")"
    r"(?!\w)",
    re.IGNORECASE,
)
PHONE_DIGITS: Final = range(7, 22)  # E.164: at most 15, and an extension
DIGITS_WITH_COUNTRY: Final = range(8, 22)
CARD_DIGITS: Final = range(12, 20)


def ours(text: str, start: int, end: int) -> Iterator[Span]:
    """Timestamps, UUIDs and named ids, with their names."""
    for pattern in _OURS:
        yield from (one.span() for one in pattern.finditer(text, start, end))


def emails(text: str, start: int, end: int) -> Iterator[Span]:
    """E-mail addresses, also with an encoded @."""
    yield from (one.span() for one in _EMAIL.finditer(text, start, end))


def passes_luhn(digits: str) -> bool:
    """The check of ISO/IEC 7812-1, annex B (Luhn): from the right, every second digit doubled."""
    total = 0
    for place, one in enumerate(reversed(digits)):
        value = int(one) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004
    return total % 10 == 0


def cards(text: str, start: int, end: int) -> Iterator[Span]:
    """Payment card numbers: of an issuer's range or named as one, with a right check digit."""
    for match in _CARD.finditer(text, start, end):
        digits = re.sub(r"\D", "", match[0])
        named = _CARD_WORD.search(text, max(0, match.start() - 24), match.start())
        issued = named or _ISSUED.fullmatch(digits)
        if len(digits) in CARD_DIGITS and issued and passes_luhn(digits):
            yield match.span()


def passes_mod_97(iban: str) -> bool:
    """The check of ISO 13616 (ISO 7064, MOD 97-10), for an IBAN without blanks.

    Country and check digits go last, letters are numbers from A = 10; the remainder has to be 1.
    """
    return int("".join(str(int(one, 36)) for one in iban[4:] + iban[:4])) % 97 == 1


def ibans(text: str, start: int, end: int) -> Iterator[Span]:
    """IBANs of their country's length with right check digits, blanks and dashes allowed."""
    for match in _IBAN_START.finditer(text, start, end):
        wanted = _IBAN_CHARS.get(match[0][:2].upper())
        if wanted is None:
            continue
        stop, taken = match.start(), 0
        while stop < end and taken < wanted:
            one = text[stop]
            if one.isascii() and one.isalnum():
                taken += 1
            elif one not in " -\u00a0":
                break
            stop += 1
        if taken < wanted or (stop < len(text) and text[stop].isalnum()):
            continue
        found = re.sub(r"[ \-\u00a0]", "", text[match.start() : stop])
        # All of it hex in small letters: a span id.
        if passes_mod_97(found) and not re.fullmatch(r"[0-9a-f]+", found):
            yield match.start(), stop


def _is_personal(text: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not any(address in one for one in _INFRASTRUCTURE)


def ip_addresses(text: str, start: int, end: int) -> Iterator[Span]:
    """Addresses that may be a person's: all but private, loopback, link-local and the like."""
    for match in _IPV6.finditer(text, start, end):
        if any(one.isdigit() for one in match[0]) and _is_personal(match[0]):
            yield match.span()
    for match in _IPV4.finditer(text, start, end):
        if _is_personal(match[0]) and not _VERSION.search(
            text, max(0, match.start() - 12), match.start()
        ):
            yield match.span()


def phones(text: str, start: int, end: int) -> Iterator[Span]:
    """Phone numbers: international, in the common national forms, or named as such."""
    for match in _NAMED_PHONE.finditer(text, start, end):
        if sum(one.isdigit() for one in match["v"]) in PHONE_DIGITS:
            yield match.span("v")
    for pattern in _PHONES:
        for match in pattern.finditer(text, start, end):
            if sum(one.isdigit() for one in match[0]) in DIGITS_WITH_COUNTRY:
                yield match.span()
