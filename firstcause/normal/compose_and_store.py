"""Composes the normal in force from the learned hours, and stores it."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

import structlog

from firstcause.errors import FirstcauseError
from firstcause.normal.composed_normal_store import ComposedNormalStore, NormalVersion
from firstcause.normal.learned_hour_store import LearnedHourStore
from firstcause.normal.revision import digest
from root_cause.normal.codec import decode, encode
from root_cause.normal.composition import LearnedHour, chosen, compose, own_slots
from root_cause.normal.learned_counts import Normal

log = structlog.get_logger(__name__)

# The version of the composition rules: other rules give another version of the same hours.
RULES: Final = b"1"
# Learned hours are replaced during reading only if two processes learn at the same time.
ATTEMPTS: Final = 3


def compose_in_force(
    slices: LearnedHourStore, normals: ComposedNormalStore
) -> NormalVersion | None:
    """Composes the learned hours and puts the result in force; None if nothing is learned.

    Blocks: reads at most 288 learned hours, one service at a time, so memory holds one service.
    The version's name derives from its learned hours: if it is in force already, nothing is
    written. A repetition after a crash writes the same rows. If another process replaces learned
    hours meanwhile, this starts again, so that a version contains exactly what its name says.

    Raises:
        DriverException, NoHostAvailable: the driver's; what was in force stays in force.
        FirstcauseError: a learned hour cannot be read, or was replaced in each attempt.
    """
    for _ in range(ATTEMPTS):
        hours = _chosen(slices, normals.zone)
        if not hours:
            return None
        version, slots = _name(hours, normals.zone), own_slots(hours, normals.zone)
        known = normals.versions()
        if known and known[0].version == version:
            return known[0]
        is_whole = _write_rows(slices, normals, version, hours, slots)
        if is_whole and _chosen(slices, normals.zone) == hours:
            composed = normals.put_in_force(version, slots, hours)
            log.info("normal_composed", version=version, hours=len(hours), slots=slots)
            return composed
        log.warning("slices_replaced_meanwhile", version=version)
        normals.drop_unnamed(version, slots)
    raise FirstcauseError(
        "Another process learns at the same time and replaces what is composed: run this again "
        "when it is done."
    )


def _chosen(slices: LearnedHourStore, zone: tzinfo) -> list[LearnedHour]:
    return chosen((one.learned for one in slices.records() if one.learned is not None), zone)


def _write_rows(
    slices: LearnedHourStore,
    normals: ComposedNormalStore,
    version: str,
    hours: list[LearnedHour],
    slots: list[str],
) -> bool:
    """Writes a version's rows, service by service; False if a learned hour was removed."""
    hours_of: dict[str, list[LearnedHour]] = {}
    for hour in hours:
        names = slices.services(hour)
        if not names:
            return False
        for name in names:
            hours_of.setdefault(name, []).append(hour)
    for name, own in sorted(hours_of.items()):
        learned = []
        for hour, row in zip(own, slices.profiles(own, name), strict=True):
            if row is None:
                return False
            learned.append((hour, decode({name: row})))
        composed = compose(learned, hours[-1].hour_ms, slots, normals.zone)
        normals.put_rows(version, _rows(name, composed))
    return True


def _rows(name: str, composed: dict[str, Normal]) -> dict[tuple[str, str], bytes]:
    """The rows by (slot, service). Every normal encodes its total too; only one row has it."""
    rows = {}
    for slot, normal in composed.items():
        encoded = encode(normal)
        if name in encoded:
            rows[slot, name] = encoded[name]
    return rows


def _name(hours: list[LearnedHour], zone: tzinfo) -> str:
    parts = [f"{hour.hour_ms} {hour.revision}".encode() for hour in hours]
    # Hours of another time zone are other slots.
    own = [] if str(zone) == "UTC" else [str(zone).encode()]
    return digest([RULES, *own, *parts])
