"""The file of rules: checked on load, and read again when it has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog

from alerting.rules.model import RuleSet, SequenceRule
from firstcause.checked_yaml import CheckedYaml
from firstcause.errors import FirstcauseError

_log = structlog.get_logger()


def load_rules(path: Path) -> RuleSet:
    """The rules of a file; blocks.

    Raises:
        FirstcauseError: the file can't be read, or a mistake in it, by file and line.
    """
    content = CheckedYaml(path)
    rules = content.validated(RuleSet)
    known: set[str] = set()
    for index, rule in enumerate(rules.rules):
        if rule.name in known:
            raise content.mistake(("rules", index, "name"), f"two rules are called {rule.name}")
        known.add(rule.name)
    by_name = rules.by_name
    for index, rule in enumerate(rules.rules):
        if not isinstance(rule, SequenceRule):
            continue
        for at, step in enumerate(rule.steps):
            place = ("rules", index, "steps", at)
            if step not in by_name:
                raise content.mistake(place, f"{rule.name}: there is no rule {step}")
            if isinstance(by_name[step], SequenceRule):
                raise content.mistake(place, f"{rule.name}: step {step} is a sequence itself")
    return rules


class RulesFile:
    """The rules in force. A broken edit is told once, and the last rules that worked stay.

    Args:
        path: the file.

    Raises (from the constructor):
        FirstcauseError: the file is wrong from the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = _digest(path)
        self.rules = load_rules(path)

    def reread(self) -> bool:
        """Reads the file again if its content has changed; blocks. True when rules are new."""
        digest = _digest(self._path)
        if digest == self._digest:
            return False
        self._digest = digest
        try:
            self.rules = load_rules(self._path)
        except FirstcauseError as error:
            _log.error("rules_not_read", error=str(error), kept="the rules of before")
            return False
        _log.info("rules_read", path=str(self._path), rules=len(self.rules.rules))
        return True


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
