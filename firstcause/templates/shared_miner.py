"""Stores learned templates in Cassandra as append-only lists that all instances share.

A message that matches a known pattern needs no I/O. For other messages the process reads what other
instances have appended to the leaf. If none of that matches, the new pattern is appended as the
next row by a lightweight transaction. If another instance was faster, the message is matched again.
So all processes hold prefixes of the same lists. The first matching pattern decides, so a message
has the same template id in all of them and after any restart.

A full leaf starts another generation, at the earliest a day after its last one. Patterns that still
match messages are appended to it with their ids; the others age. While a leaf is full, a new
message has the template `<*>` and is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from cassandra.cluster import ConsistencyLevel, Session

from firstcause.errors import FirstcauseError
from firstcause.storage.cassandra import prepare_all
from log_templates.mask import VARIABLE
from log_templates.miner import Template, TemplateMiner
from log_templates.pattern import Pattern, Tokens
from log_templates.tokens import ANY, MASK
from log_templates.tree import CATCH_ALL, PATTERNS_OF_A_LEAF

# Raise it whenever masks or rules of learning change what a message's tokens are.
RULES_VERSION: Final = 2

# Hostile text can't turn a leaf over faster than that, so it costs so many writes a day at most.
GENERATION_SECONDS: Final = 86_400
# So long a full leaf is not asked about again.
FULL_SECONDS: Final = 60

_STORED_ANY: Final = "<any>"

_CQL: Final = {
    "after": "SELECT template_id, tokens FROM template_patterns "
    "WHERE rules = ? AND leaf = ? AND sequence >= ?",
    "newest": "SELECT sequence FROM template_patterns WHERE rules = ? AND leaf = ? "
    "ORDER BY sequence DESC LIMIT 1",
    "learned_at": "SELECT WRITETIME(template_id) AS micros FROM template_patterns "
    "WHERE rules = ? AND leaf = ? AND sequence = ?",
    "append": "INSERT INTO template_patterns (rules, leaf, sequence, template_id, tokens) "
    "VALUES (?, ?, ?, ?, ?) IF NOT EXISTS",
}


class TemplatePatternStore:
    """The log of each leaf. Every method blocks, and raises the driver's own errors."""

    def __init__(self, session: Session, rules: int = RULES_VERSION) -> None:
        self._session = session
        self._rules = rules
        self._statements = prepare_all(session, _CQL)
        # Sees a transaction that is decided but not yet written everywhere.
        for name in ("after", "newest", "learned_at"):
            self._statements[name].consistency_level = ConsistencyLevel.LOCAL_SERIAL

    def newest(self, leaf: int) -> int:
        """The place of the leaf's newest pattern; -1 for an empty leaf."""
        row = self._session.execute(self._statements["newest"], (self._rules, leaf)).one()
        return -1 if row is None else int(row.sequence)

    def age_seconds(self, leaf: int, sequence: int, now_seconds: float) -> float:
        """The age of the pattern at this place; 0 if there is none."""
        values = (self._rules, leaf, sequence)
        row = self._session.execute(self._statements["learned_at"], values).one()
        return 0.0 if row is None else now_seconds - row.micros / 1_000_000

    def after(self, leaf: int, known: int) -> list[Pattern]:
        """The patterns of a leaf but its first `known` ones, in their order."""
        values = (self._rules, leaf, known)
        rows = self._session.execute(self._statements["after"], values)
        return [Pattern(leaf, row.template_id, _from_stored(row.tokens)) for row in rows]

    def append(self, pattern: Pattern, known: int) -> bool:
        """Appends a pattern to a leaf that has `known`; False when it has more by now.

        After a timeout it may or may not have happened: read the leaf again before another try.
        """
        tokens = _to_stored(pattern.tokens)
        values = (self._rules, pattern.leaf, known, pattern.template_id, tokens)
        return bool(self._session.execute(self._statements["append"], values).was_applied)


class SharedTemplateMiner(TemplateMiner):
    """A miner whose templates are the same in all processes. Not for two threads.

    `add` blocks on Cassandra for a message that teaches something, and raises the driver's errors
    then (`AWAY`): nothing is learned in that case, and the same message can be added again.
    The id of a message is the same everywhere at any time; the text of a template may lag behind
    what another process has generalised, until this one meets such a message itself.
    """

    def __init__(
        self,
        session: Session,
        rules: int = RULES_VERSION,
        clock_seconds: Callable[[], float] = time.time,
        unplaced: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._store = TemplatePatternStore(session, rules)
        self._clock_seconds = clock_seconds
        self._unplaced = unplaced
        self._full_until: dict[int, float] = {}

    def add(self, message: str) -> Template:
        """As a miner of one process does; `unplaced` is called for one that found no place."""
        template = super().add(message)
        if template.template_id == CATCH_ALL:
            self._unplaced()
        return template

    def _learn(self, leaf: int, tokens: Tokens) -> UUID:
        tree = self._tree
        if self._full_until.get(leaf, 0.0) > self._clock_seconds():
            known = tree.match(leaf, tokens)
            return known.template_id if known else CATCH_ALL
        if not tree.is_known(leaf):
            oldest = (self._store.newest(leaf) // PATTERNS_OF_A_LEAF - 1) * PATTERNS_OF_A_LEAF
            tree.begin(leaf, max(0, oldest))
        # Each lost race fills a row of the leaf, so this ends at the latest when it is full.
        for _ in range(PATTERNS_OF_A_LEAF + 1):
            for pattern in self._store.after(leaf, tree.size(leaf)):
                self._learned(pattern)
            known = tree.match(leaf, tokens)
            if known is not None and not tree.has_aged(known):
                return known.template_id
            if tree.is_full(leaf) and not self._may_begin(leaf):
                self._full_until[leaf] = self._clock_seconds() + FULL_SECONDS
                return known.template_id if known else CATCH_ALL
            proposed = known or tree.propose(leaf, tokens)
            if self._store.append(proposed, tree.size(leaf)):
                self._learned(proposed)
                return proposed.template_id
        raise FirstcauseError(
            f"Rows of template_patterns, leaf {leaf}, are refused but can't be read: "
            "check the health of the Cassandra nodes."
        )

    def _may_begin(self, leaf: int) -> bool:
        """True when a full leaf may begin another generation: one a day, whatever is logged."""
        first = self._tree.size(leaf) - PATTERNS_OF_A_LEAF
        return self._store.age_seconds(leaf, first, self._clock_seconds()) >= GENERATION_SECONDS


def _to_stored(tokens: Tokens) -> list[str]:
    # No token of a message holds `<` beside another character, so these two stand for themselves.
    return [token.replace(VARIABLE, MASK).replace(ANY, _STORED_ANY) for token in tokens]


def _from_stored(tokens: list[str]) -> Tokens:
    return tuple(token.replace(MASK, VARIABLE).replace(_STORED_ANY, ANY) for token in tokens)
