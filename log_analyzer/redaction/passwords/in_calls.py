"""Finds secrets by their place: arguments of a call, columns of a statement, fields of a Secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from log_analyzer.redaction.passwords.behind_names import ACCESS_WORD, LOGIN_WORD, SUFFIX
from log_analyzer.redaction.rule import Rule, Span, says_nothing

# A user and a password are what these take last; before them, what to connect to.
_CALL: Final = re.compile(
    r"(?:(?P<to>connect|connection|__construct|ldap_bind|simple_bind(?:_s)?)"
    r"|(?:log_?in|log_?on|authenticate|basic_?auth|auth|credentials?|passwordauthentication"
    r"|sp_addlogin|sp_password"
    r"|httpdigestauth|add_?user|create_?user))(?:\s?=\s?)?(?P<open>\(|\s(?=N?\\?[\"']))",
    re.IGNORECASE,
)
_ARGUMENT: Final = re.compile(
    r"\s{0,4}(?:[bneruf]{0,2}(?P<q>\\?[\"'])(?P<v>(?:(?!(?P=q))[^\\]|\\(?![\"']).|\\(?!"
    r"(?P=q)).){0,300}?)(?P=q)"
    r"|[^,()\"']{1,80}(?:\([^()]{0,60}\))?)\s{0,4}(?P<end>[,.);]?)",
    re.IGNORECASE,
)
_SECRET_COLUMN: Final = re.compile(
    rf"[\w.]{{0,40}}(?:{LOGIN_WORD}|{ACCESS_WORD}|totp|salt){SUFFIX}", re.IGNORECASE
)
_INSERT: Final = re.compile(
    (
        r"\b(?:into|replace)\s{1,3}[\w.`\"\[\]]{1,120}\s{0,3}\("
        r"(?P<columns>[^()]{3,800})\)\s{0,3}values\s{0,3}(?=\()"
    ),
    re.IGNORECASE,
)
_IDENTIFIED: Final = re.compile(
    r"\bidentified\s{1,3}(?:with\s{1,3}\S{1,60}\s{1,3})?(?:by|as)\s{1,3}(?:password\s{1,3}"
    r"|values\s{1,3})?"
    r"(?P<q>\\?[\"'`])?(?P<v>(?(q)(?:(?!(?P=q)).){1,200}|[^\s\"'`;,]{3,100}))"
    r"(?:(?P=q)\s{1,3}replace\s{1,3}(?P=q)(?P<a>(?:(?!(?P=q)).){1,200}))?",
    re.IGNORECASE,
)
_KIND: Final = re.compile(r"\bkind[\"'\\]{0,3}\s?[:=]\s?[\"'\\]{0,3}Secret\b")
_FIELD: Final = re.compile(
    r"[\w.-]{1,60}[\"'\\]{0,3}\s?[:=]\s{0,3}[\"'\\]{0,3}(?P<v>[A-Za-z0-9+/]{8,4000}={0,2})"
    r"(?![\w./:+=-])"
)
_MOST_ARGUMENTS: Final = 5


def _arguments(text: str, start: int, end: int) -> Iterator[Span | None]:
    """The arguments from `start` to the closing bracket: the place of a quoted text, or None."""
    at = start
    for _ in range(60):
        match = _ARGUMENT.match(text, at, end)
        if match is None:
            return
        yield match.span("v") if match["v"] else None
        at = match.end()
        if match["end"] == ".":
            # `"x".toCharArray()`
            rest = re.compile(r"\w{1,30}\(\)\s?,?").match(text, at, end)
            at = rest.end() if rest else at
        elif match["end"] != ",":
            return


def call_passwords(text: str, start: int, end: int) -> Iterator[Span]:
    """The password of calls such as `login('ann', 'x')` and `connect('host', 'ann', 'x')`."""
    for match in _CALL.finditer(text, start, end):
        found = []
        for one in _arguments(text, match.end(), end):
            found.append(one)
            if len(found) == _MOST_ARGUMENTS:
                break
        quoted = [one for one in found if one]
        place = 2 if match["to"] else 1
        if match["open"] != "(" and len(quoted) != 2:  # noqa: PLR2004
            continue
        if match["to"] and len(quoted) == 2 and len(found) > 2 and not found[0]:  # noqa: PLR2004
            place = 1
        if len(quoted) > place and not says_nothing(text[slice(*quoted[place])]):
            yield quoted[place]


def column_values(text: str, start: int, end: int) -> Iterator[Span]:
    """Values that an INSERT gives to the columns of passwords and tokens."""
    for match in _INSERT.finditer(text, start, end):
        names = [one.strip().strip("`\"[]\\'") for one in match["columns"].split(",")]
        secret = {at for at, one in enumerate(names) if _SECRET_COLUMN.fullmatch(one)}
        at = match.end()
        while secret and at < end and text[at] == "(":
            values = list(_arguments(text, at + 1, end))
            for place in secret:
                value = values[place] if place < len(values) else None
                if value and not says_nothing(text[slice(*value)]):
                    yield value
            closed = re.compile(r"(?:[^()\"']|\"[^\"]*\"|'[^']*'|\([^()]*\)){0,300}\)\s?,\s?(?=\()")
            after = closed.match(text, at + 1, end)
            at = after.end() if after else end


def identified(text: str, start: int, end: int) -> Iterator[Span]:
    """Passwords of CREATE USER and its like."""
    for match in _IDENTIFIED.finditer(text, start, end):
        for name in ("v", "a"):
            if match[name] and not says_nothing(match[name]):
                yield match.span(name)


def secret_fields(text: str, start: int, end: int) -> Iterator[Span]:
    """What a Secret of Kubernetes holds, in Base64, under whatever names."""
    for kind in _KIND.finditer(text, start, end):
        for match in _FIELD.finditer(text, kind.end(), end):
            value = match["v"]
            if len(value) % 4 == 0 and not value.isalpha() and not value.isdecimal():
                yield match.span("v")


CALL_RULES: Final = (
    Rule(
        "PASSWORD",
        "argument of a call",
        call_passwords,
        "PDO->__construct('mysql:host=db', 'ann', '«hunter»') login(\"ann\", \"«x, y»\") "
        "auth=('ann', '«hunter»')",
        "connect('db', 5432) login('ann') auth('none') connection (id 3) bind('a', 'b', 'c')",
    ),
    Rule(
        "PASSWORD",
        "column of a statement",
        column_values,
        "INSERT INTO users (id, password, name) VALUES (1, '«hunter»', 'ann'), (2, '«ab(c»', '')",
        "INSERT INTO users (id, name) VALUES (1, 'ann'); INSERT INTO t (password) VALUES (?)",
    ),
    Rule(
        "PASSWORD",
        "password of a statement",
        identified,
        "ALTER USER ann IDENTIFIED BY \"«hunter»\"; CREATE USER app IDENTIFIED WITH x BY '«a b»'",
        "identified by ?, users are identified by id",
    ),
    Rule(
        "TOKEN",
        "field of a Secret",
        secret_fields,
        '{"kind":"Secret","data":{"config":"«aHVudGVyMmh1bnRlcg==»"}}',
        '{"kind":"SecretList","data":{"config":"aHVudGVy"}} kind: Secret name: orders-db',
    ),
)
