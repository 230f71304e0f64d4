"""Finds secrets in headers, cookies and signed requests."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.rule import (
    KEY_VALUE_CHARS,
    Rule,
    by_pattern,
    is_mixed,
    says_nothing,
)

_SCHEME: Final = (
    r"(?:bearer|basic|digest|token|negotiate|ntlm|apikey|api-key|ssws|hawk|genie-?key|key|jwt)"
)
# From a header's name to its value: `: `, `=[`, `": ["`, `" => "`, `", "`, `', b'`.
_TO_VALUE: Final = (
    r"(?:[\"'`\\\])]{0,4}\s{0,3}(?:=>|->|[=:])|[\"'`\\]{1,3}\s{0,3},)\s{0,3}"
    r"(?:\[?\s{0,2}u?b?[\"'`\\]{0,3})(?:\s{0,2}\[\s{0,2}[\"'\\]{0,3})?(?!value[\"'])"
)
_NAMED_VALUE: Final = (
    r"[\"'\\]{0,3}\s{0,3},\s{0,3}[\"'\\]{0,3}value[\"'\\]{0,3}\s{0,3}[=:]\s{0,3}[\"'\\]{0,3}"
)
_CREDENTIAL: Final = r"[^\s\"'`,;\]}<>\\)]{1,4000}"
# Whatever stands before: `Private-Token`, `X-Vault-Token`, `Ocp-Apim-Subscription-Key`.
_HEADER: Final = (
    r"(?:(?:[a-z0-9]{1,20}-){1,5}(?:token|secret|api-?key|(?:functions|subscription|access|auth"
    r"|account)-key"
    r"|signature(?:-256)?|credentials?|auth-key|insert-key|team)|api-?key)"
)


def _is_credential(_: re.Match[str], value: str) -> bool:
    return not says_nothing(value)


def _is_session(_: re.Match[str], value: str) -> bool:
    # A short number is a row of a table.
    return not says_nothing(value) and not (value.isdecimal() and len(value) < KEY_VALUE_CHARS)


def _is_bearer(_: re.Match[str], value: str) -> bool:
    # `auth_type=basic auth_mode=saml`
    if re.match(r"[a-z_]+=[^=]", value):
        return False
    return not value.isalpha() or (len(value) >= KEY_VALUE_CHARS and is_mixed(value))


def _is_header_value(_: re.Match[str], value: str) -> bool:
    # A word of five to seven letters is prose: `"gateway-secret": secret "x" not found`.
    if value.isalpha() and len(value) < 8:  # noqa: PLR2004
        return False
    return len(value) >= 5 and not says_nothing(value) and not _TIME.fullmatch(value)  # noqa: PLR2004


_TIME: Final = re.compile(r"[\d:.TZ-]+")
_COOKIE_PAIR: Final = r"[\w.%-]{1,80}=[^\s;,\"']{1,2000}"

HEADER_RULES: Final = (
    Rule(
        "TOKEN",
        "AWS signature",
        by_pattern(
            r"(?:signature|x-amz-signature)=(?P<v>[0-9a-f]{64})",
            r"aws\s[A-Z0-9]{16,32}:(?P<v>[\w+/=]{20,60})",
        ),
        "AWS4-HMAC-SHA256 Credential=«ASIAK3X7QF2MZP4WR6TY»/20250123/eu-west-1/kms/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=«"
        + "e980fa016e5bc7ee3a0b40cbca5e8d5c58865af528d5d1663d2775df4b6db43a"
        + "»",
        "signature=v4, region=eu-west-1, X-Amz-Date: 20250123T143532Z",
    ),
    Rule(
        "TOKEN",
        "authorization",
        by_pattern(
            rf"authorization(?:{_NAMED_VALUE}|{_TO_VALUE})"
            rf"(?!aws4-hmac)(?:{_SCHEME}\s{{1,3}}(?:token=)?[\"'\\]{{0,2}}(?P<v>{_CREDENTIAL})"
            # A scheme of a vendor: `Splunk`, `GenieKey`, `DSN`.
            rf"|(?!digest|hawk)(?:[a-z][\w-]{{1,24}}\s{{1,3}}(?=[^\s\d]{{0,60}}\d)"
            rf"(?P<b>[^\s\"'`,;\]}}<>\\)]{{16,4000}})"
            r"|(?P<a>[^\s\"'`,;\]}<>\\)]{6,4000})))",
            accepts=_is_credential,
        ),
        "('Authorization', 'Bearer «abcdef»'), {authorization=[Basic «YW5uOng=»]}",
        "Authorization header is missing, authorization: required",
    ),
    Rule(
        "TOKEN",
        "digest or hawk response",
        by_pattern(r"\b(?:response|mac)=\"(?P<v>[\w+/=]{16,128})\""),
        'Digest username="ann", uri="/x", response="«6629fae49393a05397450978507c4ef1»"',
        'response="ok" mac="00:1A:2B:3C:4D:5E"',
    ),
    Rule(
        "TOKEN",
        "bearer",
        by_pattern(
            r"\b(?:bearer|basic)\s{1,3}(?P<v>[\w.~+/=-]{8,4000})",
            accepts=_is_bearer,
        ),
        "sent bearer «abc123DEF456» to gateway",
        "Bearer token was expected, basic authentication failed, type=basic mode=saml2",
    ),
    Rule(
        "TOKEN",
        "cookie",
        by_pattern(
            rf"\b(?:set-)?cookie2?(?:{_NAMED_VALUE}|{_TO_VALUE})"
            rf"(?P<v>{_COOKIE_PAIR}(?:;\s{{0,3}}[\w.%-]{{1,80}}=[^\s;,\"']{{1,2000}}){{0,40}})",
            accepts=lambda _, value: not says_nothing(value.partition("=")[2]),
        ),
        '["Cookie", "«sid=abc; theme=dark»"]',
        "cookie policy: accepted, Cookie count=3",
    ),
    Rule(
        "TOKEN",
        "cookies as a list or map",
        by_pattern(
            r"\bcookies?[\"']?\s{0,2}[=:]\s{0,2}[\[{(](?P<v>[^\]})]{4,2000})(?=[\]})])",
            accepts=lambda _, value: (
                any(one in value for one in "=:") and any(map(str.isdigit, value))
            ),
        ),
        "cookies: {«'sid': 'abc123DEF4'»} Cookies=[«session=abc123DEF4»]",
        "cookies: {} cookies=[none] cookies=(deleted, expired)",
    ),
    Rule(
        "TOKEN",
        "session cookie",
        by_pattern(
            r"(?<![\w])(?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid|sessionid"
            r"|laravel_session"
            r"|_session_id|csrftoken|xsrf-token"
            r"|remember_token)[\"'\]]{0,2}\s{0,2}[=:]\s{0,2}[\"'\[]{0,2}"
            r"(?P<v>[^\s\"',;\])]{6,400})",
            r"\bcurl\b[^|;]{0,200}?\s(?:-b|--cookie)[\s=][\"']?(?P<v>[\w.%-]{1,80}=[^\"']{4,1000})",
            accepts=_is_session,
        ),
        "JSESSIONID=«8C1F00A2B3» expired",
        "sessionid=null, JSESSIONID cookie missing, sessionId=191683 closed",
    ),
    Rule(
        "TOKEN",
        "header that carries a key",
        by_pattern(
            rf"(?<![\w-]){_HEADER}(?:{_NAMED_VALUE}|{_TO_VALUE})(?P<v>{_CREDENTIAL})",
            accepts=_is_header_value,
        ),
        '("X-Api-Key", "«k1-abc-def»"), {"name":"X-Auth-Token","value":"«t0-secret»"}',
        "X-Api-Key header, api-key: missing, auth-token expired",
    ),
    Rule(
        "TOKEN",
        "key of AWS behind a blank",
        by_pattern(
            r"aws_?(?:secret_?access_?key|session_?token|security_?token)[\"']?(?:\s{1,3}"
            r"|[:=]\s{0,3})[\"']?"
            r"(?P<v>[A-Za-z0-9+/=%]{16,4000})",
        ),
        "aws_secret_access_key «qO0Im2QOpAe5jDjD5GG+tw6JpFBtsE85xIdLM1pj»",
        "aws_secret_access_key is not set",
    ),
)
