"""Generates random hex ids and UUIDs in bulk from a seeded generator."""

from __future__ import annotations

import numpy as np

# Two ASCII digits for each byte.
_HEX_PAIRS = np.frombuffer(bytes(range(256)).hex().encode("ascii"), dtype=np.uint16)


def hex_ids(random: np.random.Generator, count: int, digits: int) -> list[str]:
    """`count` ids of `digits` lower-case hex digits (an even number)."""
    text = random.bytes(count * digits // 2).hex()
    return [text[at : at + digits] for at in range(0, count * digits, digits)]


def uuids(
    random: np.random.Generator, count: int, before: bytes = b"", after: bytes = b""
) -> list[str]:
    """`count` random UUIDs (RFC 9562, version 4) in their usual text, between two texts."""
    raw = np.frombuffer(random.bytes(16 * count), dtype=np.uint8).reshape(count, 16).copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    digits = _HEX_PAIRS[raw].view(np.uint8)
    pattern = np.frombuffer(before + b"-" * 36 + after, dtype=np.uint8)
    out = np.tile(pattern, (count, 1))
    source, width = 0, len(pattern)
    for start, end in ((0, 8), (9, 13), (14, 18), (19, 23), (24, 36)):
        place = slice(len(before) + start, len(before) + end)
        out[:, place] = digits[:, source : source + end - start]
        source += end - start
    text = out.tobytes().decode("ascii")
    return [text[at : at + width] for at in range(0, width * count, width)]
