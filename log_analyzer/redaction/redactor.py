"""What must not leave for the model: secrets and personal data become stable placeholders.

`<EMAIL_1>` is the same address wherever it stands in an incident. Timestamps, ids and numbers
that are none of the known kinds stay whole. It knows patterns, not meaning: names of people and
passwords without a word that says so are not found.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from log_analyzer.redaction import credentials
from log_analyzer.redaction import personal_data as personal

Span = tuple[int, int]
Finder = Callable[[str, int, int], Iterator[Span]]

# In order: what an earlier one has found, a later one does not see. None: it stays as it is.
_FINDERS: Final[tuple[tuple[str | None, Finder], ...]] = (
    ("PRIVATE_KEY", credentials.private_keys),
    ("JWT", credentials.jwts),
    ("PASSWORD", credentials.passwords),
    ("TOKEN", credentials.tokens),
    ("KEY", credentials.api_keys),
    ("EMAIL", personal.emails),
    ("IBAN", personal.ibans),
    (None, personal.ours),
    ("CARD", personal.cards),
    ("IP", personal.ip_addresses),
    ("PHONE", personal.phones),
)
PLACEHOLDER: Final = re.compile(r"<(?P<kind>[A-Z_]{2,12})_(?P<number>\d{1,6})>")
# Never kept and never put back, whatever a setting says: they help nobody in a channel.
NEVER_PUT_BACK: Final = frozenset({"PRIVATE_KEY", "JWT", "PASSWORD", "TOKEN", "KEY", "CARD"})


class Redactor:
    """Redacts the texts of one incident; the same value has the same placeholder in all of them.

    Args:
        originals: placeholder -> value of an earlier redactor of the incident, to go on with.
    """

    def __init__(self, originals: Mapping[str, str] | None = None) -> None:
        self._originals = dict(originals or {})
        self._placeholders = {
            (match["kind"], value): placeholder
            for placeholder, value in self._originals.items()
            if (match := PLACEHOLDER.fullmatch(placeholder))
        }
        self._taken = set(self._originals)

    def redact(self, text: str) -> str:
        """`text` with placeholders. Redacting its result again changes nothing."""
        found: list[tuple[int, int, str | None]] = [
            (*match.span(), None) for match in PLACEHOLDER.finditer(text)
        ]
        # A log line may hold what looks like a placeholder: it never means another's value.
        self._taken.update(text[start:end] for start, end, _ in found)
        for kind, finder in _FINDERS:
            for start, end in _gaps(found, len(text)):
                spans = [one for one in finder(text, start, end) if one[0] < one[1]]
                found += [(*one, kind) for one in _apart(spans)]
            found.sort(key=lambda one: one[0])
        parts, last = [], 0
        for start, end, kind in found:
            kept = text[start:end] if kind is None else self._placeholder(kind, text[start:end])
            parts += [text[last:start], kept]
            last = end
        return "".join([*parts, text[last:]])

    def restore(self, text: str, *, allowed: bool) -> str:
        """`text` with what stood there, where a setting allows it; credentials never come back.

        For what goes to Slack only, never for a model. A placeholder of nobody's stays.
        """
        if not allowed:
            return text
        kept = self.kept_of(text)
        return PLACEHOLDER.sub(lambda match: kept.get(match[0], match[0]), text)

    def kept_of(self, *texts: str) -> dict[str, str]:
        """Placeholder -> value, for the placeholders in these texts that may be put back."""
        return {
            match[0]: self._originals[match[0]]
            for text in texts
            for match in PLACEHOLDER.finditer(text)
            if match[0] in self._originals and match["kind"] not in NEVER_PUT_BACK
        }

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._placeholders.get((kind, value))
        if known is None:
            numbers = (f"<{kind}_{number}>" for number in itertools.count(1))
            known = next(one for one in numbers if one not in self._taken)
            self._taken.add(known)
            self._placeholders[kind, value] = known
            self._originals[known] = value
        return known


def neutral(text: str) -> str:
    """Text of another incident, whose numbers mean nothing here: `<EMAIL_1>` becomes `<EMAIL>`."""
    return PLACEHOLDER.sub(lambda match: f"<{match['kind']}>", text)


def redact(text: str) -> str:
    """`text` redacted on its own: numbers start at 1."""
    return Redactor().redact(text)


def _gaps(found: list[tuple[int, int, str | None]], length: int) -> list[Span]:
    """What is not found yet, between the spans of `found` (sorted, apart)."""
    gaps, last = [], 0
    for start, end, _ in found:
        if start > last:
            gaps.append((last, start))
        last = end
    return [*gaps, (last, length)] if last < length else gaps


def _apart(spans: list[Span]) -> list[Span]:
    """Spans that overlap or touch as one, so that no end of a secret stays."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
