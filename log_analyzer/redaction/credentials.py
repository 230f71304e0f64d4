"""How credentials look in logs: keys, tokens, passwords, in all the ways that programs print them.

Every pattern marks the secret itself as group `v`; a key word, a scheme or a user name before it
stays readable. All repetitions that could backtrack are bounded: log text chooses the input.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

Span = tuple[int, int]

PRIVATE_KEY: Final = re.compile(
    r"(?P<v>-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z))",
    re.DOTALL,
)
# Two base64url parts at least, of which the first begins with {" ; also one that was cut.
JWT: Final = re.compile(
    r"(?<![\w-])(?P<v>eyJ[\w-]{5,4000}(?:\.[\w-]{1,4000}){1,4}|eyJ[\w-]{17,4000})"
)

# scheme://user:password@host; the password may hold what a careless writer left unescaped.
_URL_PASSWORD: Final = re.compile(
    r"""[a-z][a-z0-9+.-]{1,20}://[^\s/:@"'<>]{0,100}:(?!\d{1,5}(?:[/?#]|$))"""
    r"""(?P<v>[^\s"'<>]{1,200}?)@(?=[\w.\[-]{1,200}(?:[:/,?;&\])\s"'<]|$))"""
    r"""(?![^\s"'<>@?]{1,200}@)""",
    re.IGNORECASE,
)
_URL_TOKEN: Final = re.compile(r"[a-z][a-z0-9+.-]{1,20}://(?P<v>[\w.~%+-]{16,200})@", re.IGNORECASE)

_SCHEME: Final = r"(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)"
_AUTHORIZATION: Final = re.compile(
    r"authorization[\"'\\]{0,3}\s{0,3}[=:]\s{0,3}[\"'\\\[]{0,3}"
    rf"(?:{_SCHEME}\s{{1,3}}(?P<v>[^\s\"',;\]}}<>\\]{{1,4000}})|(?P<w>[^\s\"',;\]}}<>\\]{{6,4000}}))",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(?:bearer|basic)\s{1,3}(?P<v>[\w.~+/=-]{8,4000})", re.IGNORECASE)
_COOKIE: Final = re.compile(
    r"\bcookie[\"'\\]{0,3}\s{0,3}[=:]\s{0,3}[\"'\\\[]{0,3}"
    r"(?P<v>[\w.-]{1,80}=[^\s;,\"'\]]{1,1000}(?:;\s{0,3}[\w.-]{1,80}=[^\s;,\"'\]]{1,1000}){0,30})",
    re.IGNORECASE,
)

_LOGIN_WORD: Final = (
    r"(?:pass(?:word|wd|phrase|code)|passwort|pwd|(?<![a-z])(?:(?:user|db|my)?pass|pw|otp|cvv|cvc))"
)
_ACCESS_WORD: Final = (
    r"(?:secret|token(?!iz)|(?:api|access|auth|account|private|encryption|signing|session|license"
    r"|shared|master|subscription)[_. -]?key(?:[_-]?id)?|apikey|credentials?"
    r"|(?<![a-z])(?:key|sig)|signature|jsessionid|phpsessid|connect\.sid|csrf|xsrf)"
)
_SUFFIX: Final = r"(?:[_-]?(?:hash|value|key|text|string|id|\d{1,2}))?"
_OPERATOR: Final = r"[\"'`\\\])]{0,4}\s{0,4}(?:=>|:=|==?|:)\s{0,4}"
# A quoted value ends at its quote; any other at a blank, or where the next field begins.
_VALUE: Final = (
    r"(?:\"(?P<a>(?:[^\"\\]|\\.){1,1000})\"|'(?P<b>(?:[^'\\]|\\.){1,1000})'"
    r"|\\\\?\"(?P<c>[^\"]{1,1000}?)\\\\?\"|`(?P<d>[^`]{1,1000})`"
    r"|[\"'\\\[({]{0,3}(?P<v>(?:[^\s\"'<>;,&)\]}\\]"
    r"|[;,&)\]}\\<>](?!\s|$|[\"')\]};,]|/|[\w.-]{1,40}[=:]))"
    r"{1,1000}))"
)


def _assigned(word: str) -> re.Pattern[str]:
    return re.compile(word + _SUFFIX + _OPERATOR + _VALUE, re.IGNORECASE)


_PASSWORD: Final = _assigned(_LOGIN_WORD)
_TOKEN: Final = _assigned(_ACCESS_WORD)
_QUOTED_PASSWORD: Final = re.compile(
    r"\b(?:password|passwd|pwd|identified\s{1,3}by)\s{1,3}(?:is\s{1,3}|was\s{1,3})?"
    r"(?P<q>[\"'`])(?P<v>[^\"'`]{1,200})(?P=q)",
    re.IGNORECASE,
)
_SAID_PASSWORD: Final = re.compile(
    r"(?<![\w/\\.])(?:password|passphrase|passwd|pwd)\s{1,3}(?:(?:is|was|to):?\s{1,3})?(?P<v>[^\s\"']{4,200})",
    re.IGNORECASE,
)
_SAID_TOKEN: Final = re.compile(
    r"(?<![\w/\\.])(?:token|secret|(?:api|access)[ _-]?key)\s{1,3}(?:(?:is|was|to):?\s{1,3})?"
    r"[\"'`]?(?P<v>[\w.+/=-]{16,1000})",
    re.IGNORECASE,
)
_ORACLE: Final = re.compile(r"\bthin:[\w$#]{1,60}/(?P<v>[^\s@]{1,100})@", re.IGNORECASE)
_FLAG: Final = re.compile(
    r"(?<!\w)--?[\w-]{0,30}(?:password|passwd|passphrase|pwd|secret|token|api-?key|access-?key)"
    r"[\w-]{0,10}(?:\s{1,3}|=)[\"']?(?P<v>[^\s\"'-][^\s\"']{0,1000})",
    re.IGNORECASE,
)
_CLIENT_FLAG: Final = re.compile(
    r"\b(?:(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)\b[^|;]{0,100}?\s-p\s?"
    r"|(?:curl|wget|http)\b[^|;]{0,200}?\s(?:-u|--user)[\s=][\"']?[^\s:\"']{1,100}:"
    r"|redis-cli\b[^|;]{0,100}?\s-a\s)[\"']?(?P<v>[^\s\"']{1,200})",
    re.IGNORECASE,
)
_XML: Final = re.compile(
    rf"<(?P<tag>[\w:.-]{{0,30}}(?:{_LOGIN_WORD}|{_ACCESS_WORD})[\w.-]{{0,20}})[^<>]{{0,80}}>"
    r"(?P<v>[^<]{1,1000})</",
    re.IGNORECASE,
)

_KNOWN_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?P<v>"
    r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    r"|gh[opsur]_[A-Za-z0-9]{16,255}|github_pat_\w{20,255}|glpat-[\w-]{16,255}"
    r"|xox[a-z]-[\w-]{8,255}|xapp-\d-[\w-]{8,255}"
    r"|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,255}|whsec_[\w+/=]{16,255}"
    r"|AIza[\w-]{30,60}|GOCSPX-[\w-]{20,60}|ya29\.[\w.-]{16,1000}|1//0[\w-]{20,255}"
    r"|sk-(?:proj-|ant-|svcacct-)?(?=[\w-]{0,200}\d)[\w-]{16,255}"
    r"|SG\.[\w-]{16,80}\.[\w-]{16,80}|SK[0-9a-f]{32}(?![0-9A-Za-z])"
    r"|npm_[A-Za-z0-9]{30,80}|pypi-[\w-]{16,255}|hf_[A-Za-z0-9]{20,80}"
    r"|d(?:op|oo|or)_v1_[a-f0-9]{60,70}|dapi[a-f0-9]{32}|hvs\.[\w-]{20,255}"
    r"|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|NRAK-[A-Z0-9]{20,40}|\d{8,10}:AA[\w-]{33}"
    r")"
    r"|hooks\.slack\.com/(?:services|workflows)/(?P<w>[\w/-]{8,200})"
)
_RANDOM_LOOKING: Final = re.compile(
    r"(?<![\w+/=.-])(?P<v>[A-Za-z0-9]{32,255}|[A-Za-z0-9+/]{40}|[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)"
    r"(?![\w+/=-])"
)

_SHOWN_PASSWORDS: Final = (
    _URL_PASSWORD,
    _PASSWORD,
    _QUOTED_PASSWORD,
    _SAID_PASSWORD,
    _CLIENT_FLAG,
    _ORACLE,
)

# What stands after a key word and is no secret.
_NO_SECRET: Final = frozenset(
    re.findall(
        r"\S+",
        """null none nil undefined true false empty missing invalid incorrect wrong expired required
        rejected accepted mismatch changed reset must is was not has cannot should string str object
        field redacted protected masked hidden authentication error failed failure for and or of in
        from with to the a an too does did length policy n/a""",
    )
)
_MASKED: Final = re.compile(r"[*•x.#_-]+|\[?[A-Z_]+_?PROTECTED\]?|\$\{.*|\{\{.*|<[A-Z_]+_\d+>")
_NO_PROSE: Final = re.compile(r"[^a-z'’-]")  # noqa: RUF001 - as people type it
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

RANDOM_BITS_OF_A_CHAR: Final = 3.5
KEY_VALUE_CHARS: Final = 16
TOKEN_CHARS: Final = 6
PASSWORD_OTP_CHARS: Final = 3


def entropy_bits(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits a character; 0 for an empty one."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _mixed(text: str) -> bool:
    return (
        any(one.islower() for one in text)
        and any(one.isupper() for one in text)
        and sum(one.isdigit() for one in text) >= 2  # noqa: PLR2004
    )


def _said_nothing(value: str) -> bool:
    return value.strip(".:!?").lower() in _NO_SECRET or bool(_MASKED.fullmatch(value))


def _looks_like_a_token(value: str, shown: str) -> bool:
    """True unless it is a word, or prose after a colon; `shown` is the value with its name."""
    if len(value) < TOKEN_CHARS or _said_nothing(value):
        return False
    assigned = "=" in shown[: -len(value)] or shown[-1] in "\"'`"
    return assigned or not value.isalpha() or len(value) >= KEY_VALUE_CHARS


def _looks_random(value: str) -> bool:
    return (
        any(one.isdigit() for one in value)
        and entropy_bits(value) >= RANDOM_BITS_OF_A_CHAR
        and not _UUID.fullmatch(value)
    )


def _group(match: re.Match[str]) -> Span | None:
    for name, text in match.groupdict().items():
        if text is not None and name not in ("q", "tag"):
            return match.span(name)
    return None


def private_keys(text: str, start: int, end: int) -> Iterator[Span]:
    """Private-key blocks, also such as were cut before their end."""
    yield from (one.span("v") for one in PRIVATE_KEY.finditer(text, start, end))


def jwts(text: str, start: int, end: int) -> Iterator[Span]:
    """JSON web tokens, signed or encrypted."""
    yield from (one.span("v") for one in JWT.finditer(text, start, end))


def passwords(text: str, start: int, end: int) -> Iterator[Span]:
    """Passwords: in URLs, assignments, JSON, XML, connection strings, flags and plain words."""
    for pattern in _SHOWN_PASSWORDS:
        for match in pattern.finditer(text, start, end):
            span = _group(match)
            if span is None or _said_nothing(value := text[slice(*span)]):
                continue
            # "pass: 12, fail: 3" counts something.
            if match[0][:5].lower() in ("pass:", "pass=", "pass ") and value.isdecimal():
                continue
            # "password abc": only what no word of prose looks like.
            if pattern is _SAID_PASSWORD and not _NO_PROSE.search(value[1:].rstrip(".,:;!?)")):
                continue
            yield span


def tokens(text: str, start: int, end: int) -> Iterator[Span]:
    """Tokens: in headers, cookies, flags, assignments to a key-like word, and in URLs."""
    for pattern in (_AUTHORIZATION, _COOKIE, _FLAG, _XML, _URL_TOKEN):
        for match in pattern.finditer(text, start, end):
            span = _group(match)
            if span and not _said_nothing(text[slice(*span)]):
                yield span
    for match in _BEARER.finditer(text, start, end):
        value = match["v"]
        if not value.isalpha() or (len(value) >= KEY_VALUE_CHARS and not value.islower()):
            yield match.span("v")
    for match in _TOKEN.finditer(text, start, end):
        span = _group(match)
        if span is None:
            continue
        value = text[slice(*span)]
        bare_key = match[0][:3].lower() == "key"
        if bare_key and (len(value) < KEY_VALUE_CHARS or not _looks_random(value)):
            continue
        if _looks_like_a_token(value, match[0]):
            yield span
    for match in _SAID_TOKEN.finditer(text, start, end):
        if _looks_random(match["v"]):
            yield match.span("v")


def api_keys(text: str, start: int, end: int) -> Iterator[Span]:
    """Keys that show what they are by their prefix, and random strings of mixed case.

    Hex digits of one case are ids and digests: they stay.
    """
    for match in _KNOWN_KEYS.finditer(text, start, end):
        span = _group(match)
        if span:
            yield span
    for match in _RANDOM_LOOKING.finditer(text, start, end):
        value = match["v"]
        if (
            _mixed(value)
            and not _HEX.fullmatch(value)
            and entropy_bits(value) >= RANDOM_BITS_OF_A_CHAR
        ):
            yield match.span("v")
