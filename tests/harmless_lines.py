"""Lines that only look as if they held a secret: a redactor that touches them hides the cause.

Made from a seed, in the shapes of harmless_shapes.yaml.
"""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml

from tests.planted_secrets import some
from tests.secret_kinds import ALNUM, DIGITS, HEX

SHAPES_FILE: Final = Path(__file__).with_name("harmless_shapes.yaml")
WORDS: Final = (
    "orders",
    "payments",
    "checkout",
    "billing",
    "inventory",
    "gateway",
    "shipping",
    "search",
)


def _values(rng: random.Random) -> dict[str, Callable[[], str]]:
    def text(alphabet: str, count: int) -> Callable[[], str]:
        return lambda: some(rng, alphabet, count)

    return {
        "n": lambda: str(rng.randrange(1, 200_000)),
        "n3": text(DIGITS, 3),
        "n4": text("123456789", 4),
        "b": lambda: str(rng.randrange(1, 99)),
        "s": lambda: f"{rng.randrange(60):02}",
        "w": lambda: rng.choice(WORDS),
        "uuid": lambda: str(uuid.UUID(int=rng.getrandbits(128))),
        "h3": text("123456789abcdef", 3),
        "h4": text(HEX, 4),
        "h8": text(HEX, 8),
        "h10": text(HEX, 10),
        "h16": text(HEX, 16),
        "h24": text(HEX, 24),
        "h32": text(HEX, 32),
        "h40": text(HEX, 40),
        "h64": text(HEX, 64),
        "x2": text("ABCDEF", 2),
        "r5": text("bcdfghjklmnpqrstvwxz2456789", 5),
        "ulid": lambda: "01" + some(rng, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24),
        "k27": text(ALNUM, 27),
        "Camel": lambda: (
            rng.choice(("Abstract", "Order", "Session", "Credential", "Password", "Token", "Bean"))
            + rng.choice(("Proxy", "Store", "Filter"))
        ),
    }


class _Fresh(dict[str, str]):
    """Another value each time that a name is asked for."""

    def __init__(self, makers: dict[str, Callable[[], str]]) -> None:
        super().__init__()
        self._makers = makers

    def __missing__(self, key: str) -> str:
        return self._makers[key]()


def harmless(count: int, seed: int, *, unseen: bool) -> Iterator[str]:
    """`count` lines, the shapes in turn."""
    rng = random.Random(f"{seed} {unseen}")
    found = yaml.safe_load(SHAPES_FILE.read_text(encoding="utf-8"))
    shapes = found["unseen" if unseen else "known"]
    for number in range(count):
        yield string.Formatter().vformat(shapes[number % len(shapes)], (), _Fresh(_values(rng)))
