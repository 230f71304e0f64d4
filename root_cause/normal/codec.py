"""Serialises normal: compressed JSON, a row a service."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from firstcause.errors import FirstcauseError
from root_cause.normal.learned_counts import VERSION, Normal, ServiceNormal
from root_cause.traces.durations import Stretch, TimeKey

# The row of what concerns no single service.
TOTALS: Final = ""
_LEVEL: Final = 9


def encode(normal: Normal) -> dict[str, bytes]:
    """A row by service name, and one under `TOTALS`; equal normals make equal rows."""
    rows = {name: _packed(_service(part)) for name, part in normal.services.items()}
    totals: dict[str, Any] = {"version": VERSION, "traces": normal.traces}
    if normal.noise:
        totals["noise"] = sorted([score, count] for score, count in normal.noise.items())
    rows[TOTALS] = _packed(totals)
    return rows


def decode(rows: Mapping[str, bytes]) -> Normal:
    """The normal of these rows; of no rows an empty one. Services may be left out.

    Raises:
        FirstcauseError: a row is broken, or of another version: it has to be learned again.
    """
    normal = Normal()
    for name, row in rows.items():
        try:
            read = orjson.loads(zlib.decompress(row))
            if read["version"] != VERSION:
                raise FirstcauseError(
                    f"The normal of {name or 'the system'} has version {read['version']}, not "
                    f"{VERSION}: learn it again."
                )
            if name == TOTALS:
                normal.traces = read["traces"]
                normal.noise.update(dict(read.get("noise", ())))
            else:
                normal.services[name] = _part(read)
        except (zlib.error, orjson.JSONDecodeError, KeyError, IndexError, ValueError) as error:
            raise FirstcauseError(
                f"The normal of {name or 'the system'} cannot be read: learn it again."
            ) from error
    return normal


def _packed(row: dict[str, Any]) -> bytes:
    return zlib.compress(orjson.dumps(row), _LEVEL)


class _Words:
    """Numbers for texts; in the order of the texts, so that equal content is equal bytes."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = sorted(set(texts))
        self._numbers = {text: number for number, text in enumerate(self.texts)}

    def numbers(self, texts: Iterable[str]) -> list[int]:
        return [self._numbers[text] for text in texts]


def _service(part: ServiceNormal) -> dict[str, Any]:
    texts: list[str] = [*part.events, *part.entries, *part.ends, *part.error_traces]
    for context, counts in part.successors.items():
        texts += [*context, *counts]
    for keys in (part.follows, part.times, part.context_traces):
        for key in keys:
            texts += key
    words = _Words(texts)
    return {
        "version": VERSION,
        "words": words.texts,
        "successors": sorted(
            [
                *words.numbers(context),
                sorted([*words.numbers((after,)), n] for after, n in counts.items()),
            ]
            for context, counts in part.successors.items()
        ),
        "times": sorted(
            [*words.numbers(key), sorted(map(list, times.items()))]
            for key, times in part.times.items()
        ),
        "context_traces": _counts(part.context_traces, words.numbers),
        "follows": _counts(part.follows, words.numbers),
        "events": _counts(part.events, lambda text: words.numbers((text,))),
        "entries": _counts(part.entries, lambda text: words.numbers((text,))),
        "ends": _counts(part.ends, lambda text: words.numbers((text,))),
        "error_traces": _counts(part.error_traces, lambda text: words.numbers((text,))),
    }


def _counts(counts: Mapping[Any, int], numbers: Callable[[Any], list[int]]) -> list[list[int]]:
    return sorted([*numbers(key), count] for key, count in counts.items())


def _part(row: dict[str, Any]) -> ServiceNormal:
    words = row["words"]
    part = ServiceNormal()
    for caller, before, here, counts in row["successors"]:
        part.successors[words[caller], words[before], words[here]] = {
            words[after]: count for after, count in counts
        }
    for stretch, one, other, operation, times in row["times"]:
        key = TimeKey(Stretch(words[stretch]), words[one], words[other], words[operation])
        part.times[key] = dict(times)
    for caller, before, here, count in row["context_traces"]:
        part.context_traces[words[caller], words[before], words[here]] = count
    for before, key, count in row["follows"]:
        part.follows[words[before], words[key]] = count
    for counts, pairs in (
        (part.events, row["events"]),
        (part.entries, row["entries"]),
        (part.ends, row["ends"]),
        (part.error_traces, row["error_traces"]),
    ):
        counts.update({words[word]: count for word, count in pairs})
    return part
