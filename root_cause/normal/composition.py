"""Composes the normal in force from learned hours. Pure.

Newer hours weigh more, hours before a service's last deployment nothing, and an hour of the day in
which other requests come than usual has a normal of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from root_cause.normal.deployment import first_of_version
from root_cause.normal.learned_counts import Normal, decayed, merge
from root_cause.normal.request_mix import Mix, differs

_WEEK_MS: Final = 7 * 24 * 3_600_000
_SATURDAY: Final = 5

# The slot of the whole week.
WHOLE: Final = ""
HALF_LIFE_WEEKS: Final = 2
MOST_WEEKS: Final = 8
# More hours of one slot hardly add to what is known; this bounds the work: 48 slots.
MOST_HOURS_OF_SLOT: Final = 6
# In the normal of a slot, all other hours count so little: rare requests stay known.
OTHERS_COUNT: Final = 0.25


@dataclass(frozen=True, slots=True)
class LearnedHour:
    """What is known of a learned hour without reading its counts.

    Attributes:
        hour_ms: the beginning of the hour (event time).
        revision: of its content; equal content has equal revisions.
        mix: of its requests, by `mix_of`.
    """

    hour_ms: int
    revision: str
    mix: Mix = field(default_factory=dict)


def slot_of(at_ms: int, zone: tzinfo = UTC) -> str:
    """The slot of a moment: its hour of the day in a time zone, on a weekday or at the weekend."""
    moment = datetime.fromtimestamp(at_ms / 1000, zone)
    return f"{'weekend' if moment.weekday() >= _SATURDAY else 'weekday'}-{moment.hour:02d}"


def chosen(hours: Iterable[LearnedHour], zone: tzinfo = UTC) -> list[LearnedHour]:
    """The hours that count, in the order of time: the newest of each slot, none too old."""
    newest_first = sorted(hours, key=lambda one: -one.hour_ms)
    taken: Counter[str] = Counter()
    found = []
    for hour in newest_first:
        slot = slot_of(hour.hour_ms, zone)
        if _weeks(newest_first[0].hour_ms, hour) < MOST_WEEKS and taken[slot] < MOST_HOURS_OF_SLOT:
            taken[slot] += 1
            found.append(hour)
    return found[::-1]


def own_slots(hours: Iterable[LearnedHour], zone: tzinfo = UTC) -> list[str]:
    """The slots whose requests differ from those of all other hours."""
    mixes: dict[str, Counter[str]] = defaultdict(Counter)
    whole: Counter[str] = Counter()
    for hour in hours:
        mixes[slot_of(hour.hour_ms, zone)].update(hour.mix)
        whole.update(hour.mix)
    return sorted(slot for slot, mix in mixes.items() if differs(mix, whole - mix))


def compose(
    learned: Sequence[tuple[LearnedHour, Normal]],
    newest_ms: int,
    slots: Iterable[str],
    zone: tzinfo = UTC,
) -> dict[str, Normal]:
    """The normal of the whole week, under `WHOLE`, and those of these slots.

    Services are composed independently of one another, so normals of one service each may be
    given just as well as normals of all.

    Args:
        learned: the chosen hours in the order of time, with what each has of some services.
        newest_ms: the newest of all chosen hours, from which their ages count.
        slots: those with a normal of their own.
        zone: the time zone of their hours.
    """
    current = _of_current_versions(learned)
    found = {WHOLE: _faded(current, newest_ms)}
    for slot in slots:
        own = [one for one in current if slot_of(one[0].hour_ms, zone) == slot]
        others = [one for one in current if slot_of(one[0].hour_ms, zone) != slot]
        weak = decayed(_faded(others, newest_ms), OTHERS_COUNT)
        found[slot] = merge((_faded(own, newest_ms), weak))
    return found


def _of_current_versions(
    learned: Sequence[tuple[LearnedHour, Normal]],
) -> list[tuple[LearnedHour, Normal]]:
    """The same without what each service did before its last deployment."""
    first: dict[str, int] = {}
    for name in {name for _, normal in learned for name in normal.services}:
        with_it = [at for at, (_, normal) in enumerate(learned) if name in normal.services]
        counts = [learned[at][1].services[name].events for at in with_it]
        first[name] = with_it[first_of_version(counts)]
    return [
        (
            hour,
            Normal(
                {name: part for name, part in normal.services.items() if at >= first[name]},
                normal.traces,
                normal.noise,
            ),
        )
        for at, (hour, normal) in enumerate(learned)
    ]


def _faded(learned: Iterable[tuple[LearnedHour, Normal]], newest_ms: int) -> Normal:
    """All of it, by whole weeks of age: rounding after each hour would lose what is rare."""
    of_week: Mapping[int, list[Normal]] = defaultdict(list)
    for hour, normal in learned:
        of_week[_weeks(newest_ms, hour)].append(normal)
    return merge(
        decayed(merge(normals), 0.5 ** (weeks / HALF_LIFE_WEEKS))
        for weeks, normals in of_week.items()
    )


def _weeks(newest_ms: int, hour: LearnedHour) -> int:
    return (newest_ms - hour.hour_ms) // _WEEK_MS
