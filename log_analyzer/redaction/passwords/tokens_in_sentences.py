"""Finds tokens that a sentence names: keys, seeds, sessions and codes of OAuth 2 behind a blank.

A name is weak here (`token`, `session`, `code`), so the value has to look like one.
"""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.passwords.values import NOT_TO_OPEN
from log_analyzer.redaction.rule import (
    KEY_VALUE_CHARS,
    Rule,
    by_pattern,
    is_hex,
    is_identifier,
    is_mixed,
    is_name,
    looks_random,
)

_KEY: Final = (
    r"(?:api|app|application|access|secret|account|client|license|licence|activation|product"
    r"|signing|encryption|master"
    r"|integration|routing|ingest(?:ion)?|write|setup|entry|server|rest|bot|shared|webhook|master"
    r"|deploy|user|auth)"
)
_NAME: Final = (
    r"(?:token|secret|key|seed|nonce|pat|credential|license|code[ _-]verifier"
    rf"|(?:{_KEY}|authenticator|otp|totp|mfa|2fa)[ _-]?(?:key|secret|seed|token))"
)
# `token for ann is`, `API key provided:`, `key "`.
_LINK: Final = (
    r"[\\\"']{0,2}\s{1,3}(?:(?:for|of)\s{1,3}(?:(?:user|tenant|client"
    r"|account)\s{1,3})?\S{1,60}?\s{1,3})?"
    r"(?:(?:(?:is|was|to|of|value|provided|received|given|used|found|detected|reuse|supplied"
    r"|returned|stored|mismatch)\b"
    r"[:=]?\s{1,3}){1,3})?(?:[=:]\s{1,3})?[\\\"'`(\[]{0,3}"
)
_FOR: Final = (
    r"(?:\s{1,3}(?:for|of)\s{1,3}\S{1,60}?"
    r"|\s(?:provided|supplied|received|reuse\sdetected|detected|stored))\s?[:=]\s{1,3}[\"'`]?"
)
_VALUE: Final = r"(?P<v>[\w.+/=~!$%-]{16,1000})"
# Base32 in groups, as an authenticator wants it typed.
_GROUPS: Final = (
    r"(?P<v>(?-i:[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,15}|[a-z2-7]{4}(?:[ -][a-z2-7]{4}){3,15}))(?!\w)"
)
_SESSION: Final = r"(?:session|sess|sid|sessid)(?:[ _-]?(?:id|key|token|cookie|identifier))?"
_CODE: Final = (
    r"(?:(?:auth(?:ori[sz]ation)?|oauth2?|device|grant|login|access|one-time)[ _-]?code|code)"
)
_ASSIGNS: Final = r"[\"'`\\\])]{0,4}\s{0,3}(?:=>|->|:=|==?|:)\s{0,3}[\"'`\\\[(]{0,4}"


def _is_said(_: re.Match[str], value: str) -> bool:
    # `secret payments-tls-2024` is the name of one; `UPPER_CASE_2` is one of a program.
    return looks_random(value) and not is_name(value) and not is_identifier(value)


def _is_said_key(match: re.Match[str], value: str) -> bool:
    # Keys of some vendors are UUIDs; licenses are groups of capitals.
    if _UUID.fullmatch(value):
        return bool(_NAMES_A_UUID.search(match[0]))
    if not _TELLING.search(match[0]):
        # The key of a cache, a row or a message opens nothing.
        before = (
            match.string[max(0, match.start() - 50) : match.start("v")].lower().rpartition("key")
        )
        random = is_mixed(value) or (is_hex(value) and len(value) >= 2 * KEY_VALUE_CHARS)
        if not random or NOT_TO_OPEN.search(before[0]):
            return False
    return _is_said(match, value) or bool(_GROUPED.fullmatch(value) or _BASE32.fullmatch(value))


def _is_session(match: re.Match[str], value: str) -> bool:
    return _is_said(match, value.rstrip(".,:")) and len(value) >= KEY_VALUE_CHARS


_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _is_code(match: re.Match[str], value: str) -> bool:
    before = match.string[max(0, match.start() - 12) : match.start()]
    if _OTHER_CODE.search(before) and not is_mixed(value):
        return False
    return len(value) < KEY_VALUE_CHARS or _is_said(match, value)


_OTHER_CODE: Final = re.compile(r"(?i)(?:error|status|exit|product|source|byte)\s$")
_TELLING: Final = re.compile(
    r"(?i)token|secret|seed|nonce|pat|credential|license|authenticator|otp|mfa|2fa|verifier"
    rf"|{_KEY}[ _-]?key"
)
_NAMES_A_UUID: Final = re.compile(
    rf"(?i){_KEY}[ _-]key|license|(?:hec|api|access|auth|server|bot|refresh|integration)[ _-]?token"
)
_GROUPED: Final = re.compile(r"(?=[A-Z-]*\d)[A-Z0-9]{4,6}(?:-[A-Z0-9]{4,6}){2,6}")
_BASE32: Final = re.compile(r"(?=[A-Z]*[2-7])[A-Z2-7]{16,128}")

SAID_TOKEN_RULES: Final = (
    Rule(
        "TOKEN",
        "token behind its name",
        by_pattern(
            rf"(?<![\w/\\.])(?:x-)?(?:[a-z]{{1,20}}[_ -]){{0,3}}{_NAME}{_LINK}{_VALUE}",
            rf"(?<![\w/\\.])(?:[a-z]{{1,20}}[_-]){{0,3}}{_NAME}{_FOR}{_VALUE}",
            # `token x -> y`, `refresh token rotated: old=x new=y`, `tokens: access=x refresh=y`.
            (
                rf"(?<![\w/\\.]){_NAME}{_LINK}[\w.+/=~!$%-]{{16,1000}}[\"']?\s(?:->|=>|to"
                rf"|by)\s[\"'`]?{_VALUE}"
            ),
            (
                rf"tokens?\b[^|\n]{{0,60}}?\b(?:old|new|previous|current|access|refresh|from|to|rt"
                rf"|at)[\"']?\s?[=:]\s?[\"'`]?{_VALUE}"
            ),
            rf"tokens?\b[^|\n]{{0,400}}?\b(?:new|current|refresh)[\"']?\s?[=:]\s?[\"'`]?{_VALUE}",
            accepts=_is_said_key,
        ),
        "token «8f14e45fceea167a5a36dedd4bea2543» bad, "
        'license key "«3f9a0c7b-e1d2-4586-9a0c-7be1d2458690»"',
        "token for checkout-556455c97c-k8tdx, secret payments-tls-2024 is missing",
    ),
    Rule(
        "TOKEN",
        "seed of an authenticator",
        by_pattern(
            rf"(?:seed|secret|key|otp){_LINK}{_GROUPS}",
            rf"(?:seed|secret|key){_ASSIGNS}{_GROUPS}",
            (
                r"(?<![a-z])(?:seed|totp|hotp)(?:\(|[\"'\])]{0,3}\s?[=:]?\s?)[\"']{0,1}(?P<v>"
                r"(?-i:[A-Z2-7]{16,128}))(?!\w)"
            ),
        ),
        "TOTP key: «JBSW Y3DP EHPK 3PXP», seed=«JBSWY3DPEHPK3PXP»",
        "key: a b c d, seed=42, secret seed phrase",
    ),
    Rule(
        "TOKEN",
        "session",
        by_pattern(
            (
                rf"(?<![\w/.-])(?:[a-z]{{1,20}}\s)?{_SESSION}\s{{1,3}}(?:(?:is|was"
                rf"|for)\s)?[\\\"'`(\[]{{0,3}}(?P<v>[\w.+/=%~-]{{16,400}})"
            ),
            rf"\bname[\"'\s]{{0,3}}[=:]\s?[\"']{{0,2}}[\w.-]{{0,30}}(?:{_SESSION}"
            rf"|sessionid)[\"']{{0,2}}[,;\s]{{1,3}}[\"']?value[\"']?"
            r"\s?[=:]\s?[\"']?(?P<v>[\w.+/=%~|-]{16,2000})",
            (
                rf"(?<![^\W_])(?:\w{{1,20}}[_.-])?{_SESSION}{_ASSIGNS}(?:s%3A)?"
                rf"(?P<v>[\w.+/=%~|-]{{16,2000}})"
            ),
            r"(?:\.aspxauth|aspnetcore\.[\w.]{3,40}|logged_in_\w{1,40}|auth_session_id"
            r"|remember_\w{1,30}"
            rf"|[_-]identity|[_-]auth){_ASSIGNS}(?P<v>[\w.+/=%~|-]{{16,2000}})",
            accepts=_is_session,
        ),
        "session id «8A7CAD24E894244A2E8A10A74AB2414D» ended, _app_session=«q8Zr2LmN5vXc7bTyq8Zr»",
        "session 3f9a0c7b-e1d2-4586-9a0c-7be1d2458690 closed, session_id=checkout-20260304-17",
    ),
    Rule(
        "TOKEN",
        "code of OAuth 2",
        by_pattern(
            (
                rf"(?<![\w.-]){_CODE}(?:\s{{1,3}}(?:(?:is|was|received)\s)?[\"'`(]?|{_ASSIGNS})"
                rf"(?P<v>[\w.+/=%~!-]{{16,2000}})"
            ),
            (
                r"(?<![a-z])user[ _-]?code(?:\s|[\"'\\]{0,3}\s?[=:]\s?)[\"'\\]{0,3}(?P<v>"
                r"(?-i:[A-Z0-9]{4}-?[A-Z0-9]{4}))(?!\w)"
            ),
            accepts=_is_code,
        ),
        'authorization code «0.AXkAq8Zr2LmN5vXc7b» redeemed, {"code":"«9f8e7d6c5b4a39281706»"}',
        "code: ERR_HTTP2_STREAM_CANCEL_17 error code 3f9a0c7be1d24586 code 404",
    ),
    Rule(
        "TOKEN",
        "value before its name",
        by_pattern(
            r"(?P<q>[\"'`])(?P<v>[^\s\"'`]{12,400})(?P=q)\s(?:\((?:env|from|for|name"
            r"|var)[: ]\s?[\w.-]{0,40}"
            r"(?:key|token|secret|password|pass|pwd)\b|is not a valid \w{0,8} ?(?:key|token"
            r"|secret|password))",
            (
                r"(?<![\w.+/=-])(?P<v>[\w.+/=-]{16,400})\s(?:is not a valid"
                r"|is an invalid)\s\w{0,8}\s?(?:key|token|secret|password)"
            ),
            accepts=lambda _, value: looks_random(value) or not value.isalnum(),
        ),
        "=> '«q8Zr2LmN5vXc7bTyq8Zr»' (env API_TOKEN)",
        "'checkoutservice' (env TOKEN_TTL)",
    ),
)
