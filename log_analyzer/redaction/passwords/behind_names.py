"""Finds secrets behind a telling name: assignments, JSON, XML, flags, and plain words."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.passwords.values import (
    is_bare_key,
    is_odd,
    is_packed,
    is_password,
    is_token,
)
from log_analyzer.redaction.rule import Rule, by_pattern, says_nothing

LOGIN_WORD: Final = (
    r"(?:pass(?:word|wd|phrase|code)s?|passwort|kennwort|contrase(?:ñ|n)a|mot_?de_?passe|senha"
    r"|pwd|passw"
    r"|(?<![a-z])(?:(?:user|db|my|root|admin|bind|sudo|ftp|ssh|become|auth|old|new)_?-?(?:pass"
    r"|pw)|pass|pw|otp|cvv2?|cvc|pin_?code))"
)
ACCESS_WORD: Final = (
    r"(?:secret|token(?!iz|s\b)|(?:api|access|auth|account|private|encryption|signing|session"
    r"|license"
    r"|shared|master|aes|cipher|crypto|jwt|app(?:lication)?|subscription|client|storage|consumer"
    r"|deploy|webhook|ingest(?:ion)?"
    r"|secret|ssh|sharedaccess|activation|setup|server|otp|mfa|2fa)[_. -]?key(?:[_-]?id)?|apikey"
    r"|credentials?"
    r"|(?:otp|mfa|2fa|wallet|recovery|authenticator)[_ -]?seed|mnemonic|(?:code"
    r"|pkce)[_ -]?verifier|(?<![a-z])samlresponse"
    r"|(?<![a-z])sig|signature|csrf|xsrf|hmac(?!-|_?sha)|bearer|passkey)"
)
SUFFIX: Final = (
    r"(?:[_-]{0,2}(?:hash|value|key|text|string|id|base64|b64|plain|plaintext|encrypted|confirm"
    r"(?:ation)?"
    r"|repeat|access_?key|key_?base|token|\d{1,2}))?"
)
# Between operator and value: tags of YAML, a string's type and length, a language's wrapper.
_WRAPPER: Final = (
    r"(?:!(?:!\w{1,10}|unsafe)\s|(?<=: )&\w{1,20}\s|[|>][+-]?\s*(?:\n|\\n)\s*|string\(\d{1,5}\)\s"
    r"|(?:some|just|optional|string|secretstr|secret(?:string)?|redactable|\w{0,12}crypt|md5"
    r"|sha\d{1,3}|hash)[(\[](?=\\?[\"'])"
    r"|\{\\?[\"']?(?:value|plaintext|string_?value)\\?[\"']?\s?[:=]\s?)?"
)
_OPERATOR: Final = (
    r"(?:[\"'`\\\])}]{0,4}\s{0,4}(?:=>|->|:=|==?|:|%3D)\s{0,4}|\\?[\"'];s:\d{1,5}:)" + _WRAPPER
)
# A quoted value ends at its quote; any other at a blank, or where the next field begins.
_VALUE: Final = (
    r"(?:[bneruf]{0,2}\"(?P<a>(?:[^\"\\]|\\.){1,1000}+)\"|[bneruf]{0,2}'(?P<b>(?:[^'\\]"
    r"|\\.){1,1000}+)'"
    r"|\\{1,3}\"(?P<c>[^\"]{1,1000}?)\\{1,3}\"|`(?P<d>[^`]{1,1000})`"
    # ODBC's braces.
    r"|(?<==)\{(?P<e>(?:[^{}\s]|\}\}){1,200})\}"
    r"|[\"'\\\[({]{0,3}(?P<v>(?:[^\s\"'<>;,&)\]}\\]"
    r"|[;,&)\]}\\<>](?!\s|$|[\"')\]};,]|/|[\w.-]{1,40}[=:]))"
    r"{1,1000}))"
)
PASSWORD_RULES: Final = (
    Rule(
        "PASSWORD",
        "assigned password",
        by_pattern(LOGIN_WORD + SUFFIX + _OPERATOR + _VALUE, accepts=is_password),
        'Server=x;Password=«hun;ter2»;User=y {"password":"«a\\"b c»","n":1} pwd={«a;b»};x=1',
        "password=null, password: required, pass: 12, fail: 3, password -> email, otp=35 tries",
    ),
)

TOKEN_RULES: Final = (
    Rule(
        "TOKEN",
        "flag",
        by_pattern(
            r"(?<!\w)--?[\w-]{0,30}(?:password|passwd|passphrase|pwd|secret|token(?!s\b)|api-?key"
            r"|access-?key)"
            r"(?![\w-]{0,8}-(?:file|path|dir|url|uri|name|type|ttl)\b)"
            r"[\w-]{0,10}(?:\s{1,3}|=|[\"'],\s{0,3}[\"'])[\"']?(?P<v>[^\s\"'-][^\s\"']{0,1000})",
            accepts=lambda _, value: not says_nothing(value),
        ),
        "run --db-token «abc» --port 3 ['--password', '«hunter»']",
        "--token is required, --max-tokens 800 --token-file /var/run/app.token",
    ),
    Rule(
        "TOKEN",
        "assigned token",
        by_pattern(ACCESS_WORD + SUFFIX + _OPERATOR + _VALUE, accepts=is_token),
        '"Jwt__Token" = "«SomeTokenXyz»" secret=«correcthorse» "testSecret" : "«tesT4»"',
        "tokens=3214 Token count: 1500 unexpected token: 'return' secret: ${VAULT}",
    ),
    Rule(
        "TOKEN",
        "assigned key",
        by_pattern(r"(?<![a-z])(?:key|pat|salt)" + _OPERATOR + _VALUE, accepts=is_bare_key),
        'KEY="«1234zq5808s=>d!!?$»"',
        "cache key=order:123 key: user:1234567890:profile partition_key=inventory-146203",
    ),
    Rule(
        "TOKEN",
        "credentials of a registry",
        by_pattern(
            (
                r"(?<![a-z.-])_?auth[\"'\\]{0,3}\s{0,2}[:=]\s{0,2}[\"'\\]{0,3}"
                r"(?P<v>[A-Za-z0-9+/]{12,1000}={0,2})(?![\w.-])"
            ),
            r"(?<![A-Za-z])[A-Z][A-Z0-9]{1,20}_AUTH=[\"']?(?P<v>[^\s\"',;]{12,200})",
            accepts=is_packed,
            flags=re.RegexFlag(0),
        ),
        '{"auth": "«YW5uOjdyTGdhbXVYMg==»"} _auth=«YW5uOkhvZHVkZ2JYNQ==» MQ_AUTH=«batterystaple»',
        'auth=none "auth": "kubernetes" LDAP_AUTH=disabled _auth: authentication_failed',
    ),
    Rule(
        "TOKEN",
        "odd value behind a doubtful name",
        by_pattern(
            r"(?<![a-z_.-])(?:auth|api|login|creds?)[\"']?\s{0,2}(?:=>|:=|=)\s{0,2}(?P<q1>[\"'])"
            r"(?P<v>(?:(?!(?P=q1))[^\\]|\\.){4,300})(?P=q1)",
            accepts=is_odd,
        ),
        'auth=>"«aasdadQ7»", api="«asdad?asd$%&/»"',
        'auth="disabled" api="https://x.example/v1" api="/users/list"',
    ),
)
