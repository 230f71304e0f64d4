"""Finds passwords on command lines: what clients take in a place of its own, without its name."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.redaction.passwords.values import is_odd, is_password
from log_analyzer.redaction.rule import Rule, by_pattern, looks_random

# A client, and what stands before its password.
_BEHIND: Final = "|".join(
    rf"(?:{client})\b{before}"
    for client, before in (
        (r"mysql\w{0,10}|mariadb|sshpass|mongo\w{0,10}|cqlsh|7za?", r"[^|;]{0,100}?\s-p\s?"),
        (
            r"psexec|twine|ipmitool|mosquitto_\w{3}|bcp|sqlcmd|isql|tsql|unzip|zip",
            r"[^|;]{0,100}?\s-[pP]\s?",
        ),
        (
            r"(?:docker|podman|helm|skopeo|buildah|az|oc|crane)",
            r"[^|;]{0,40}?\slogin\b[^|;]{0,100}?\s-p[\s=]",
        ),
        (
            r"curl|wget|https?|ab",
            (
                r"[^|;]{0,200}?\s(?:-[a-zA-Z]{0,6}[uUAa]|--(?:proxy-)?user"
                r"|--auth)[\s=]?[\"']?[^\s:\"'-][^\s:\"']{0,100}:"
            ),
        ),
        (r"redis-cli|valkey-cli", r"[^|;]{0,100}?\s(?:-a|--pass)\s"),
        (r"ldap\w{1,10}", r"[^|;]{0,200}?\s-w\s"),
        (r"smbclient", r"[^|;]{0,100}?\s-U\s?[^\s%]{1,60}%"),
        (r"snmp\w{2,8}", r"[^|;]{0,100}?\s-[cAX]\s"),
        (r"openssl", r"[^|;]{0,200}?\s(?:-k\s|-pass(?:in|out)?\s[\"']?pass:)"),
        (r"keytool|jarsigner", r"[^|;]{0,200}?\s-(?:src|dest)?(?:store|key)pass\s"),
        (
            r"requirepass|masterauth|auth_pass|bindpw|rootpw|auth(?:\s(?:default|\w{1,20}))?",
            r"[\"']?\s[\"']?",
        ),
        (r"rabbitmqctl", r"\s(?:change_password|add_user)\s\S{1,60}\s"),
        (r"htpasswd", r"\s-\w{0,4}b\w{0,4}\s\S{1,80}\s\S{1,60}\s"),
        (r"useradd|usermod", r"[^|;]{0,100}?\s(?:-p|--password)\s"),
        (r"net\suser", r"\s\S{1,60}\s(?=\S{1,60}\s/)"),
        (r"net\suse", r"[^|;]{0,100}?\s(?:/user:\S{1,60}\s|\\\\\\?\S{1,80}\s)"),
        (r"cmdkey", r"[^|;]{0,100}?\s/pass:"),
        (r"oathtool", r"(?:\s--?[\w=]{1,12}){1,4}\s"),
        (r"acl\ssetuser", r"\s[^>]{0,80}>"),
    )
)
# `scott/tiger@orcl`, as Oracle's clients take it.
_ORACLE: Final = (
    r"(?:sqlplus|expdp|impdp|exp|imp|rman|sqlldr|connect(?:ing)?(?:\s(?:to|as))?)\s"
    r"(?:-\w{1,8}\s){0,3}[\"']?[\w$#.-]{1,60}/"
    r"(?P<v>[^\s@/\"']{3,100})(?=@|\s|[\"']|$)"
)
# What is piped into a client that reads it.
_PIPED: Final = (
    r"\becho\s(?:-\w{1,3}\s)?[\"']?(?:[\w.-]{1,60}:)?(?P<v>[^\s|\"']{3,400})[\"']?\s{0,2}\|\s{0,2}"
    r"(?:base64\b|(?:sudo\s)?(?:chpasswd|passwd)\b|sudo\s-S|[^|;]{1,80}(?:--password-stdin"
    r"|--with-token|--passphrase-fd))"
)
# Shells and build files that name a variable before a blank.
_SET: Final = (
    r"(?:^|[\s;&|]|(?<=\\n))(?:env|arg|setenv|setx|set(?:\s-\w{1,3})?)\s"
    r"\w{0,40}(?:passw?(?:or)?d|passphrase|pwd|pass|pw|secret(?:_?key(?:_base)?)?|token|_key"
    r"|credentials?)\s[\"']?"
    r"(?P<v>[^\s\"'=][^\s\"']{3,400})"
)


def _is_told(match: re.Match[str], value: str) -> bool:
    if match[0][:4].lower() == "auth":
        # `auth failed`, `Auth default policy` are prose; `AUTH hunter2` is Redis'.
        return match[0][:4] == "AUTH" and is_odd(match, value)
    return is_password(match, value)


CLIENT_RULES: Final = (
    Rule(
        "PASSWORD",
        "flag of a client",
        by_pattern(
            rf"(?<![\w.-])(?:{_BEHIND})[\"']?(?P<v>[^\s\"']{{1,200}})",
            rf"(?<![\w.-]){_ORACLE}",
            accepts=_is_told,
        ),
        "mysql -p«hunter» db; curl -sSu ann:«secret1» https://x; sqlplus scott/«tiger»@orcl",
        "mysql --port 3306 up, curl -U x, auth failed, net user list, connect to a/b failed",
    ),
    Rule(
        "PASSWORD",
        "what is piped into a client",
        by_pattern(_PIPED, accepts=is_password),
        "echo «hunter!2x» | docker login -u ci --password-stdin",
        "echo done | tee a.log",
    ),
    Rule(
        "PASSWORD",
        "variable that a shell sets",
        by_pattern(_SET, accepts=is_password),
        "ENV DB_PASSWORD «hunter2x»",
        "set password policy, ENV TOKEN_TTL 3600, reset token expired",
    ),
    Rule(
        "TOKEN",
        "argument of a login",
        by_pattern(
            r"(?:vault\slogin|_authtoken)\s(?!-)(?P<v>[\w./=+-]{12,400})",
            accepts=lambda _, value: looks_random(value),
        ),
        "vault login «q8Zr2LmN5vXc7bTyq8Zr»",
        "vault login -method=kubernetes-1 failed",
    ),
)
