"""Finds key material and secrets by their form alone."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.rule import (
    RANDOM_BITS_OF_A_CHAR,
    Rule,
    by_pattern,
    entropy_bits,
    is_hex,
    is_mixed,
)

_BLOCK: Final = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
_BODY: Final = "MIIEpAIBAAKCAQEA7bq0sT9crdUSqQ5Fo7bd+ARe1xtswZzkZ3oYzLcHstjtWu1a"

# `-----BEGIN CERT` in Base64.
_CERTIFICATE: Final = "LS0tLS1CRUdJTiBDRVJU"


# What pictures, documents and archives begin with in Base64; public keys of SSH and X.509.
_PUBLIC: Final = re.compile(
    r"/9j/|iVBORw0KGgo|R0lGOD|JVBERi0|UEsDB|H4sI|UklGR|PD94bWw|PCFET0|PHN2Zy|AAAAGGZ0"
    r"|AAAA[BCEG][0-9A-Za-z+]|MCowBQYDK2V"
    r"|MFkwEwYHKoZI|MHYwEAYHKoZI|MII[BC]I[jD]AN|MIG[bf]MA"
)
# What says that a random text is no secret: it is a digest, a public key or a body.
_TELLS_PUBLIC: Final = re.compile(
    r"(?i)(?:sha-?\d{1,3}|md5|blake\w{1,3}|digest|checksum|hash|hsh|fingerprint|thumbprint"
    r"|integrity|etag|pin|public[\W_]?key|pub_?key"
    r"|pubkey|publickey|certificate|cert|ed25519|ecdsa\S{0,20}|rsa|body|payload|image|thumbnail"
    r"|avatar|icon|picture|photo|preview|content"
    r"|blob|proto\w{0,4}|base64|bytes|data|chunk|document|attachment|file|cursor|offset"
    r"|cache[\W_]?key|page|vector|embedding|peer|message|frame|h1|token_?page|page_?token)"
    r"(?:\W{0,3}(?:base64|value|header|preview|is|was|sha-?\d{1,3}"
    r"|url))?[\"'`)\]]{0,2}\s{0,2}[:=,\s][\s:=\"'`(\[]{0,4}$"
)


_DIGEST: Final = re.compile(
    r"(?i)(?:sha-?\d{1,3}|md5|digest|checksum|fingerprint|thumbprint|base64)\b[^\n]{0,40}$"
)


def is_told_public(text: str, start: int) -> bool:
    """True if what stands before `start` says that a digest, a public key or a body follows."""
    before = text[max(0, start - 64) : start]
    return bool(_TELLS_PUBLIC.search(before) or _DIGEST.search(before))


def _is_jwt(match: re.Match[str], value: str) -> bool:
    # One part alone may be any JSON in Base64: a cursor, a body.
    return (
        "." in value
        or not is_told_public(match.string, match.start())
        or value.startswith(_HEADERS)
    )


# `{"alg":`, `{"typ":`, `{"kid":`, `{"enc":`, and what Docker keeps its logins in: `{"auths":`.
_HEADERS: Final = ("eyJhbGciOi", "eyJ0eXAiOi", "eyJraWQiOi", "eyJlbmMiOi", "eyJhdXRo")


def _is_random(match: re.Match[str], value: str) -> bool:
    bare = value.rstrip("=")
    if bare.startswith(_CERTIFICATE) or _PUBLIC.match(bare):
        return False
    if is_told_public(match.string, match.start("v")):
        return False
    return is_mixed(bare) and not is_hex(bare) and entropy_bits(bare) >= RANDOM_BITS_OF_A_CHAR


def _is_key_line(match: re.Match[str], value: str) -> bool:
    # What a block begins with tells whose line it is: a certificate's is everybody's.
    if _PUBLIC.match(value) or re.search(
        r"-----BEGIN (?:CERTIFICATE|[A-Z0-9 ]{0,20}PUBLIC KEY)-----\s*$",
        match.string[: match.start()][-80:],
    ):
        return False
    # Small and capital letters: no digest, and no line of equal signs.
    bare = value.rstrip("=")
    return is_mixed(bare) and entropy_bits(bare) >= RANDOM_BITS_OF_A_CHAR


KEY_RULES: Final = (
    Rule(
        "PRIVATE_KEY",
        "private key block, whole or cut",
        by_pattern(
            rf"(?s:-----BEGIN{_BLOCK}-----.*?(?:-----END{_BLOCK}-----|\Z))"
            r"|(?s:PuTTY-User-Key-File-\d:.*?Private-MAC: ?\w{1,128}"
            r"|Private-Lines: ?\d+\s.{16,}?\Z)",
        ),
        f"got «-----BEGIN RSA PRIVATE KEY-----\\n{_BODY}\\n-----END RSA PRIVATE KEY-----» bad",
        "got -----BEGIN CERTIFICATE----- MIID -----END CERTIFICATE-----",
    ),
    Rule(
        "PRIVATE_KEY",
        "end of a private key",
        by_pattern(
            rf"(?P<v>(?:[A-Za-z0-9+/]{{4,80}}={{0,2}}(?:\s"
            rf"|\\+[rn]){{1,4}}){{1,100}})-----END{_BLOCK}"
        ),
        f"«{_BODY}\n»-----END PRIVATE KEY-----",
        f"{'0' * 40} -----END CERTIFICATE-----",
    ),
    Rule(
        "PRIVATE_KEY",
        "line of a private key",
        # A line for itself: collectors make one event of each.
        by_pattern(
            r"^[ \t]*(?P<v>[A-Za-z0-9+/]{48,80}={0,2})[ \t\r]*$"
            r"|\A\s*(?P<a>[A-Za-z0-9+/]{14,80}={1,2})\s*\Z",
            accepts=_is_key_line,
            flags=re.MULTILINE,
        ),
        f"«{_BODY}»",
        "a" * 64,
    ),
    Rule(
        "PRIVATE_KEY",
        "key block in Base64",
        # LS0tLS1CRUdJTi is `-----BEGIN `, as Kubernetes keeps it; certificates and public keys go.
        by_pattern(
            r"LS0tLS1CRUdJTi(?!BDRVJUSUZJ|BQVUJMSUMg)[A-Za-z0-9+/]{20,8000}={0,2}",
            flags=re.RegexFlag(0),
        ),
        f"client-key-data: «LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ{_BODY}»",
        f"certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSU {_BODY[:9]}",
    ),
    Rule(
        "JWT",
        "JSON web token, also cut",
        # Two base64url parts at least, of which the first begins with {" .
        by_pattern(
            r"(?<![\w-])eyJ[\w-]{5,4000}(?:\.[\w-]{1,4000}){1,4}|(?<![\w-])eyJ[\w-]{17,4000}",
            accepts=_is_jwt,
            flags=re.RegexFlag(0),
        ),
        "decoded «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl» ok",
        "class eyJson.Reader failed",
    ),
)

RANDOM_RULES: Final = (
    Rule(
        "KEY",
        "random string",
        by_pattern(
            r"(?<![\w+/=.%-])(?P<v>[A-Za-z0-9]{32,255}|[A-Za-z0-9+/]{40}|[A-Za-z0-9+/]{43}="
            r"|[A-Za-z0-9+/]{62,86}={1,2})(?![\w+/=-])",
            accepts=_is_random,
            flags=re.RegexFlag(0),
        ),
        "sent «xK9fQ2mZ7pL4wR8tY6uJ1sD5gH0cVbNq» to it",
        "AbstractAutowireCapableBeanFactory2Sha256WithRsaEncryptionSignatureProvider failed",
    ),
)
