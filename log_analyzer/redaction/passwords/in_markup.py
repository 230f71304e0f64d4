"""Finds secrets in XML, in lists of names and values, and in text that is encoded once more."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.passwords.behind_names import (
    ACCESS_WORD,
    LOGIN_WORD,
    SUFFIX,
)
from log_analyzer.redaction.passwords.values import is_odd, is_password, is_token
from log_analyzer.redaction.rule import Rule, by_pattern, says_nothing

_ANY_WORD: Final = rf"(?:{LOGIN_WORD}|{ACCESS_WORD})"
_OPEN: Final = r"(?:<|&lt;)"
_CLOSE: Final = r"(?:>|&gt;)(?:<!\[CDATA\[)?"
_ATTRIBUTE_VALUE: Final = (
    r"[\"'\\]{1,3}\s{0,3}(?:,\s{0,3}[\"'\\]{1,3}(?:new_?|string_?|old_?)?val"
    r"(?:ue)?[\"'\\]{1,3}\s{0,3}:|\svalue\s?=)\s{0,3}[\"'\\]{1,3}"
    r"(?P<v>[^\"'\\]{3,2000})"
)
# `name: DB_PASSWORD, value: x`, `- name: DB_PASSWORD` and `value: x` below it.
_NAMED: Final = r"(?<![a-z])(?:name|key)[\"'\\]{0,3}\s{0,2}[:=]\s{0,2}[\"'\\]{0,3}[\w.-]{0,40}"
_VALUE_BESIDE: Final = (
    r"[\"'\\]{0,3}(?:\s|,|\\[nr]){1,12}[\"'\\]{0,3}value[\"'\\]{0,3}\s{0,2}[:=]\s{0,2}[\"'\\]{0,3}"
    r"(?P<v>[^\s\"'\\,\])}]{3,2000})"
)
# `("DB_PASSWORD", "x")`: a pair of a name and its value.
_PAIRED: Final = r"(?P<q1>[\"'])\s{0,3},\s{0,3}b?(?P<q2>[\"'])(?P<v>[^\"']{8,400})(?P=q2)"
# Hadoop's files and those like them.
_ELEMENTS: Final = r"\s{0,3}</\w{1,20}>\s{0,9}<value>(?P<v>[^<]{1,400})</"
# A quotation mark in HTML, in a URL, and as JSON escapes it.
_MARK: Final = r"(?:&quot;|&#34;|&#x22;|%22|\\u0022)"


def _is_pair(match: re.Match[str], value: str) -> bool:
    # A list of the names of fields has words only.
    return is_odd(match, value) if "q1" in match.re.groupindex else is_password(match, value)


def _is_told(_: object, value: str) -> bool:
    return not says_nothing(value.strip())


PASSWORD_MARKUP_RULES: Final = (
    Rule(
        "PASSWORD",
        "password in a list of names and values",
        by_pattern(
            rf"{LOGIN_WORD}{SUFFIX}{_ATTRIBUTE_VALUE}",
            rf"{_NAMED}{LOGIN_WORD}{SUFFIX}{_VALUE_BESIDE}",
            rf"{LOGIN_WORD}{SUFFIX}{_ELEMENTS}",
            rf"{LOGIN_WORD}{SUFFIX}{_PAIRED}",
            accepts=_is_pair,
        ),
        '{"name":"DB_PASSWORD","value":"«hunter»"} [name=db.password, value=«hunter»]',
        '{"name":"PASSWORD_POLICY","value":"strong"} ["password", "username", "email_address"]',
    ),
    Rule(
        "PASSWORD",
        "password in encoded JSON",
        by_pattern(
            (
                rf"{LOGIN_WORD}{SUFFIX}{_MARK}\s?(?::|%3A)(?:\s|%20|\+)?{_MARK}"
                rf"(?P<v>.{{1,400}}?){_MARK}"
            ),
            accepts=is_password,
        ),
        "body %7B%22password%22%3A%22«hunter%212»%22%7D {&quot;pwd&quot;: &quot;«a;b»&quot;}",
        "{&quot;password&quot;:&quot;required&quot;}",
    ),
)

TOKEN_MARKUP_RULES: Final = (
    Rule(
        "TOKEN",
        "XML element",
        by_pattern(
            rf"{_OPEN}[\w:.-]{{0,30}}{_ANY_WORD}[\w.-]{{0,20}}"
            rf"(?:[^<>&]{{0,80}}{_CLOSE}(?P<v>(?:[^<&\]]|\](?!\]>)){{1,1000}})(?:\]\]>)?(?:</"
            rf"|&lt;/)"
            r"|\s[^<>]{0,80}?\bvalue=[\"'](?P<a>[^\"'<>]{1,1000})[\"'])",
            accepts=_is_told,
        ),
        '<db:password>«hunter»</db:password> <secret value="«hunter»"/> &lt;pw&gt;«a1»&lt;/pwd&gt;',
        "<password></password><name>ann</name>",
    ),
    Rule(
        "TOKEN",
        "XML element of a name",
        by_pattern(
            rf"{_OPEN}\w{{1,30}}\s[^<>&]{{0,80}}?\b(?:key|name|id)=[\"'][\w:. -]{{0,40}}"
            rf"{_ANY_WORD}{SUFFIX}[\"']"
            rf"[^<>&]{{0,80}}{_CLOSE}(?P<v>(?:[^<&\]]|\](?!\]>)){{1,1000}})(?:\]\]>)?(?:</|&lt;/)",
            accepts=_is_told,
        ),
        '<entry key="db.password">«hunter»</entry>',
        '<entry key="password.policy">strong</entry> <entry key="db.password"></entry>',
    ),
    Rule(
        "TOKEN",
        "token in a list of names and values",
        by_pattern(
            rf"{ACCESS_WORD}{SUFFIX}{_ATTRIBUTE_VALUE}",
            rf"{_NAMED}{ACCESS_WORD}{SUFFIX}{_VALUE_BESIDE}",
            accepts=is_token,
        ),
        '{"name": "API_KEY", "value": "«abc-def-1»"} - name: API_TOKEN\\n  value: «B6kCd!SvNZ7»',
        '{"name": "TOKEN_URL", "value": "https://idp.example"}',
    ),
    Rule(
        "TOKEN",
        "token in encoded JSON",
        by_pattern(
            (
                rf"{ACCESS_WORD}{SUFFIX}{_MARK}\s?(?::|%3A)(?:\s|%20|\+)?{_MARK}"
                rf"(?P<v>.{{4,1000}}?){_MARK}"
            ),
            accepts=is_token,
        ),
        "%22client_secret%22%3A%22«SomeTokenXyz1»%22",
        "{&quot;token&quot;:&quot;expired&quot;}",
    ),
)
