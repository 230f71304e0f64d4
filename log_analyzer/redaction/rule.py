"""The data class of a redaction rule, and checks that several rules share. Pure.

A rule finds the places of one form of secret or personal value. Its `example` marks what has to
go with « and »; its `counter_example` looks alike and has to stay whole. The tests run both, so a
rule can't be added without them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

Span = tuple[int, int]
Finder = Callable[[str, int, int], Iterator[Span]]
Judge = Callable[[re.Match[str], str], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of a value.

    Attributes:
        kind: what the placeholder is called, such as PASSWORD; None: what is found stays whole.
        name: names the rule for people.
        find: the places within `text[start:end]`.
        example: a log line with all that the rule wants gone between « and ».
        counter_example: a log line that looks alike and stays as it is.
    """

    kind: str | None
    name: str
    find: Finder
    example: str
    counter_example: str


def by_pattern(
    *patterns: str, accepts: Judge | None = None, flags: re.RegexFlag = re.IGNORECASE
) -> Finder:
    """Finds what patterns mark as one of the groups `v`, `a` to `e`; all of it without a group.

    `accepts` gets the match and the value, and may refuse it.
    """
    compiled = [re.compile(one, flags) for one in patterns]

    def find(text: str, start: int, end: int) -> Iterator[Span]:
        for pattern in compiled:
            for match in pattern.finditer(text, start, end):
                span = _value_span(match)
                value = text[slice(*span)]
                if value and (accepts is None or accepts(match, value)):
                    yield span

    return find


def _value_span(match: re.Match[str]) -> Span:
    for name in match.re.groupindex:
        if len(name) == 1 and name in "vabcde" and match[name] is not None:
            return match.span(name)
    return match.span()


# What stands after a key word and is no secret.
_NO_SECRET: Final = frozenset(
    re.findall(
        r"\S+",
        """null none nil undefined true false yes no on off empty missing invalid incorrect wrong
        expired required optional rejected accepted mismatch changed reset must is was not has
        cannot should string str text object field bytes redacted protected masked hidden filtered
        authentication authorization error failed failure for and or of in from with to the a an
        too does did length policy n/a unset default unknown unauthorized denied provided sent
        received present absent found valid revoked rotated created deleted updated loaded bearer
        basic digest plain new old current enabled disabled same-origin include omit""",
    )
)
# What somebody has put in place of the value: `[REDACTED]`, `(hidden)`, `<sensitive>`, `****1234`.
_MASK_WORD: Final = (
    r"(?:redacted|masked|hidden|filtered|removed|secret|sensitive|omitted|scrubbed|protected"
    r"|obfuscated|suppressed"
    r"|stripped|censored|concealed|private|encrypted|confidential|classified|withheld"
    r"|known after apply|not shown|snip)"
)
_MASKED: Final = re.compile(
    rf"(?i:(?:[\[(<{{]{{1,3}}|\*{{1,4}}|_{{2}})(?:[a-z]{{1,12}}[ :._-]){{0,2}}{_MASK_WORD}"
    rf"(?:[ :._-][a-z]{{1,12}}){{0,2}}[\])>}}*_]{{0,4}}"
    rf"|{_MASK_WORD})|(?:[A-Z]+_)*(?:PROTECTED|REDACTED|FILTERED|MASKED)"
    # Signs alone, or with the few that a mask leaves.
    r"|[*•●x.#_?-]+|[\w./+-]{0,12}(?:[*•●]{3,}|[xX]{4,}|\.{3,}|…)[\w./+-]{0,6}"
    r"|[*•●]{3,}\S*|\*{1,4} \w{3,12} \*{1,4}|<[\w -]{1,40}>|<[A-Za-z_ -]{1,40}|<?\|\w+\|>?"
)
# `[`, `<`, `*` and `(` in a URL.
_ENCODED_MARKS: Final = frozenset(("%5B", "%3C", "%2A", "%28", "%7B"))
# What names the way and not the key: `SHA256withRSA`, `hmac-sha256`, `AES/GCM/NoPadding`.
_ALGORITHM: Final = re.compile(
    r"(?i)(?:(?:hmac|sha|md|rsa|ecdsa|dsa|aes|ed|hs|rs|es|ps|with|and|mgf|pkcs|gcm|cbc|ecb"
    r"|nopadding|pss|oaep|in|bcrypt"
    r"|scrypt|argon|pbkdf|v)[-_/]?\d{0,5}[-_/]?){1,6}(?:padding)?"
)
# What a program is to put there: variables of shells, templates, statements and formats.
_VARIABLE: Final = re.compile(
    r"\$(?:\{[^}]*\}?|\(.*)+.{0,3}|\$\{\{.*|\$[A-Z_][A-Z0-9_]*|\$[a-z]+(?:_?[A-Za-z]+)*|\$\d{1,2}"
    r"|%[A-Za-z_]\w*%|%(?:\(\w+\))?[-+0 #]?\d{0,3}[sdvrqxi@]|%\w{0,2}\{.*|\{\{.*"
    r"|\{[\w.!:]{0,40}\}|\{[A-Za-z_.]{0,40}|<%.*|#\{.*"
    r"|(?i:process\.env|system|os|env|var|data|local|module|config|settings|self|this|secrets"
    r"|params|props|request|args"
    r"|options|values|\.values)(?:\.[A-Za-z_]\w*){1,5}\(?|cat /.*"
    r"|@\{?[\w.-]+\}?@|:[a-z_]\w*|__[A-Z0-9_]+__|(?i:your|insert|enter|replace)[_ -][A-Za-z_ -]*"
)
# Where the value is kept: a reference to a store of secrets, and the tags of YAML.
_REFERENCE: Final = re.compile(
    r"(?i:(?:ref\+)?(?:vault|op|bao|ssm|awssm|asm|gsm|gcpsm|sm|secrets?|secretsmanager|aws-\w+"
    r"|gcp-\w+|keyvault|azurekv|akv"
    r"|kms|env|file|doppler|sops|conjur|k8s|kubernetes)(?::/?/?|://)[\w./@#:+-]*"
    r"|arn:aws[\w-]*:.*|projects/[\w-]+/secrets/.*|@Microsoft\.KeyVault\(.*|\{\{?resolve:.*|ENC\[.*"
    r"|!(?:vault|secret|ref|sub|getatt|env|file|include|reference)\b.*)"
)
# The name of a class or an object.
_CLASS: Final = re.compile(
    r"(?:[a-z]\w*\.){2,}[A-Z][\w$.]*(?:@[0-9a-f]+)?|[A-Z]\w*(?:\$\w*)*@[0-9a-f]{4,8}|Optional\[\w+"
    r"|(?:[A-Z]+[a-z]+){1,6}?(?:Encoder|Provider|Factory|Store|Filter|Service|Manager|Handler"
    r"|Resolver|Impl|Exception|Config|Chain"
    r"|Authenticator|Validator|Generator|Builder|Context|Proxy|Bean|Interceptor)(?:Chain)?"
    r"(?:\$\$?\w*)*(?:[#@]\w+)?"
)
# What a search for secrets looks for: `(\S+)`, `[^&]*`, `.*`.
_EXPRESSION: Final = re.compile(
    r"[(\[]{0,2}(?:\?(?:P?<\w+>|[:=!]))?(?:\\{1,4}[SWDswd][+*{)\]]|\.[*+?]|\[\^|\\{1,4}[SWDswd]$).*"
)
_REST_OF_EXPRESSION: Final = re.compile(r"(?:[SWDswd][+*{)\]]|\^|\.[*+]).*")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_SHORT_HASH: Final = re.compile(r"[0-9a-f]{6,10}|[bcdfghjklmnpqrstvwxz2456789]{5}")
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_IDENTIFIER: Final = re.compile(
    r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+[a-z0-9]?(?:_[a-z]+[a-z0-9]?)+"
)

RANDOM_BITS_OF_A_CHAR: Final = 3.3
RANDOM_BITS_OF_HEX: Final = 2.7
RANDOM_SWITCHES: Final = 0.4
KEY_VALUE_CHARS: Final = 16


def entropy_bits(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits a character; 0 for an empty one."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def says_nothing(value: str) -> bool:
    """True for a word about a secret (`expired`), and for what stands in place of one."""
    value = unquote(value) if value[:3].upper() in _ENCODED_MARKS else value
    bare = value.strip(".:!?,;()[]{}<>\"'").lower()
    return (
        bare in _NO_SECRET
        # The end of Base64 whose last letters happen to be `pw` or `sig`.
        or not value.strip("=")
        or bool(_MASKED.fullmatch(value))
        or bool(_VARIABLE.fullmatch(value))
        or bool(_REFERENCE.fullmatch(value))
        or bool(_ALGORITHM.fullmatch(value))
        or bool(_CLASS.fullmatch(value))
        or bool(_EXPRESSION.fullmatch(value))
    )


def is_expression(match: re.Match[str], value: str) -> bool:
    """True for the rest of a regular expression, the value's first signs being left out."""
    place = match.string.rfind(value, match.start(), match.end())
    before = match.string[max(0, place - 1) : place]
    return before in ("\\", "(", "[") and bool(_REST_OF_EXPRESSION.fullmatch(value))


def is_hex(value: str) -> bool:
    """True for hex digits of one case: an id or a digest, unless its name says otherwise."""
    return bool(_HEX.fullmatch(value))


def looks_random(value: str) -> bool:
    """True for what no person would type, UUIDs aside."""
    if not any(map(str.isdigit, value)) or _UUID.fullmatch(value):
        return False
    # Sixteen signs hold less: a short run of them repeats more often.
    hexadecimal = is_hex(value) and not value.isdecimal() and len(value) >= KEY_VALUE_CHARS
    return entropy_bits(value) >= (RANDOM_BITS_OF_HEX if hexadecimal else RANDOM_BITS_OF_A_CHAR)


def is_identifier(value: str) -> bool:
    """True for a constant or a name of a program: words joined by low lines, digits in them."""
    return bool(_IDENTIFIER.fullmatch(value))


def is_name(value: str) -> bool:
    """True for a name of several parts: words, numbers, and what Kubernetes adds to them."""
    parts = re.split(r"[-._/:]", value)
    return (
        len(parts) > 1
        and any(one.isalpha() and len(one) > 2 and not is_hex(one) for one in parts)  # noqa: PLR2004
        and all(one.isalpha() or one.isdigit() or _SHORT_HASH.fullmatch(one) for one in parts)
    )


def _kind_of(sign: str) -> int:
    return 0 if sign.islower() else 1 if sign.isupper() else 2


def is_mixed(value: str) -> bool:
    """True for small and capital letters and digits that take turns as only chance has it.

    A name in camel case has few changes between the three, `xK9fQ2…` has one after most.
    """
    if not (any(map(str.islower, value)) and any(map(str.isupper, value))):
        return False
    if sum(map(str.isdigit, value)) < 2:  # noqa: PLR2004
        return False
    kinds = [_kind_of(one) for one in value]
    switches = sum(one != other for one, other in itertools.pairwise(kinds))
    return switches >= RANDOM_SWITCHES * (len(value) - 1)
