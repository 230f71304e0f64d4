"""Secrets of twelve kinds as logs show them, made from a seed; none is anybody's."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from log_analyzer.redaction.numbers import passes_luhn, passes_mod_97

ALNUM: Final = string.ascii_letters + string.digits


@dataclass(frozen=True)
class PlantedSecret:
    """`secret` must not be seen; `text` is how a log shows it."""

    kind: str
    secret: str
    text: str


def some(rng: random.Random, chars: str, count: int) -> str:
    return "".join(rng.choice(chars) for _ in range(count))


def api_key(rng: random.Random) -> tuple[str, str]:
    keys = [
        "AKIA" + some(rng, string.ascii_uppercase + string.digits, 16),
        rng.choice(["ghp_", "gho_", "ghs_"]) + some(rng, ALNUM, 36),
        "xoxb-" + some(rng, string.digits, 12) + "-" + some(rng, ALNUM, 24),
        rng.choice(["sk_live_", "rk_live_", "sk_test_"]) + some(rng, ALNUM, 24),
        "AIza" + some(rng, ALNUM + "_-", 35),
        "sk-" + rng.choice(["", "proj-"]) + "1" + some(rng, ALNUM, 40),
    ]
    key = rng.choice(keys)
    return key, rng.choice(["using key {}", "api_key={}", "[key: {}]", "rejected {}"]).format(key)


def generic_key(rng: random.Random) -> tuple[str, str]:
    key = "A1b" + some(rng, ALNUM, 29)
    shapes = ['"apiKey": "{}"', "MISTRAL_API_KEY={}", "x-api-key: {}", "client_secret={}&a=b"]
    return key, rng.choice(shapes).format(key)


def bearer(rng: random.Random) -> tuple[str, str]:
    token = some(rng, ALNUM, 20) + "7_" + some(rng, ALNUM, 8)
    basic = base64.b64encode(f"user:{some(rng, ALNUM, 10)}".encode()).decode()
    return rng.choice(
        [
            (token, f"Authorization: Bearer {token}"),
            (token, f'"authorization":"Bearer {token}"'),
            (token, f"sent bearer {token} to gateway"),
            (basic, f"Authorization: Basic {basic}"),
        ]
    )


def password(rng: random.Random) -> tuple[str, str]:
    value = some(rng, ALNUM, 6) + rng.choice("!#$%*+") + some(rng, ALNUM, 4)
    shapes = [
        "password={}",
        "password={}, email=none",
        '"password":"{}"',
        "DB_PASSWORD={}",
        "spring.datasource.password: {}",
        "pwd='{}'",
        "login failed, password is {}",
        "run --password {} --verbose",
    ]
    return value, rng.choice(shapes).format(value)


def url_password(rng: random.Random) -> tuple[str, str]:
    value = some(rng, ALNUM, 5) + rng.choice(["", "@", "!", "/", "%40"]) + some(rng, ALNUM, 6)
    shapes = [
        "postgres://app:{}@db:5432/orders",
        "mongodb+srv://root:{}@cluster0.example.net/test",
        "redis://:{}@cache:6379/0",
        "jdbc url amqp://guest:{}@rabbit/",
    ]
    return value, rng.choice(shapes).format(value)


def connection_string(rng: random.Random) -> tuple[str, str]:
    value = some(rng, ALNUM, 12)
    shapes = [
        "Server=db;User Id=sa;Password={};Encrypt=true",
        "Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey=Zz9{}=",
        "host=db user=app password={} dbname=orders",
    ]
    return value, rng.choice(shapes).format(value)


def jwt(rng: random.Random) -> tuple[str, str]:
    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    head = part({"alg": "HS256", "typ": "JWT"})
    token = f"{head}.{part({'sub': some(rng, ALNUM, 8)})}.{some(rng, ALNUM + '_-', 43)}"
    return token, rng.choice(["USER TOKEN: {}", "token={}", "decoded {} ok"]).format(token)


def private_key(rng: random.Random) -> tuple[str, str]:
    body = some(rng, ALNUM + "+/", 120)
    kind = rng.choice(["RSA ", "EC ", "", "OPENSSH "])
    return body, f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


def email(rng: random.Random) -> tuple[str, str]:
    address = f"{some(rng, string.ascii_lowercase, 6)}.{some(rng, string.ascii_lowercase, 5)}"
    address += rng.choice(["", "+tag"]) + rng.choice(["@example.com", "@mail.example.co.uk"])
    return address, rng.choice(["user {}", "email={},", "<{}>", "[to: {}]"]).format(address)


def card(rng: random.Random) -> tuple[str, str]:
    prefix, length = rng.choice([("4", 16), ("51", 16), ("37", 15), ("6011", 16)])
    start = prefix + some(rng, string.digits, length - len(prefix) - 1)
    number = next(start + one for one in string.digits if passes_luhn(start + one))
    if length == 16:
        separator = rng.choice(["", " ", "-"])
        number = separator.join(number[at : at + 4] for at in range(0, 16, 4))
    return number, rng.choice(["card {}", "cardNumber={}", "[pan: {}]"]).format(number)


def iban(rng: random.Random) -> tuple[str, str]:
    country, length = rng.choice([("DE", 22), ("NL", 18), ("FR", 27), ("GB", 22)])
    bank = some(rng, string.ascii_uppercase, 4) if country in ("NL", "GB") else ""
    body = bank + some(rng, string.digits, length - 4 - len(bank))
    checks = (f"{country}{check:02}{body}" for check in range(2, 99))
    number = next(one for one in checks if passes_mod_97(one))
    if rng.random() < 0.5:
        number = " ".join(number[at : at + 4] for at in range(0, length, 4))
    return number, rng.choice(["iban {}", "IBAN={},", "account {} unknown"]).format(number)


def address_or_phone(rng: random.Random) -> tuple[str, str]:
    d = string.digits
    values = [
        f"{rng.choice([8, 84, 91])}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(99)}",
        f"2a02:{some(rng, d, 3)}1:{rng.randrange(10, 99)}a::{rng.randrange(1, 99)}",
        f"+49 30 {some(rng, d, 7)}",
        f"+1-555-{some(rng, '23456789', 3)}-{some(rng, d, 4)}",
        f"({rng.randrange(200, 999)}) {rng.randrange(200, 999)}-{some(rng, d, 4)}",
        f"+44{some(rng, '123456789', 10)}",
    ]
    value = rng.choice(values)
    return value, rng.choice(["from {}", "client={}", "[contact: {}]"]).format(value)


KINDS: Final[dict[str, Callable[[random.Random], tuple[str, str]]]] = {
    one.__name__: one
    for one in (
        api_key,
        generic_key,
        bearer,
        password,
        url_password,
        connection_string,
        jwt,
        private_key,
        email,
        card,
        iban,
        address_or_phone,
    )
}


def planted_secrets(count: int, seed: int = 4) -> list[PlantedSecret]:
    """`count` secrets, the kinds in turn."""
    rng = random.Random(seed)
    kinds = list(KINDS.items())
    return [PlantedSecret(kind, *make(rng)) for kind, make in (kinds[n % 12] for n in range(count))]
