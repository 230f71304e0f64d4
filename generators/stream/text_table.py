"""A table of all texts that log events are rendered from; a placeholder is an index into it.

So a whole batch of events is looked up by one gather of numpy and joined: joining is five times
as fast as %-formatting here. All texts are JSON-escaped ASCII already.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from faker import Faker

from generators.topology import Topology

Indexes = npt.NDArray[np.int64]

PEOPLE: Final = 400
NUMBERED: Final = 4096
MAX_WHOLE_NUMBER: Final = 65_535

# Pools of one group are drawn together, so that a person keeps name and address.
_GROUPS: Final = {
    "person": ("user_id", "user_name", "email", "city", "address", "ip"),
    "item": ("sku", "product", "amount"),
}
_PRODUCTS: Final = (
    "Oak desk", "Desk lamp", "Wool rug", "Tea kettle", "Bread knife", "Espresso cups",
    "Garden hose", "Hand drill", "Rain jacket", "Trail shoes", "Bike light", "Water bottle",
    "Headphones", "USB-C cable", "Notebook, dotted", "Fountain pen", "Linen sheets", "Pillow",
    "Cast-iron pan", "Spice rack", "Board game", "Puzzle, 1000 pieces", "Yoga mat", "Tent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pool:
    """Where the values of one variable stand: `offset` to `offset + size`, and its group."""

    offset: int
    size: int
    group: str


class TextTable:
    """The table: fixed texts first, then a region that each block of requests writes anew."""

    def __init__(self, topology: Topology, seed: int) -> None:
        self._texts: list[str] = []
        self.pools: dict[str, Pool] = {}
        self.instances: dict[str, Pool] = {}
        self.whole_numbers = self._add(map(str, range(MAX_WHOLE_NUMBER + 1)))
        self.three_digits = self._add(f"{number:03}" for number in range(1000))
        draw = random.Random(seed)  # noqa: S311 - a simulation keeps no secret
        self._add_variables(draw, _people(seed))
        self._add_instances(topology, draw)
        self._literals: dict[str, int] = {}
        self._array: npt.NDArray[Any] = np.empty(0, dtype=object)
        self._used = 0
        self._first_second = self._last_second = self._seconds = 0

    def literal(self, text: str) -> int:
        """The index of a fixed text; equal texts share one."""
        if text not in self._literals:
            self._literals[text] = self._add([text])
        return self._literals[text]

    def begin_block(self, first_second: int, last_second: int) -> None:
        """Frees what `put` wrote before; writes the seconds of the new block (since the epoch)."""
        self._used = len(self._texts)
        if len(self._array) < self._used:
            self._array = np.empty(self._used * 2, dtype=object)
        self._array[: self._used] = self._texts
        self._put_seconds(first_second, last_second)

    def put(self, texts: Sequence[str]) -> int:
        """Writes the texts of this block; returns the index of the first."""
        first, end = self._used, self._used + len(texts)
        if end > len(self._array):
            grown = np.empty(end * 3 // 2, dtype=object)
            grown[:first] = self._array[:first]
            self._array = grown
        self._array[first:end] = texts
        self._used = end
        return first

    def second_indexes(self, seconds: Indexes) -> Indexes:
        """Where the texts of these seconds stand; they may lie outside of the block."""
        first, last = int(seconds.min()), int(seconds.max())
        if first < self._first_second or last > self._last_second:
            self._put_seconds(min(first, self._first_second), max(last, self._last_second))
        return seconds + (self._seconds - self._first_second)

    def look_up(self, indexes: Indexes) -> list[list[str]]:
        """The texts at a matrix of indexes, row by row."""
        rows: list[list[str]] = self._array[indexes].tolist()
        return rows

    def _put_seconds(self, first: int, last: int) -> None:
        moments = np.arange(first, last + 1).astype("datetime64[s]")
        self._first_second, self._last_second = first, last
        self._seconds = self.put([f"{text}." for text in np.datetime_as_string(moments).tolist()])

    def _add(self, texts: Any) -> int:
        offset = len(self._texts)
        self._texts.extend(texts)
        return offset

    def _add_pool(self, name: str, group: str, values: Sequence[str]) -> None:
        offset = self._add(escaped(value) for value in values)
        self.pools[name] = Pool(offset, len(values), group)

    def _add_variables(self, draw: random.Random, people: tuple[tuple[str, ...], ...]) -> None:
        for name, values in zip(_GROUPS["person"], zip(*people, strict=True), strict=True):
            self._add_pool(name, "person", values)
        items = [
            (f"SKU-{draw.randrange(10_000, 99_999)}", product, f"{draw.uniform(3, 400):.2f}")
            for product in _PRODUCTS
        ]
        for name, values in zip(_GROUPS["item"], zip(*items, strict=True), strict=True):
            self._add_pool(name, "item", values)
        for name, prefix in (
            ("order_id", "ORD"),
            ("cart_id", "CRT"),
            ("payment_id", "PAY"),
            ("tracking_id", "TRK"),
        ):
            numbers = draw.sample(range(10_000_000, 99_999_999), NUMBERED)
            self._add_pool(name, name, [f"{prefix}-{number}" for number in numbers])
        for name, low, high in (
            ("quantity", 1, 9),
            ("rows", 1, 240),
            ("size_kb", 2, 900),
            ("percent", 5, 64),
            ("short_ms", 1, 40),
            ("queue_depth", 0, 30),
            ("connections", 2, 18),
            ("worker", 1, 16),
        ):
            self._add_pool(name, name, [str(number) for number in range(low, high + 1)])
        self._add_pool(
            "card_last4", "card_last4", [f"{draw.randrange(10_000):04}" for _ in range(NUMBERED)]
        )

    def _add_instances(self, topology: Topology, draw: random.Random) -> None:
        for name, service in topology.services.items():
            build = f"{draw.getrandbits(36):09x}"
            fragments = []
            for number in range(service.instances):
                region = service.regions[number % len(service.regions)]
                instance = f"{name}-{build}-{draw.getrandbits(20):05x}"
                fragments.append(
                    f'"service_name":"{escaped(name)}","instance":"{instance}",'
                    f'"region":"{region}","cloud_provider":"{service.provider}"'
                )
            self.instances[name] = Pool(self._add(fragments), len(fragments), name)


def escaped(text: str) -> str:
    """Text as it stands between the quotes of a JSON string, in ASCII."""
    return json.dumps(text)[1:-1]


@functools.lru_cache(maxsize=4)
def _people(seed: int) -> tuple[tuple[str, ...], ...]:
    fakers = [Faker("en_US"), Faker("de_DE"), Faker("fr_FR")]
    for number, faker in enumerate(fakers):
        faker.seed_instance(seed * len(fakers) + number)
    people: list[tuple[str, ...]] = []
    for number in range(PEOPLE):
        faker = fakers[number % len(fakers)]
        people.append(
            (
                f"u-{faker.unique.random_int(100_000, 999_999)}",
                faker.name(),
                faker.ascii_safe_email(),
                faker.city(),
                faker.street_address(),
                faker.ipv4_public(),
            )
        )
    return tuple(people)
