"""Judges values behind telling names: a word, a figure, a place or a call is no secret."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.rule import (
    KEY_VALUE_CHARS,
    is_expression,
    is_hex,
    is_identifier,
    is_mixed,
    is_name,
    looks_random,
    says_nothing,
)

# What a parser did not expect, and the like: `unexpected token: 'else'`.
_PARSER: Final = re.compile(
    r"(?:un(?:expected|recogni[sz]ed|known)|invalid|illegal|bad|expected|expecting|near|next"
    r"|parse|syntax|page|continuation"
    r"|missing|cancellation|fencing|lexer|current|last|first|eof|got|emitted|read|peek|lookahead"
    r"|offending|stray|extra(?:neous)?|stop|special|pad|bos|eos|mask)[ _-]$",
    re.IGNORECASE,
)
COUNT: Final = re.compile(r"(?i:\d+(?:[.,]\d+)?(?:\s?(?:ms|s|%|[kmg]b?))?)")
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT?[\d:.,Z+-]*")
_PLAIN: Final = re.compile(
    rf"{COUNT.pattern}|{MOMENT.pattern}|/[\w./-]+|(?:file|arn|vault|env|ref|kms)[:+][\w:/.-]+"
    rf"|[\w-]+(?:\.[a-z]+){{2,}}"
)
_OF_PAGES: Final = re.compile(r"(?i:page|continuation|next)[ _-]?$")
_POSITION: Final = re.compile(
    r"(?i)^.{0,24}\b(?:line|col(?:umn)?|pos(?:ition)?|offset|index)\W{0,3}\d|^\W{0,3}\sat\s\d+:\d"
)
# Names of names: `credentialsId`, `passwordSecret`, `existingSecretPasswordKey`.
_OF_A_NAME: Final = re.compile(
    r"(?i:(?:id|ref|(?:password|credentials?|token|tls)_?-?secret|passwordkey|secretkey)\W*)$"
)
NOT_TO_OPEN: Final = re.compile(
    r"(?i:cache|partition|sort|primary|foreign|message|object|row|record|lock|shard|group"
    r"|idempotency|dedup\w*|redis|map|index|hash"
    r"|public|pub|event|config|i18n|feature|flag|metric|s3|layer)[_. -]?(?:get |set )?$|"
    r"(?i:\bcached?\b.{0,30})$"
)
# `get_password(user)`, `os.environ["X"]`: lines of source in a stack trace.
_CALL: Final = re.compile(
    r"\w+\(|[a-z]\w*(?:_[a-z]\w*|\.[a-z]\w*|[a-z][A-Z][a-z]\w*)\(?[\w., ]*"
    r"|[a-z_]+(?:\.[a-z_]+)+[\[(].*"
)
_SENTENCE: Final = frozenset(
    (
        "is",
        "must",
        "required",
        "cannot",
        "not",
        "should",
        "was",
        "has",
        "field",
        "invalid",
        "missing",
    )
)
# Secrets Manager's names of secrets; fields of Kubernetes and the like that name one.
_ARN: Final = re.compile(r"\barn:[\w:-]*:$")
_NAMES_ONE: Final = re.compile(
    r"(?i:existing|image_?pull|pull|tls|docker|password|credentials?|token|linked|mounted|target|source)[_-]?$"
)
_DIRECTORY: Final = re.compile(r"(?:[~/]|[A-Za-z]:\\)[\w./\\-]*")
SHORTEST_TOKEN: Final = 6
SHORTEST_WORD: Final = 8
SHORTEST_CODE: Final = 3
SHORTEST_QUOTED: Final = 4


def _is_call(match: re.Match[str], value: str) -> bool:
    followed = match.string[match.end() : match.end() + 1]
    # A password may end in a bracket; a call goes on behind it.
    if value.endswith("(") and (
        match[0][-1] in "\"'`"
        or followed in ("", " ", ";", ",", "&", "\n")
        or (followed == ")" and any(map(str.isdigit, value)) and any(map(str.isupper, value)))
    ):
        return False
    return bool(_CALL.fullmatch(value)) and ("(" in value or "[" in value or followed in ("(", "["))


def _is_sentence(match: re.Match[str], value: str) -> bool:
    """`["This field is required."]`, `"is required"`: what a validation says of the field."""
    string = match.string
    place = string.rfind(value, match.start(), match.end())
    end = place + len(value)
    if " " not in value:
        quote = string[place - 1 : place]
        if quote not in ('"', "'") or string[end : end + 1] != " ":
            return False
        value += string[end:].partition(quote)[0][:200]
    return not _SENTENCE.isdisjoint(value.lower().strip(".!").split())


def _behind(match: re.Match[str], value: str) -> str:
    place = match.string.rfind(value, match.start(), match.end()) + len(value)
    return match.string[place : place + 60]


def _names_a_name(match: re.Match[str], value: str) -> bool:
    return bool(_OF_A_NAME.search(match[0].partition(value)[0]))


def _is_none(match: re.Match[str], value: str) -> bool:
    return (
        says_nothing(value)
        # `"password": {"type": "string"}` describes one.
        or (value.isalpha() and re.match(r"\\?[\"']\s?:", _behind(match, value)) is not None)
        or is_expression(match, value)
        or _is_call(match, value)
        or _is_sentence(match, value)
    )


def is_password(match: re.Match[str], value: str) -> bool:
    """False for a value that is no password: a word about one, a count, a folder, a call."""
    if _is_none(match, value):
        return False
    if is_name(value) and _names_a_name(match, value):
        return False
    # The working directory of a shell.
    if match[0][:3].lower() == "pwd" and _DIRECTORY.fullmatch(value):
        return False
    # `updated password -> email sent`.
    if "->" in match[0] and not is_odd(match, value):
        return False
    # "pass: 12, fail: 3" and `otp=35 tries` count something.
    counts = match[0][:5].lower() in ("pass:", "pass=", "pass ") or len(value) < SHORTEST_CODE
    return not (counts and value.isdecimal())


def is_token(match: re.Match[str], value: str) -> bool:
    """True unless it is a word, a figure, a place, or prose after a colon."""
    if _is_none(match, value) or _is_of_another_kind(match, value):
        return False
    # What AWS calls a credential begins with its access key, which is found by its form.
    if match[0][:10].lower() == "credential" and re.match(r"[A-Z0-9]{16,}(?:/|%2F)", value):
        return False
    quoted = match.end() > match.end("v") if match["v"] is not None else True
    if len(value) < (SHORTEST_QUOTED if quoted else SHORTEST_TOKEN):
        return False
    if len(value) < SHORTEST_TOKEN or (len(value) < SHORTEST_WORD and value.islower()):
        return not value.isalpha()
    assigned = quoted or "=" in match[0][: -len(value)]
    return assigned or not value.isalpha() or len(value) >= KEY_VALUE_CHARS


def _is_of_another_kind(match: re.Match[str], value: str) -> bool:
    """A token of a parser or of pages, the name of a secret, a figure or a place."""
    before = match.string[max(0, match.start() - 90) : match.start()]
    if _ARN.search(before) or _PLAIN.fullmatch(value) or _OF_PAGES.search(before):
        return True
    if is_name(value) and (_NAMES_ONE.search(before) or _names_a_name(match, value)):
        return True
    if is_mixed(value) or (is_hex(value) and len(value) >= KEY_VALUE_CHARS):
        return False
    # `token=T_STRING`; `api_token=` says of whom it is.
    bare = match[0][:5].lower() == "token" and not re.search(r"[\w-]$", before)
    return bool(_PARSER.search(before) or _POSITION.search(_behind(match, value))) or (
        bare and is_identifier(value)
    )


def is_bare_key(match: re.Match[str], value: str) -> bool:
    """True for a random value behind `key`, unless it is the key of a cache, a row or a message."""
    before = match.string[max(0, match.start() - 50) : match.start()]
    return (
        not NOT_TO_OPEN.search(before)
        and len(value) >= KEY_VALUE_CHARS
        and looks_random(value)
        and not is_name(value)
        and not set(":/") & set(value[1:-1])
    )


def is_odd(_: re.Match[str], value: str) -> bool:
    """A value that no name or path looks like: symbols, or letters of both sizes and digits."""
    if says_nothing(value) or re.match(r"https?:|/|\w+/", value):
        return False
    odd = any(one in "!?$%&*#^~\\|" for one in value)
    mixed = any(map(str.isdigit, value)) and not value.islower() and not value.isupper()
    return len(value) >= 8 and (odd or mixed)  # noqa: PLR2004


def is_packed(match: re.Match[str], value: str) -> bool:
    """What a registry's settings hold: Base64; any long word behind a variable of that name."""
    bare = value.rstrip("=")
    return "_AUTH=" in match[0] or (bare != value and not bare.islower()) or is_mixed(bare)
