"""Finds the numbers of identity documents: behind their name in the country's language, or by form.

A name says enough, so that a mistyped number goes as well. Without one the form has to be that of
no other number, and its check digits right where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from log_analyzer.redaction.rule import Rule, Span

_SSN: Final = re.compile(
    r"(?<![\w.-])(?!000|666|9)\d{3}(?P<s>[- ])(?!00)\d{2}(?P=s)(?!0000)\d{4}(?![\w-]|\.\d)"
)
_NAMED_NUMBER: Final = re.compile(
    r"(?<![a-z])(?:ssn|(?:social[ _-]?security|passport)(?:[ _-]?(?:no|number))?"
    r"|tax[ _-]?id|national[ _-]?id|nin|driver'?s?[ _-]?licen[cs]e)(?![^\W_])"
    r"[\"'\]]{0,2}\s{0,2}[=:#]?\s{0,2}[\"']?"
    r"(?P<v>(?=[A-Z-]{0,4}\d)[A-Z0-9][A-Z0-9 -]{4,14}[A-Z0-9])(?!\w)",
    re.IGNORECASE,
)
# By country: what people, forms and fields call the number.
_NAMES: Final = (
    r"(?:ssn|itin|(?:social[ _-]?(?:security|insurance)|passport)"
    r"|national[ _-]?(?:id|identity|insurance|identification)|(?:id|identity)[ _-]?card"
    r"|tax[ _-]?(?:id|file|code)|fiscal[ _-]?(?:code|number)|driv(?:er'?s?|ing)[ _-]?licen[cs]e"
    r"|nino|nhs|pps(?=n|[ _-]n)n?|sin|tfn|medicare|aadhaa?r|pan|nric|hkid|mykad|bvn|nin"
    r"|emirates[ _-]?id|sa[ _-]?id|my[ _-]?number|rrn"
    r"|dni|nie|nif|curp|cuil|cuit|rut|c[eé]dula(?: de ciudadan[ií]a)?|cpf|pasaporte|passaporte"
    r"|contribuinte|codice[ _-]?fiscale|nir|insee|passeport"
    r"|(?:num[eé]ro|n[°o]\.?)[ _-](?:de[ _-])?s[eé]cu(?:rit[eé][ _-]sociale)?"
    r"|num[eé]ro[ _-]national|niss|steuer(?:liche[ _-]?)?[ _-]?id(?:entifikationsnummer|nr)?"
    r"|idnr|steuernummer|(?:sozial|renten)versicherungsnummer|svnr|ahv|avs"
    r"|(?:reisepass|personalausweis|ausweis)(?:nummer|nr)?|bsn|burgerservicenummer"
    r"|rijksregister(?:nummer)?|insz|pesel|rodn[eé][ _-]?[cč][ií]slo|cnp|egn|oib|jmbg|amka"
    r"|isikukood|person(?:al)?[ _-]?(?:nummer|number|identity[ _-]?(?:number|code)|code)"
    r"|samordningsnummer|cpr|f[øo]dselsnummer|henkil[öo]tunnus|hetu|tckn|tc[ _-]?kimlik"
    r"|id-nummer|teudat[ _-]?zehut|snils|inn|снилс|инн|егн"
    r"|身份证|주민등록번호|マイナンバー|個人番号)"
)
_NAMED: Final = re.compile(
    rf"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_NAMES})"
    r"(?:[ ._-]{0,2}(?:no|nr|num(?:ber|mer|ero)?|id|card|code|号码?))?(?![^\W_]|\()"
    r"[\"'`\\\])]{0,4}\.?\s{0,2}(?:(?:is|was|[=:#]|=>|->)\s{0,2})?[\"'`\\\[(]{0,4}"
    # Groups of digits with few letters: nothing of the sentence behind.
    r"(?P<v>(?-i:[A-Z]{0,6}) ?\d\w{0,20}(?:[ ./+-](?-i:[A-Z]{0,2})\d\w{0,12}|[ -](?-i:[A-Z])"
    r"(?!\w)){0,8}"
    r"(?:\(\d\))?)",
    re.IGNORECASE,
)
_PAN: Final = r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]"
_BY_FORM: Final = re.compile(
    # Codice fiscale, CURP of Mexico, AHV of Switzerland, Belgium's national register.
    r"(?<![\w.-])(?:[A-Z]{6}\d\d[ABCDEHLMPRST][0-7]\d[A-Z]\d{3}[A-Z]"
    r"|[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d"
    rf"|756\.\d{{4}}\.\d{{4}}\.\d\d|\d\d\.[01]\d\.[0-3]\d-\d{{3}}\.\d\d|(?<=PAN ){_PAN}|(?i:"
    rf"(?<=pan=)|(?<=pan_card=)|(?<=pan: )){_PAN}"
    # CPF of Brazil, RUT of Chile.
    r"|(?P<cpf>\d{3}\.\d{3}\.\d{3}-\d\d)|(?P<rut>\d{1,2}\.\d{3}\.\d{3}-[\dkK]))(?![\w-]|\.\d)"
)
_DIGITS: Final = range(6, 20)


def passes_cpf(number: str) -> bool:
    """The two check digits of a CPF: weights from 10 and from 11 downwards, modulo 11."""
    digits = [int(one) for one in number if one.isdigit()]
    return len(digits) == 11 and all(  # noqa: PLR2004
        sum(one * weight for one, weight in zip(digits, range(size, 1, -1), strict=False))
        * 10
        % 11
        % 10
        == digits[size - 1]
        for size in (10, 11)
    )


def passes_rut(number: str) -> bool:
    """The check sign of a RUT: weights 2 to 7 from the right, modulo 11; 10 is a K."""
    body, sign = re.sub(r"[.\s]", "", number).upper().split("-")
    rest = -sum(int(one) * (2 + place % 6) for place, one in enumerate(reversed(body))) % 11
    return "0123456789K"[rest] == sign


def named(text: str, start: int, end: int) -> Iterator[Span]:
    """What stands behind the name of a document and has the digits of one."""
    for match in _NAMED.finditer(text, start, end):
        if sum(map(str.isdigit, match["v"])) in _DIGITS:
            yield match.span("v")
    for match in _NAMED_NUMBER.finditer(text, start, end):
        yield match.span("v")


def by_form(text: str, start: int, end: int) -> Iterator[Span]:
    """Numbers that nothing but a document has."""
    for match in _BY_FORM.finditer(text, start, end):
        right = passes_cpf if match["cpf"] else passes_rut if match["rut"] else None
        if right is None or right(match[0]):
            yield match.span()


def social_security(text: str, start: int, end: int) -> Iterator[Span]:
    """Numbers in the form of the United States, of the areas that are given out."""
    for match in _SSN.finditer(text, start, end):
        yield match.span()


DOCUMENT_RULES: Final = (
    Rule(
        "ID",
        "number of a document",
        named,
        'passport no: «X1234567», clientCpf="«529 982 247 25»" PESEL «44051401359» ok',
        "passport strategy failed, tax id missing, cpf: invalid, inn 12, pan zoom 4, RFC 7231",
    ),
    Rule(
        "ID",
        "document by its form",
        by_form,
        "de «RCCMNL83S18D969H», «529.982.247-25» e «756.9217.0769.85»",
        "529.982.247-26, v1.2.3-4, 11.111.111-2",
    ),
)
SOCIAL_SECURITY_RULE: Final = (
    Rule(
        "ID",
        "social security number",
        social_security,
        "taxpayer «219-09-9999»",
        "part 219-099-999",
    ),
)
