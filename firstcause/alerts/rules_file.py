"""The file of rules, checked on load."""

from __future__ import annotations

from pathlib import Path

from alerting.rules.model import RuleSet, SequenceRule
from firstcause.checked_yaml import CheckedYaml


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
