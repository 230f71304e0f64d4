"""Nearly fifty kinds of secrets and personal data in the shapes that logs show, made from a seed.

The shapes stand in secret_shapes.yaml.
"""

from __future__ import annotations

import base64
import random
import string
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from log_analyzer.redaction.numbers import passes_luhn, passes_mod_97
from tests.planted_secrets import some

LOWER: Final = string.ascii_lowercase
DIGITS: Final = string.digits
ALNUM: Final = string.ascii_letters + DIGITS
BASE64: Final = ALNUM + "+/"
HEX: Final = "0123456789abcdef"
SHAPES_FILE: Final = Path(__file__).with_name("secret_shapes.yaml")

Make = Callable[[random.Random], str]


@dataclass(frozen=True)
class Planted:
    """`secret` must not be seen in what becomes of `line`."""

    kind: str
    secret: str
    line: str


def chars(alphabet: str, count: int) -> Make:
    return lambda rng: some(rng, alphabet, count)


def sure(rng: random.Random, count: int) -> str:
    """Letters of both sizes and digits, each for sure."""
    return some(rng, ALNUM, count - 3) + rng.choice(LOWER) + rng.choice("QWX") + rng.choice(DIGITS)


def password(rng: random.Random) -> str:
    return some(rng, ALNUM, 5) + rng.choice("!#$%*+") + some(rng, ALNUM, 4) + rng.choice(DIGITS)


def odd_password(rng: random.Random) -> str:
    return (
        some(rng, ALNUM, 4)
        + rng.choice("@/;{}!%:")
        + some(rng, ALNUM, 4)
        + rng.choice("@/!")
        + sure(rng, 4)
    )


def encoded(rng: random.Random) -> str:
    return urllib.parse.quote(some(rng, ALNUM, 4) + rng.choice("@/&!") + sure(rng, 5), safe="")


def words(rng: random.Random) -> str:
    return "".join(rng.choice(("horse", "correct", "battery", "staple", "tulip")) for _ in range(3))


def card(rng: random.Random) -> str:
    prefix, length = rng.choice([("4", 16), ("52", 16), ("37", 15), ("6011", 16)])
    start = prefix + some(rng, DIGITS, length - len(prefix) - 1)
    number = next(start + one for one in DIGITS if passes_luhn(start + one))
    gap = rng.choice(["", " ", "-"]) if length == 16 else ""
    return gap.join(number[at : at + 4] for at in range(0, length, 4))


def iban(rng: random.Random) -> str:
    body = some(rng, DIGITS, 18)
    number = next(f"DE{n:02}{body}" for n in range(2, 99) if passes_mod_97(f"DE{n:02}{body}"))
    return " ".join(number[at : at + 4] for at in range(0, 22, 4)) if rng.random() < 0.5 else number


def email(rng: random.Random) -> str:
    name = rng.choice(["{}.{}", "{}+{}", "{}_{}", "{}-{}"]).format(
        some(rng, LOWER, 5), some(rng, LOWER, 4)
    )
    return name + rng.choice(["@mail.example.com", "@corp.example.co.uk", "@firma.example.de"])


def ipv4(rng: random.Random) -> str:
    return ".".join(map(str, (rng.choice([5, 8, 84, 91, 203]), *rng.choices(range(99), k=3))))


def ipv6(rng: random.Random) -> str:
    groups = ["2a0" + rng.choice("1259"), *(some(rng, HEX, rng.choice([3, 4])) for _ in range(7))]
    if rng.random() < 0.5:
        at = rng.randrange(3, 6)
        return ":".join(groups[:at]) + "::" + ":".join(groups[at + 2 :])
    return ":".join(groups)


def phone(rng: random.Random) -> str:
    def d(count: int) -> str:
        return some(rng, "23456789", count)

    return rng.choice(
        [
            f"+49 30 {d(7)}",
            f"+351 9{d(2)} {d(3)} {d(3)}",
            f"({d(3)}) {d(3)}-{d(4)}",
            f"{d(3)}-{d(3)}-{d(4)}",
            f"06 {d(2)} {d(2)} {d(2)} {d(2)}",
            f"01-{d(2)}-{d(2)}-{d(2)}-{d(2)}",
            f"+44 (20) {d(4)} {d(4)}",
        ]
    )


def jwt(rng: random.Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = (
        base64.urlsafe_b64encode(f'{{"sub":"{some(rng, ALNUM, 9)}"}}'.encode()).decode().rstrip("=")
    )
    return f"{head}.{body}.{some(rng, ALNUM + '_-', 43)}"


def pem(rng: random.Random) -> str:
    return "MIIE" + sure(rng, 12) + some(rng, BASE64, 60)


def basic(rng: random.Random) -> str:
    return base64.b64encode(f"ann:{sure(rng, 9)}".encode()).decode()


def vendor(prefix: str, alphabet: str, count: int, suffix: str = "") -> Make:
    return lambda rng: f"{prefix}{some(rng, alphabet, count - 1)}{rng.choice('37')}{suffix}"


def ssn(rng: random.Random) -> str:
    return f"{rng.randrange(100, 665)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"


def national_id(rng: random.Random) -> str:
    def d(count: int) -> str:
        return some(rng, DIGITS, count)

    return rng.choice(
        [
            d(11),
            f"{d(3)} {d(3)} {d(3)}",
            f"{d(8)}{rng.choice('TRWAGM')}",
            f"{d(4)} {d(4)} {d(4)}",
            f"{d(6)}-{d(4)}",
            f"{some(rng, string.ascii_uppercase, 6)}80A01H{d(3)}X",
        ]
    )


def authorization_code(rng: random.Random) -> str:
    return rng.choice(
        [
            "4/0A" + sure(rng, 40),
            f"0.A{sure(rng, 30)}-{sure(rng, 20)}",
            some(rng, HEX, 19) + "a7",
        ]
    )


OTHER_VENDORS: Final = (
    ("xoxb-123456789012-", ALNUM, 24),
    ("sk_live_", ALNUM, 24),
    ("AIza", ALNUM, 35),
    ("npm_", ALNUM, 36),
    ("hvs.", ALNUM, 90),
    ("dop_v1_", HEX, 64),
    ("sk-proj-", ALNUM, 48),
    ("hf_", ALNUM, 34),
    ("shpat_", HEX, 32),
    ("GOCSPX-", ALNUM, 28),
    ("dckr_pat_", ALNUM, 27),
    ("sntryu_", HEX, 64),
    ("lin_api_", ALNUM, 40),
)


def long(count: int, before: str = "", alphabet: str = "", more: int = 0) -> Make:
    return lambda rng: before + sure(rng, count) + some(rng, alphabet or ALNUM, more)


KINDS: Final[dict[str, Make]] = {
    "assigned password": password,
    "word password": words,
    "said password": password,
    "url password": odd_password,
    "url encoded password": encoded,
    "password without scheme": chars(ALNUM, 9),
    "password without user": chars(ALNUM, 10),
    "query password": encoded,
    "query token": long(12),
    "odbc braces": long(8, "a;"),
    "client flag": chars(ALNUM, 9),
    "xml": chars(ALNUM, 9),
    "json in json": password,
    "env list": password,
    "assigned secret": long(14),
    "generic key": long(32),
    "hex secret": chars(HEX, 32),
    "bearer": long(24),
    "basic": basic,
    "api header": long(16),
    "cookie": long(20),
    "digest": chars(HEX, 32),
    "jwt": jwt,
    "private key": pem,
    "private key line": chars(BASE64, 64),
    "encoded key": long(60, "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ"),
    "slack webhook": long(24),
    "other webhook": long(60),
    "aws key": vendor("AKIA", string.ascii_uppercase + "234567", 16),
    "aws secret": long(8, alphabet=BASE64, more=32),
    "aws session": long(20, "IQoJb3JpZ2luX2VjE", BASE64, 130),
    "aws signature": chars(HEX, 64),
    "github": vendor("ghp_", ALNUM, 36),
    "gitlab": lambda rng: rng.choice(("glpat-", "glptt-", "glrt-", "glcbt-")) + sure(rng, 20),
    "other vendor": lambda rng: vendor(*rng.choice(OTHER_VENDORS))(rng),
    "email": email,
    "card": card,
    "iban": iban,
    "address": lambda rng: rng.choice([ipv4, ipv6])(rng),
    "phone": phone,
    "document": ssn,
    "national id": national_id,
    "authenticator seed": lambda rng: some(rng, string.ascii_uppercase + "234567", 31) + "7",
    "session": lambda rng: rng.choice([sure(rng, 26), some(rng, HEX, 31).upper() + "7"]),
    "authorization code": authorization_code,
    "said key": lambda rng: rng.choice([sure(rng, 24), some(rng, HEX, 38) + "7b"]),
    "statement password": password,
    "argument password": password,
    "wrapped password": password,
}


def shapes() -> dict[str, dict[str, list[str]]]:
    """Kind -> `known` and `unseen` -> lines with `{}` where the value stands."""
    found = yaml.safe_load(SHAPES_FILE.read_text(encoding="utf-8"))
    assert found.keys() == KINDS.keys()
    return dict(found)


def planted(count: int, seed: int, *, unseen: bool) -> Iterator[Planted]:
    """`count` secrets, the kinds in turn."""
    rng = random.Random(f"{seed} {unseen}")
    kinds, lines = list(KINDS.items()), shapes()
    for number in range(count):
        kind, make = kinds[number % len(kinds)]
        shape = rng.choice(lines[kind]["unseen" if unseen else "known"])
        value = make(rng)
        # What a log line holds before it; a line of a key stands alone.
        some_id = uuid.UUID(int=rng.getrandbits(128))
        before = "" if kind == "private key line" else rng.choice(("", "ERROR ", f"[{some_id}] "))
        yield Planted(kind, value, before + shape.format(value))
