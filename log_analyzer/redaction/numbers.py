"""Finds numbers that identify a person or an account: cards, IBANs, phones, dates of birth.

Checksums and registries decide where there are any, so that order numbers stay whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from log_analyzer.redaction.rule import Finder, Rule, Span

_BIRTH: Final = re.compile(
    r"(?<![a-z])(?:dob|date[ _-]?of[ _-]?birth|birth[ _-]?(?:date|day))"
    r"[\"'\]]{0,2}\s{0,2}[=:]\s{0,2}[\"']?(?P<v>\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4})",
    re.IGNORECASE,
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
        r"(?<![\w.:+-])0[1-9](?P<f>[ .-])\d{2}(?:(?P=f)\d{2}){3}(?![\w:-])",
        r"(?<![\w.:+-])0[1-9]\d{1,3}[ /]\d{3,4}[ -]\d{3,4}(?![\w:.-])",
        r"(?<![\w.:+-])0[1-9]\d{1,3}[ /]\d{6,8}(?![\w:.-])",
        r"(?<![\w.:+-])\(0[1-9]\d{1,4}\)[ -]?\d{4,8}(?![\w:.-])",
    )
)
_NAMED_PHONE: Final = re.compile(
    r"(?:phone|telephone|telefon|mobile|handy|msisdn|whatsapp|cellphone"
    r"|(?<![a-z])(?:tel|cell|fax|sms)(?:(?:no|nr|to|num(?:ber)?)(?![a-z])|(?![a-z])))"
    r"(?:[a-z _-]{0,12}\d[\"'\]]{0,2}\s?[=:]|[a-z _-]{0,12}[\"'\\\]]{0,3}\s{0,3}[=:.]?)"
    r"\s{0,3}[\"'\\\[]{0,3}(?P<v>\+?\(?\d[\d ()./-]{5,22}\d" + _EXTENSION + r")(?!\w)",
    re.IGNORECASE,
)
PHONE_DIGITS: Final = range(7, 22)  # E.164: at most 15, and an extension
DIGITS_WITH_COUNTRY: Final = range(8, 22)
CARD_DIGITS: Final = range(12, 20)


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


def phones(text: str, start: int, end: int) -> Iterator[Span]:
    """Phone numbers: international, in the common national forms, or named as such."""
    for match in _NAMED_PHONE.finditer(text, start, end):
        if sum(one.isdigit() for one in match["v"]) in PHONE_DIGITS:
            yield match.span("v")
    for pattern in _PHONES:
        for match in pattern.finditer(text, start, end):
            if sum(one.isdigit() for one in match[0]) in DIGITS_WITH_COUNTRY:
                yield match.span()


def _values(pattern: re.Pattern[str]) -> Finder:
    def find(text: str, start: int, end: int) -> Iterator[Span]:
        for match in pattern.finditer(text, start, end):
            yield match.span("v" if "v" in pattern.groupindex else 0)

    return find


BIRTH_RULE: Final = (
    Rule("ID", "date of birth", _values(_BIRTH), "dob=«1980-02-03»", "born 1980-02-03"),
)
NUMBER_RULES: Final = (
    Rule("IBAN", "IBAN", ibans, "to «DE89 3704 0044 0532 0130 00»", "to DE88370400440532013000"),
    Rule(
        "CARD",
        "payment card",
        cards,
        "order number: «4111 1111 1111 1111»",
        "order 4111111111111112, 12 of 5000000000000000",
    ),
)
PHONE_RULES: Final = (
    Rule(
        "PHONE",
        "phone number",
        phones,
        "call «+44 (20) 7123 4567», «06 12 34 56 78» or tel «016676629»",
        "order 20260511-0728 046-1297901 segment 212-343 of 1297901-8046, offset +12345",
    ),
)
