"""A reason for the first screen of a message: what is different, without any counts. Pure."""

from __future__ import annotations

import re
from typing import Final

# The sentences of `reasons`.
_TIME: Final = r"[\d.]+ m?s"
_SLOW: Final = re.compile(
    rf"(?P<what>.+?) usually takes up to (?P<usual>{_TIME}); since [\d:]+ it takes more than .*?"
    rf"typically (?P<now>{_TIME})",
    re.DOTALL,
)
_BETWEEN: Final = re.compile(r"From .* in (\S+) to .* in (\S+) it", re.DOTALL)
_MISSING: Final = re.compile(
    r"(?:After|Without) .+?, (?P<expected>(?:[A-Z]+ )?`[^`]*` in \S+|the end of the request)"
    r" followed in .+?; since (?P<since>[\d:]+) it is missing in ",
    re.DOTALL,
)
_SAYS: Final = re.compile(
    r"(?P<service>\S+) says [A-Z]+ `.*` (?:once|[\d,]+ times) since (?P<since>[\d:]+)"
    r"(?P<stack>, with a stack trace of its code)?; (?P<known>it is new)?",
    re.DOTALL,
)


def in_short(sentence: str) -> str:
    """One sentence of `reasons` in short; any other sentence as it is."""
    if match := _SLOW.match(sentence):
        between = _BETWEEN.fullmatch(match["what"])
        what = f"The way from {between[1]} to {between[2]}" if between else match["what"]
        return f"{what} takes {match['now']}, usually up to {match['usual']}"
    if match := _MISSING.match(sentence):
        return f"Since {match['since']} {match['expected']} is missing"
    if match := _SAYS.match(sentence):
        kind = "a new error" if match["known"] else "this error"
        own = ", with a stack trace of its own code" if match["stack"] else ""
        return f"{match['service']} logs {kind} since {match['since']}{own}"
    return sentence


def logs_in(sentence: str) -> str | None:
    """The service whose log line a sentence of `reasons` tells; None where it tells of no line."""
    match = _SAYS.match(sentence)
    return match["service"] if match else None
