"""Templates that all instances share: what is learned is appended to a log in Cassandra.

A message that fits a pattern this process knows costs no I/O. One that fits none reads what
others have appended to its leaf; if that doesn't fit either, what it teaches is appended as the
next row by a lightweight transaction, which fails when another was faster: then it is matched
anew. All processes therefore hold beginnings of the same logs, and since the first fitting pattern
decides, the same message has the same template id in all of them and after any restart.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from cassandra.cluster import ConsistencyLevel, Session

from firstcause.errors import FirstcauseError
from firstcause.storage.cassandra import prepare_all
from log_templates.mask import VARIABLE
from log_templates.miner import TemplateMiner
from log_templates.tokens import ANY, MASK
from log_templates.tree import CATCH_ALL, PATTERNS_OF_A_LEAF, Pattern, Tokens

# Raise it whenever masks or rules of learning change what a message's tokens are.
RULES_VERSION: Final = 2

_STORED_ANY: Final = "<any>"

_CQL: Final = {
    "after": "SELECT template_id, tokens FROM template_patterns "
    "WHERE rules = ? AND leaf = ? AND sequence >= ?",
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
        self._statements["after"].consistency_level = ConsistencyLevel.LOCAL_SERIAL

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

    def __init__(self, session: Session, rules: int = RULES_VERSION) -> None:
        super().__init__()
        self._store = TemplatePatternStore(session, rules)

    def _learn(self, leaf: int, tokens: Tokens) -> UUID:
        # Each lost race fills a row of the leaf, so this ends at the latest when it is full.
        for _ in range(PATTERNS_OF_A_LEAF + 1):
            for pattern in self._store.after(leaf, self._tree.size(leaf)):
                self._tree.learn(pattern)
            known = self._tree.match(leaf, tokens)
            if known is not None:
                return known.template_id
            proposed = self._tree.propose(leaf, tokens)
            if proposed is None:
                return CATCH_ALL
            if self._store.append(proposed, self._tree.size(leaf)):
                self._tree.learn(proposed)
                return proposed.template_id
        raise FirstcauseError(
            f"Rows of template_patterns, leaf {leaf}, are refused but can't be read: "
            "check the health of the Cassandra nodes."
        )


def _to_stored(tokens: Tokens) -> list[str]:
    # No token of a message holds `<` beside another character, so these two stand for themselves.
    return [token.replace(VARIABLE, MASK).replace(ANY, _STORED_ANY) for token in tokens]


def _from_stored(tokens: list[str]) -> Tokens:
    return tuple(token.replace(MASK, VARIABLE).replace(_STORED_ANY, ANY) for token in tokens)
