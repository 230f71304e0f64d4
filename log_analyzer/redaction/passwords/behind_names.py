"""Finds secrets behind a telling name: assignments, JSON, XML, flags, and plain words."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.rule import (
    KEY_VALUE_CHARS,
    Rule,
    by_pattern,
    looks_random,
    says_nothing,
)

_LOGIN_WORD: Final = (
    r"(?:pass(?:word|wd|phrase|code)s?|passwort|kennwort|contrase(?:ñ|n)a|mot_?de_?passe|senha|pwd|passw"
    r"|(?<![a-z])(?:(?:user|db|my|root|admin|old|new)_?-?pass|pass|pw|otp|cvv2?|cvc|pin_?code))"
)
_ACCESS_WORD: Final = (
    r"(?:secret|token(?!iz|s\b)|(?:api|access|auth|account|private|encryption|signing|session|license"
    r"|shared|master|subscription|client|storage|consumer|deploy|webhook|ingest(?:ion)?|secret|ssh"
    r"|sharedaccess)[_. -]?key(?:[_-]?id)?|apikey|credentials?"
    r"|(?<![a-z])sig|signature|csrf|xsrf|hmac(?!-|_?sha)|bearer|passkey)"
)
_SUFFIX: Final = (
    r"(?:[_-]{0,2}(?:hash|value|key|text|string|id|base64|b64|plain|plaintext|encrypted|confirm(?:ation)?"
    r"|repeat|access_?key|token|\d{1,2}))?"
)
_OPERATOR: Final = r"[\"'`\\\])]{0,4}\s{0,4}(?:=>|:=|==?|:)\s{0,4}"
# A quoted value ends at its quote; any other at a blank, or where the next field begins.
_VALUE: Final = (
    r"(?:b?\"(?P<a>(?:[^\"\\]|\\.){1,1000}+)\"|b?'(?P<b>(?:[^'\\]|\\.){1,1000}+)'"
    r"|\\{1,3}\"(?P<c>[^\"]{1,1000}?)\\{1,3}\"|`(?P<d>[^`]{1,1000})`"
    # ODBC's braces.
    r"|(?<==)\{(?P<e>(?:[^{}\s]|\}\}){1,200})\}"
    r"|[\"'\\\[({]{0,3}(?P<v>(?:[^\s\"'<>;,&)\]}\\]"
    r"|[;,&)\]}\\<>](?!\s|$|[\"')\]};,]|/|[\w.-]{1,40}[=:]))"
    r"{1,1000}))"
)
# What a parser did not expect, and the like: `unexpected token: 'else'`.
_PARSER: Final = re.compile(
    r"(?:unexpected|invalid|illegal|expected|expecting|near|next|parse|syntax|page|continuation|missing"
    r"|cancellation|fencing|lexer|current|last|first|eof)[ _-]$",
    re.IGNORECASE,
)
COUNT: Final = re.compile(r"\d+(?:[.,]\d+)?(?:\s?(?:ms|s|%|[kmg]b?))?", re.IGNORECASE)
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT?[\d:.,Z+-]*")
_PLAIN_PATH: Final = re.compile(
    r"/[\w./-]+|(?:file|arn|vault|env|ref|kms)[:+][\w:/.-]+|[\w-]+(?:\.[a-z]+){2,}"
)
_CALL: Final = re.compile(r"\w+\(")
_DIRECTORY: Final = re.compile(r"(?:[~/]|[A-Za-z]:\\)[\w./\\-]*")
SHORTEST_TOKEN: Final = 6
SHORTEST_QUOTED: Final = 4


def is_password(match: re.Match[str], value: str) -> bool:
    """False for a value that is no password: a word about one, a count, a folder, a call."""
    if says_nothing(value) or _CALL.fullmatch(value):
        return False
    # The working directory of a shell.
    if match[0][:3].lower() == "pwd" and _DIRECTORY.fullmatch(value):
        return False
    # "pass: 12, fail: 3" counts something.
    return not (match[0][:5].lower() in ("pass:", "pass=", "pass ") and value.isdecimal())


def _is_token(match: re.Match[str], value: str) -> bool:
    """True unless it is a word, a figure, a place, or prose after a colon."""
    if says_nothing(value) or COUNT.fullmatch(value) or MOMENT.fullmatch(value):
        return False
    before = match.string[max(0, match.start() - 13) : match.start()]
    if _PARSER.search(before) or _PLAIN_PATH.fullmatch(value):
        return False
    # What AWS calls a credential begins with its access key, which is found by its form.
    if match[0][:10].lower() == "credential" and re.match(r"[A-Z0-9]{16,}(?:/|%2F)", value):
        return False
    quoted = match.end() > match.end("v") if match["v"] is not None else True
    if len(value) < (SHORTEST_QUOTED if quoted else SHORTEST_TOKEN):
        return False
    if len(value) < SHORTEST_TOKEN:
        return not value.isalpha()
    assigned = quoted or "=" in match[0][: -len(value)]
    return assigned or not value.isalpha() or len(value) >= KEY_VALUE_CHARS


def _is_bare_key(_: re.Match[str], value: str) -> bool:
    return (
        len(value) >= KEY_VALUE_CHARS and looks_random(value) and not set(":/") & set(value[1:-1])
    )


def _is_odd(_: re.Match[str], value: str) -> bool:
    """A value that no name or path looks like: symbols, or letters of both sizes and digits."""
    if says_nothing(value) or re.match(r"https?:|/|\w+/", value):
        return False
    odd = any(one in "!?$%&*#^~\\|" for one in value)
    mixed = any(map(str.isdigit, value)) and not value.islower() and not value.isupper()
    return len(value) >= 8 and (odd or mixed)  # noqa: PLR2004


_NAMED_VALUE: Final = (
    r"[\"'\\]{1,3}\s{0,3}(?:,\s{0,3}[\"'\\]{1,3}value[\"'\\]{1,3}\s{0,3}:|\svalue\s?=)\s{0,3}[\"'\\]{1,3}"
    r"(?P<v>[^\"'\\]{3,2000})"
)

PASSWORD_RULES: Final = (
    Rule(
        "PASSWORD",
        "assigned password",
        by_pattern(_LOGIN_WORD + _SUFFIX + _OPERATOR + _VALUE, accepts=is_password),
        'Server=x;Password=«hun;ter2»;User=y {"password":"«a\\"b c»","n":1} pwd={«a;b»};x=1',
        "password=null, password: required, pass: 12, fail: 3",
    ),
    Rule(
        "PASSWORD",
        "password in a list of names and values",
        by_pattern(rf"[\w.-]{{0,40}}{_LOGIN_WORD}{_NAMED_VALUE}", accepts=is_password),
        '{"name":"DB_PASSWORD","value":"«hunter»"}',
        '{"name":"PASSWORD_POLICY","value":"strong"}',
    ),
    Rule(
        "PASSWORD",
        "flag of a client",
        by_pattern(
            r"\b(?:(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)\b[^|;]{0,100}?\s-p\s?"
            r"|(?:curl|wget|http)\b[^|;]{0,200}?\s(?:-u|--user)[\s=][\"']?[^\s:\"']{1,100}:"
            r"|redis-cli\b[^|;]{0,100}?\s-a\s|ldap\w{1,10}\b[^|;]{0,200}?\s-w\s"
            r"|(?:docker|podman|helm|skopeo|buildah|az|oc)\b[^|;]{0,40}?\slogin\b[^|;]{0,100}?\s-p[\s=]"
            r"|net use[^|;]{0,100}?\s/user:\S{1,60}\s)[\"']?(?P<v>[^\s\"']{1,200})",
            accepts=is_password,
        ),
        "mysql -u root -p«hunter» db; curl -u ann:«secret1» https://x",
        "mysql --port 3306 up, curl -U x",
    ),
)

TOKEN_RULES: Final = (
    Rule(
        "TOKEN",
        "flag",
        by_pattern(
            r"(?<!\w)--?[\w-]{0,30}(?:password|passwd|passphrase|pwd|secret|token(?!s\b)|api-?key|access-?key)"
            r"[\w-]{0,10}(?:\s{1,3}|=)[\"']?(?P<v>[^\s\"'-][^\s\"']{0,1000})",
            accepts=lambda _, value: not says_nothing(value),
        ),
        "run --db-token «abc» --port 3",
        "--token is required, --max-tokens 800",
    ),
    Rule(
        "TOKEN",
        "XML element",
        by_pattern(
            rf"<[\w:.-]{{0,30}}(?:{_LOGIN_WORD}|{_ACCESS_WORD})[\w.-]{{0,20}}"
            r"(?:[^<>]{0,80}>(?P<v>[^<]{1,1000})</|\s[^<>]{0,80}?\bvalue=[\"'](?P<a>[^\"'<>]{1,1000})[\"'])",
            accepts=lambda _, value: not says_nothing(value.strip()),
        ),
        '<db:password>«hunter»</db:password> <secret value="«hunter»"/>',
        "<password></password><name>ann</name>",
    ),
    Rule(
        "TOKEN",
        "assigned token",
        by_pattern(_ACCESS_WORD + _SUFFIX + _OPERATOR + _VALUE, accepts=_is_token),
        '"Jwt__Token" = "«SomeTokenXyz»" secret=«correcthorse» "testSecret" : "«tesT4»"',
        "tokens=3214 Token count: 1500 unexpected token: 'return' secret: ${VAULT}",
    ),
    Rule(
        "TOKEN",
        "token in a list of names and values",
        by_pattern(rf"[\w.-]{{0,40}}{_ACCESS_WORD}{_SUFFIX}{_NAMED_VALUE}", accepts=_is_token),
        '{"name": "API_KEY", "value": "«abc-def-1»"}',
        '{"name": "TOKEN_URL", "value": "https://idp.example"}',
    ),
    Rule(
        "TOKEN",
        "assigned key",
        by_pattern(r"(?<![a-z])key" + _OPERATOR + _VALUE, accepts=_is_bare_key),
        'KEY="«1234zq5808s=>d!!?$»"',
        "cache key=order:123 key: user:1234567890:profile",
    ),
    Rule(
        "TOKEN",
        "odd value behind a doubtful name",
        by_pattern(
            r"(?<![a-z_.-])(?:auth|api|login|creds?)[\"']?\s{0,2}(?:=>|:=|=)\s{0,2}(?P<q1>[\"'])"
            r"(?P<v>(?:(?!(?P=q1))[^\\]|\\.){4,300})(?P=q1)",
            accepts=_is_odd,
        ),
        'auth=>"«aasdadQ7»", api="«asdad?asd$%&/»"',
        'auth="disabled" api="https://x.example/v1" api="/users/list"',
    ),
)
