"""Finds passwords and codes in sentences, without any assignment."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.passwords.values import COUNT, MOMENT, is_password
from log_analyzer.redaction.rule import Rule, by_pattern, says_nothing

_WORD: Final = r"(?:password|passphrase|passcode|passwd|pwd)"
# `PasswordService$1@60dddc05`
_CLASS_NAME: Final = re.compile(r"[A-Z][A-Za-z]*(?:\$\w+)*(?:@[0-9a-f]+)?")
# Between the word and the password: `was reset to`, `has been changed to`, `is`.
_SAYS: Final = (
    r"(?:(?:(?:is|was|has\sbeen|now)\s{1,3}){0,2}(?:(?:re)?set|changed|updated"
    r"|rotated)\s{1,3}to:?\s{1,3}"
    r"|(?:is|was|to|of|now):?\s{1,3})?"
)


def _is_said(_: re.Match[str], value: str) -> bool:
    """`password hunter2`: what no word of prose and no figure looks like."""
    bare = value.strip(".,:;!?()[]\"'")
    if says_nothing(bare) or COUNT.fullmatch(bare) or MOMENT.match(bare) or "=" in bare:
        return False
    has_letter = any(map(str.isalpha, bare))
    telling = any(one.isdigit() or one in "!@#$%^&*+~" for one in bare)
    return has_letter and telling and not re.search(r"[/\\(]|://|^\w+-v?\d+$", bare)


def _says_it_is_a_password(match: re.Match[str], value: str) -> bool:
    """`P@ssw0rd`, `Password*123`: a word written with signs, or one with a sign and digits."""
    if _CLASS_NAME.fullmatch(match["tail"]):
        return False
    word = value[: len(value) - len(match["tail"])]
    signs = any(one in "!*#@$%&+" for one in match["tail"])
    return not word.isalpha() or (signs and any(map(str.isdigit, match["tail"])))


PROSE_RULES: Final = (
    Rule(
        "PASSWORD",
        "password in quotes",
        by_pattern(
            rf"\b(?:password|passphrase|passcode|passwd|pwd|pin)\s{{1,3}}{_SAYS}"
            r"[bneru]?(?P<q1>\\?[\"'`])(?P<v>[^\"'`]{1,200}?)(?P=q1)",
            accepts=is_password,
        ),
        "ALTER ROLE app PASSWORD E'«hunter»'",
        "password was 'expired'",
    ),
    Rule(
        "PASSWORD",
        "password in plain words",
        by_pattern(
            rf"(?<![\w/\\.-])(?:password|passphrase|passcode|passwd|pwd|pass)\s{{1,3}}{_SAYS}"
            r"(?P<v>[^\s\"']{4,200})",
            accepts=_is_said,
        ),
        "set password to «hunter2» if your password was reset to «Hunter%2x»",
        "Password reset email sent; password authentication failed; PASSWORD EXPIRED",
    ),
    Rule(
        "PASSWORD",
        "password that says so itself",
        by_pattern(
            r"(?<![\w./=-])p[a@4][s5$]{2}w[o0]r[dt](?P<tail>[^\s\"'<>()=:,;]{0,40})",
            accepts=_says_it_is_a_password,
        ),
        "login ann («Password*123»), «P@ssw0rd» and «Passw0rd!»",
        "password[0], Password2, passwordEncoder1 and PasswordService$1@60dddc05 are fields",
    ),
    Rule(
        "PASSWORD",
        "password for somebody",
        by_pattern(
            rf"\b{_WORD}\s{{1,3}}(?:for|of)\s{{1,3}}(?:user\s{{1,3}})?\S{{1,80}}?(?::|\s(?:is|="
            rf"|was|to))\s{{1,3}}"
            r"[\"'`]?(?P<v>[^\s\"'`]{4,200})",
            accepts=_is_said,
        ),
        "temporary password for ann: «hunter2x»",
        "password for user app: expired, password of root is missing",
    ),
    Rule(
        "PASSWORD",
        "password as the argument of a function",
        by_pattern(
            rf"\b(?:{_WORD}|crypt|decrypt|encode_password)\(\s{{0,3}}(?P<q1>[\"'])"
            rf"(?P<v>[^\"']{{3,200}})(?P=q1)"
        ),
        "SET PASSWORD = PASSWORD('«hunter»')",
        "password() and passwd(2) failed",
    ),
    Rule(
        "PASSWORD",
        "code for one time",
        by_pattern(
            r"\b(?:otp|totp|(?:one[- ]time|verification|security|confirmation|2fa|mfa|login|sms)\s"
            r"(?:pass(?:word|code)|code|pin|token))(?:\s{1,3}(?:is|was|=)|\s?[:=])?\s{1,3}"
            r"(?P<v>\d{4,8})(?!\w|[.:-]\d)"
        ),
        "your OTP is «482913», verification code: «771204»",
        "otp 3 of 5, security code 12 missing, verification code expired",
    ),
)
