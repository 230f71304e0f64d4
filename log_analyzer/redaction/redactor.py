"""Replaces secrets and personal data by placeholders that stay the same within a prompt.

`<EMAIL_1>` is the same address everywhere in an incident. Timestamps, ids and numbers of no known
kind are kept. The rules know patterns, not meaning: they do not find names of people, nor
passwords without a word that announces them.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping
from typing import Final, NewType

from log_analyzer.redaction import vendor_tokens
from log_analyzer.redaction.headers import HEADER_RULES
from log_analyzer.redaction.identity_documents import DOCUMENT_RULES, SOCIAL_SECURITY_RULE
from log_analyzer.redaction.numbers import BIRTH_RULE, NUMBER_RULES, PHONE_RULES
from log_analyzer.redaction.passwords.behind_names import PASSWORD_RULES, TOKEN_RULES
from log_analyzer.redaction.passwords.in_calls import CALL_RULES
from log_analyzer.redaction.passwords.in_markup import (
    PASSWORD_MARKUP_RULES,
    TOKEN_MARKUP_RULES,
)
from log_analyzer.redaction.passwords.in_sentences import PROSE_RULES
from log_analyzer.redaction.passwords.in_urls import URL_RULES
from log_analyzer.redaction.passwords.of_clients import CLIENT_RULES
from log_analyzer.redaction.passwords.tokens_in_sentences import SAID_TOKEN_RULES
from log_analyzer.redaction.personal_data import ADDRESS_RULES, KEPT_RULES, NAMED_ID_RULES
from log_analyzer.redaction.random_keys import KEY_RULES, RANDOM_RULES
from log_analyzer.redaction.rule import Finder, Rule, Span

# Text that holds placeholders only. Made by `Redactor.redact` and from words of our own; what asks
# for this type can't be given a log line by mistake: mypy refuses.
Redacted = NewType("Redacted", str)

_EMAIL_RULES: Final = ADDRESS_RULES[:1]
# The table. In order: what an earlier rule has found, a later one does not see.
RULES: Final[tuple[Rule, ...]] = (
    *KEY_RULES,
    *URL_RULES,
    *HEADER_RULES,
    *PASSWORD_MARKUP_RULES,
    *PASSWORD_RULES,
    *CLIENT_RULES,
    *CALL_RULES,
    *PROSE_RULES,
    *TOKEN_MARKUP_RULES,
    *TOKEN_RULES,
    *SAID_TOKEN_RULES,
    *vendor_tokens.VENDOR_RULES,
    *RANDOM_RULES,
    *_EMAIL_RULES,
    *BIRTH_RULE,
    *DOCUMENT_RULES,
    *KEPT_RULES,
    *SOCIAL_SECURITY_RULE,
    *NUMBER_RULES,
    *NAMED_ID_RULES,
    *ADDRESS_RULES[1:],
    *PHONE_RULES,
)


def _finders() -> tuple[tuple[str | None, Finder], ...]:
    """The rules as they run: neighbours of one kind together, all vendors' tokens in one pass."""
    finders: list[tuple[str | None, Finder]] = []
    for rule in RULES:
        if rule not in vendor_tokens.VENDOR_RULES:
            finders.append((rule.kind, rule.find))
        elif finders[-1][1] is not vendor_tokens.find:
            finders.append(("KEY", vendor_tokens.find))
    return tuple(finders)


_FINDERS: Final = _finders()
PLACEHOLDER: Final = re.compile(r"<(?P<kind>[A-Z_]{2,12})_(?P<number>\d{1,6})>")
# Never kept and never put back, whatever a setting says: they help nobody in a channel.
NEVER_PUT_BACK: Final = frozenset({"PRIVATE_KEY", "JWT", "PASSWORD", "TOKEN", "KEY", "CARD", "ID"})
# What is read of a text at the most, and how far a secret may reach over the end of a cut.
LOOKED_AT_CHARS: Final = 8_000
REACH_CHARS: Final = 4_000


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

    def redact(self, text: str, limit: int | None = None) -> Redacted:
        """`text` with placeholders, at most `limit` characters of it.

        Cut after redaction, so that half of a secret never stays, and not within a placeholder.
        With a limit no more than `LOOKED_AT_CHARS` are read. Redacting the result again changes
        nothing.
        """
        if limit is not None:
            text = cut_apart(text, max(limit, LOOKED_AT_CHARS))
        # A log line may hold what looks like a placeholder: it never means another's value.
        self._taken.update(match[0] for match in PLACEHOLDER.finditer(text))
        parts, last = [], 0
        for start, end, kind in _found(text):
            kept = text[start:end] if kind is None else self._placeholder(kind, text[start:end])
            parts += [text[last:start], kept]
            last = end
        whole = "".join([*parts, text[last:]])
        if limit is None or len(whole) <= limit:
            return Redacted(whole)
        crossed = next(
            (one for one in PLACEHOLDER.finditer(whole) if one.start() < limit < one.end()), None
        )
        return Redacted(whole[: crossed.start() if crossed else limit])

    def restore(self, text: str, *, allowed: bool) -> str:
        """`text` with the original values, if a setting allows it; credentials are never restored.

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


def redact(text: str) -> Redacted:
    """`text` redacted on its own: numbers start at 1."""
    return Redactor().redact(text)


def cut_apart(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, cut so that a later redaction still finds secrets.

    A secret is kept whole, with what shows it to be one, or not at all.
    """
    if len(text) <= limit:
        return text
    secrets = [one for one in _found(text[: limit + REACH_CHARS]) if one[2] is not None]
    end = limit
    while True:
        crossing = [start for start, stop, _ in secrets if start < end < stop]
        if not crossing:
            shown = [(start, stop) for start, stop, _ in _found(text[:end])]
            # What follows the cut may be what tells: postgres://app:hunter2 is no password.
            crossing = [
                start
                for start, stop, _ in secrets
                if stop <= end and not any(a <= start and stop <= b for a, b in shown)
            ]
        if not crossing:
            return text[:end]
        end = min(crossing)


@functools.lru_cache(maxsize=4_096)
def _found(text: str) -> tuple[tuple[int, int, str | None], ...]:
    """The places that rules find, apart and in order, with their kind; None: it stays whole."""
    found: list[tuple[int, int, str | None]] = [
        (*match.span(), None) for match in PLACEHOLDER.finditer(text)
    ]
    for kind, finder in _FINDERS:
        for start, end in _gaps(found, len(text)):
            spans = [one for one in finder(text, start, end) if one[0] < one[1]]
            found += [(*one, kind) for one in _apart(spans)]
        found.sort(key=lambda one: one[0])
    return tuple(found)


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
