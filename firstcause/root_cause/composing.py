"""Composes the normal in force from the stored slices, and stores it."""

from __future__ import annotations

from typing import Final

import structlog

from firstcause.root_cause.composition import LearnedHour, chosen, compose, own_slots
from firstcause.root_cause.normal import Normal
from firstcause.root_cause.normal_codec import decode, encode
from firstcause.root_cause.normal_store import NormalStore, NormalVersion
from firstcause.root_cause.slice_store import SliceStore, digest

log = structlog.get_logger(__name__)

# Of the rules of composition: others make another version of the same slices.
RULES: Final = b"1"


def compose_in_force(slices: SliceStore, normals: NormalStore) -> NormalVersion | None:
    """Composes all that is learned and puts it in force; None while nothing is learned.

    Blocks: reads at most 288 slices, a service at a time, so that memory holds one service's. The
    version's name derives from the slices: where it is in force already nothing is written. A
    repetition after a crash writes the same rows.

    Raises:
        DriverException, NoHostAvailable: the driver's; what was in force stays in force.
        FirstcauseError: a slice cannot be read.
    """
    hours = chosen(one.learned for one in slices.records() if one.learned is not None)
    if not hours:
        return None
    version = _name(hours)
    known = normals.versions()
    if known and known[0].version == version:
        return known[0]
    newest_ms, slots = hours[-1].hour_ms, own_slots(hours)
    names = sorted({name for hour in hours for name in slices.services(hour)})
    for name in names:
        found = zip(hours, slices.profiles(hours, name), strict=True)
        learned = [(hour, decode({name: row})) for hour, row in found if row is not None]
        normals.put_rows(version, _rows(name, compose(learned, newest_ms, slots)))
    composed = normals.put_in_force(version, slots, hours)
    log.info("normal_composed", version=version, hours=len(hours), slots=slots, rows=len(names))
    return composed


def _rows(name: str, composed: dict[str, Normal]) -> dict[tuple[str, str], bytes]:
    """The rows by (slot, service). Every normal encodes its total too; only one row has it."""
    rows = {}
    for slot, normal in composed.items():
        encoded = encode(normal)
        if name in encoded:
            rows[slot, name] = encoded[name]
    return rows


def _name(hours: list[LearnedHour]) -> str:
    parts = [f"{hour.hour_ms} {hour.revision}".encode() for hour in hours]
    return digest([RULES, *parts])
