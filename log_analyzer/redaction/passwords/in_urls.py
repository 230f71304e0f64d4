"""Finds secrets in URLs: passwords before a host, in a query, and webhook addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from log_analyzer.redaction.rule import Rule, Span, by_pattern, says_nothing

_START: Final = re.compile(
    r"(?<![A-Za-z0-9])(?P<scheme>[a-z][a-z0-9+.-]{1,30}):(?:\\{1,3}/){0,2}(?://|(?<=/))",
    re.IGNORECASE,
)
_END: Final = re.compile(r"[\s\"'`<>]|\\[\"'nrt]")
_HOST: Final = re.compile(
    r"(?:\[[0-9a-fA-F:.%\w]{2,60}\]|(?:tcp|unix)\([^)\s]{1,200}\)|[\w.-]{1,253})?"
    r"(?::\d{1,5})?(?=[/?#,;)\]}|&]|[:.!]?$|\\)"
)
_PORT: Final = re.compile(r"\d{1,5}(?:[/?#]|$)")
_WEB: Final = frozenset(("http", "https", "ws", "wss", "git", "ssh"))
_BETWEEN: Final = re.compile(r"[/?#]")
_QUERY: Final = re.compile(r"[?#]")
URL_CHARS: Final = 2_000
# As JSON and a URL may escape it.
_SLASH: Final = r"(?:\\?/|%2F)"


def url_passwords(text: str, start: int, end: int) -> Iterator[Span]:
    """Passwords of `scheme://user:password@host`, whatever the writer left unescaped in them.

    The password ends at the last `@` that a host follows, as long as no path or query of an
    earlier host lies between.
    """
    for match in _START.finditer(text, start, end):
        at = match.end()
        stop = _END.search(text, at, min(end, at + URL_CHARS))
        rest = text[at : stop.start() if stop else min(end, at + URL_CHARS)]
        found = _password(rest, web=match["scheme"].lower() in _WEB)
        if found and not says_nothing(rest[slice(*found)]):
            yield at + found[0], at + found[1]


def _password(rest: str, *, web: bool) -> Span | None:
    colon = rest.find(":")
    if colon < 0 or _BETWEEN.search(rest, 0, colon):
        return None
    # http://host:8080/a@b has a port there, amqp://app:2024/Winter9@mq a password.
    if web and _PORT.match(rest, colon + 1):
        return None
    # https://ann:x@host/@scope/pkg has a path there, postgres://app:p@ss/w@db a password.
    between = _BETWEEN if web else _QUERY
    last = None
    for one in re.finditer("@", rest):
        place = one.start()
        if place <= colon or (last is not None and between.search(rest, last + 1, place)):
            continue
        if _HOST.match(rest, place + 1):
            last = place
    if last is None:
        return None
    # postgres://[user]:[pass]@app:secret@host is a pattern that somebody has put before.
    shown = rest.rfind("@", 0, last)
    if shown > 0 and rest[:shown].endswith("]") and ":" in rest[shown:last]:
        colon = rest.index(":", shown)
    return (colon + 1, last) if last > colon + 1 else None


def _names_a_secret(match: re.Match[str], value: str) -> bool:
    key = unquote(match["key"]).lower()
    return bool(_QUERY_KEY.search(key)) and not says_nothing(value)


_QUERY_KEY: Final = re.compile(
    r"pass(?:word|wd|phrase|code)$|(?<![a-z])pass$|pwd$|secret$|(?<!page)(?<!page_)(?<!next)"
    r"(?<!next_)(?<!continuation)token$|api_?key$"
    r"|access_?key$|^(?:key|sig|sid|auth|code|otp|hmac|nonce|state|apikey|signature|ticket"
    r"|assertion)$"
    r"|session_?(?:id|key)?$|^x-(?:amz|goog|ms)-(?:signature|security-token)$|credentials?$"
    r"|jsessionid$|client_?secret$|verifier$"
)


def _is_long(match: re.Match[str], value: str) -> bool:
    # `code`, `state`, `key` and the like mean many things: short values are no secrets.
    short = len(unquote(match["key"])) <= 5 and match["key"].lower() not in ("token", "pwd", "pass")  # noqa: PLR2004
    return not short or (len(value) >= 12 and any(map(str.isdigit, value)))  # noqa: PLR2004


def _is_query_secret(match: re.Match[str], value: str) -> bool:
    return _names_a_secret(match, value) and _is_long(match, value)


def _is_query_password(match: re.Match[str], value: str) -> bool:
    key = unquote(match["key"]).lower()
    return bool(_PASSWORD_KEY.search(key)) and not says_nothing(value)


_PASSWORD_KEY: Final = re.compile(r"pass(?:word|wd|phrase|code)$|(?<![a-z])pass$|pwd$")
_PAIR: Final = (
    r"[?&;](?P<key>[\w.%\[\]-]{1,60})=(?P<v>(?!\{)(?:[^\s\"'<>&;#)\]},\\]|&(?![\w.%\[\]-]{1,60}="
    r"|\s|$|[\"'&;,)])"
    # A password of a `;` list may have a `#`; a URL's fragment begins with a name.
    r"|[;,)\]}](?![\w.%-]{1,40}=|\s|$|[\"'])|#(?![\w/.-]{0,40}(?:\s|$|[=\"'])|/)){1,4000})"
)


URL_RULES: Final = (
    Rule(
        "PASSWORD",
        "password in a URL",
        url_passwords,
        "postgres://app:«p@ss/w;{x}%21»@db:5432/x?application_name=b@r",
        "http://host:8080/a@b and https://registry.example:443/@scope/pkg",
    ),
    Rule(
        "PASSWORD",
        "password in an encoded URL",
        by_pattern(
            r"%3A%2F%2F[^\s%\"']{0,60}%3A(?P<v>(?:(?!%40)[^\s\"'&]){1,200})%40(?=[\w.-]|%5B)"
        ),
        "dsn=postgres%3A%2F%2Fapp%3A«hunter2%21»%40db%3A5432",
        "next=https%3A%2F%2Fapp%3A8080%2Fa",
    ),
    Rule(
        "PASSWORD",
        "password before a host without a scheme",
        by_pattern(
            r"(?<![\w/@.:-])[a-z][\w.-]{0,60}:(?P<v>[^\s:@/\"'=]{3,100})@"
            r"(?:(?:tcp|unix)\(|/\w|[\w.-]{1,100}:\d{2,5}(?!\w)|[\w.-]{1,100}/\w)",
            r"(?<![\w/@.:-])[a-z][\w.-]{0,60}:(?P<v>[^\s\"']{3,100})@(?=(?:tcp|unix)\()",
            accepts=lambda _, value: not says_nothing(value),
        ),
        "dial app:«hunter2»@tcp(db:3306)/orders",
        "pulled nginx:latest@sha256:4b7ce07002c69e8f3d704a9c5d6fd305, std::io@v1.2:3",
    ),
    Rule(
        "TOKEN",
        "token before a host",
        by_pattern(
            # Redis takes a password alone.
            r"[a-z][a-z0-9+.-]{1,20}://(?P<v>[\w.~%+-]{16,200})@|rediss?://(?P<a>[^\s:@/\"']{6,100})@",
            accepts=lambda _, value: any(map(str.isdigit, value)),
        ),
        "git clone https://«4f9a0c7be1d24586aa»@git.example/app",
        "amqp://orders-service-account@mq/vhost",
    ),
    Rule(
        "PASSWORD",
        "password in a query",
        by_pattern(_PAIR, accepts=_is_query_password),
        "GET /cb?user=ann&p%61ssword=«x9%21»&ssl=true",
        "GET /cb?password_reset=1&bypass_cache=1&compass=n",
    ),
    Rule(
        "TOKEN",
        "secret in a query",
        by_pattern(_PAIR, accepts=_is_query_secret),
        "GET /cb?user=ann;access_token=«s3cr3t»&page=2 500",
        "GET /list?page_token=abc&code=404&state=open&key=name&X-Amz-Expires=3600",
    ),
    Rule(
        "TOKEN",
        "webhook address",
        by_pattern(
            # Slack, also without its host and percent-encoded.
            rf"(?:(?<![A-Za-z0-9])|(?<=%2F))(?:services|workflows"
            rf"|triggers){_SLASH}[TE][A-Z0-9]{{5,14}}{_SLASH}"
            rf"(?P<v>[A-Z0-9]{{5,16}}(?:{_SLASH}[A-Za-z0-9]{{8,80}}){{1,2}})",
            r"/api/(?:v\d+/)?webhooks/\d{10,25}/(?P<v>[\w-]{30,100})",
            (
                r"(?:webhook\.office\.com|outlook\.office(?:365)?\.com)/webhook(?:b2)?/"
                r"(?P<v>[\w@/-]{30,300})"
            ),
            r"hooks\.zapier\.com/hooks/catch/(?P<v>\d{4,12}/[\w/-]{4,60})",
            r"(?<=/)bot(?P<v>\d{6,12}:[\w-]{30,50})",
            r"/hooks/(?P<v>[a-z0-9]{26})(?!\w)",
            r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<v>[\w/-]{8,200})",
            flags=re.RegexFlag(0),
        ),
        "POST /services/T9SKGXOL7/«BT2WFTMC9IZ/ezOnJVf1xptaCQVVR91Zavhr» HTTP/1.1",
        "POST /services/orders/TRACKING/hooks and hooks.slack.com port 443",
    ),
    Rule(
        "PASSWORD",
        "Oracle's thin driver",
        by_pattern(
            r"\b(?:thin|oci8?):[^\s/:@\"']{1,60}/\"?(?P<v>[^\s@/\"]{1,100}(?:@[^\s@/\"]{1,60}"
            r"(?=\"))?)\"?@"
        ),
        "jdbc:oracle:thin:scott/«tiger»@host",
        "jdbc:oracle:thin:@host:1521/service",
    ),
)
