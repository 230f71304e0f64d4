"""Values of minutes in the notation of promtool's unit tests: `100x4 0+10x3 _x2`. Pure."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_PART: Final = re.compile(rf"^(?:(_)|({_NUMBER})([+-]\d+(?:\.\d+)?)?)(?:x(\d{{1,6}}))?$")


def values_of(text: str) -> list[float | None]:
    """The values, one a minute; None where there is none.

    As promtool reads them: `a` is one value, `axn` is `a` and then n times more, `a+bxn` adds `b`
    each time, `_` is a minute without a value and `_xn` n of them.

    Raises:
        ValueError: a part is none of these; it is named.
    """
    values: list[float | None] = []
    for part in text.split():
        match = _PART.match(part)
        if match is None or (match[3] and match[4] is None):
            raise ValueError(f"{part!r} is no value: say 100, 100x4, 0+10x3 or _x2")
        blank, start, step, times = match.groups()
        if blank:
            values += [None] * int(times or 1)
        else:
            more = range(int(times or 0) + 1)
            values += [float(start) + float(step or 0) * at for at in more]
    return values
